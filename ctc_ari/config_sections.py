"""What the configuration holds: frozen sections with their defaults, which are those of `config.yaml`."""

from __future__ import annotations

from typing import Literal

import msgspec

from ctc_ari.config_file import SECRETS

__all__ = [
    "SHIPPED_PASSWORD",
    "AgentSeed",
    "Asterisk",
    "Config",
    "Crm",
    "CrmAgent",
    "CrmContact",
    "CrmHttp",
    "Database",
    "IceServer",
    "Inbound",
    "Limits",
    "Log",
    "Node",
    "Numbers",
    "RingTimeout",
    "Server",
    "WebRtc",
    "Webhooks",
    "Zammad",
]

#: Opens ARI on one machine out of the box; `config check` asks for another, and beyond loopback it is refused.
SHIPPED_PASSWORD = "change-me"  # noqa: S105 -- everybody knows it

NumberType = Literal[
    "fixed_line",
    "mobile",
    "fixed_line_or_mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "unknown",
]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    def __repr__(self) -> str:
        """Without secrets: what is printed ends in a log."""
        shown = (f"{name}={'***' if name in SECRETS else repr(getattr(self, name))}" for name in self.__struct_fields__)
        return f"{type(self).__name__}({', '.join(shown)})"


class Server(_Section, frozen=True, kw_only=True):
    """Where the service listens."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    #: Pages of other origins that may use the REST API and be phones: `https://crm.example.com`.
    allowed_origins: tuple[str, ...] = ()


class Database(_Section, frozen=True, kw_only=True):
    """PostgreSQL: `embedded` keeps one below `data_dir`, anything else is its URL."""

    url: str = "embedded"
    data_dir: str = "var"


class Node(_Section, frozen=True, kw_only=True):
    """One Asterisk."""

    name: str = "pbx1"
    ari_url: str = "http://127.0.0.1:8088/ari"
    username: str = "ctc"
    password: str = SHIPPED_PASSWORD


class RingTimeout(_Section, frozen=True, kw_only=True):
    """Seconds a phone rings before the call gives up on it."""

    agent: int = 25
    customer: int = 45


class Asterisk(_Section, frozen=True, kw_only=True):
    """The telephony side."""

    nodes: tuple[Node, ...] = (Node(),)
    app: str = "ctc"
    trunk: str = "PJSIP/{number}@trunk"
    trunk_contact: str | None = None
    trunk_addresses: tuple[str, ...] = ()
    #: Where an Asterisk that is not ours writes `cdr-csv` and `cel-custom`; None: below `data_dir`, as ours does.
    log_folder: str | None = None
    extensions: str = "PJSIP/{extension}"
    caller_id: str | None = None
    sip_bind: str = "127.0.0.1:5060"
    transport: Literal["auto", "websocket", "http"] = "auto"
    ring_timeout: RingTimeout = RingTimeout()
    max_call_seconds: int = 4 * 3600


class Numbers(_Section, frozen=True, kw_only=True):
    """Which numbers may be dialled."""

    default_region: str = "GB"
    allowed_regions: tuple[str, ...] = ("GB",)
    blocked_types: tuple[NumberType, ...] = ("premium_rate", "shared_cost", "personal_number", "unknown")
    emergency: Literal["deny"] = "deny"


class Limits(_Section, frozen=True, kw_only=True):
    """How much the service accepts; beyond it the answer is 429 at once."""

    agent_calls_per_minute: int = 10
    concurrent_calls: int = 100
    calls_per_second: int = 30
    duplicate_window: int = 10


class CrmAgent(_Section, frozen=True, kw_only=True):
    """Where in the CRM's answer an agent's fields stand."""

    extension: str = "extension"
    name: str = "name"


class CrmContact(_Section, frozen=True, kw_only=True):
    """Where in the CRM's answer a contact's fields stand; null: nowhere."""

    id: str = "id"
    name: str = "name"
    company: str | None = None
    email: str | None = None
    url: str | None = None


class CrmHttp(_Section, frozen=True, kw_only=True):
    """The CRM's own HTTP API; what has no URL is kept here instead."""

    agent_url: str | None = None
    contact_url: str | None = None
    calls_url: str | None = None
    header: str = "Authorization"
    authorization: str | None = None
    agent: CrmAgent = CrmAgent()
    contact: CrmContact = CrmContact()
    cache_seconds: int = 300


class Zammad(_Section, frozen=True, kw_only=True):
    """Zammad's generic CTI endpoint, which holds a token."""

    url: str | None = None


class Crm(_Section, frozen=True, kw_only=True):
    """Where agents and contacts come from, and who is told of calls."""

    kind: Literal["builtin", "http", "zammad"] = "builtin"
    http: CrmHttp = CrmHttp()
    zammad: Zammad = Zammad()


class Webhooks(_Section, frozen=True, kw_only=True):
    """Receivers of what happens to calls."""

    allow_private: bool = False
    keep_days: int = 7


class Inbound(_Section, frozen=True, kw_only=True):
    """DID in E.164 -> agent e-mail, list of e-mails that are rung one after another, or extension."""

    routes: dict[str, str | list[str]] = {}


class IceServer(_Section, frozen=True, kw_only=True):
    """A STUN or TURN server as browsers take it (W3C WebRTC, RTCIceServer)."""

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = None


class WebRtc(_Section, frozen=True, kw_only=True):
    """The browser as a phone."""

    enabled: bool = True
    ice_servers: tuple[IceServer, ...] = ()
    #: Shared with the TURN servers that have no username: each browser gets credentials for some hours.
    turn_secret: str | None = None


class Log(_Section, frozen=True, kw_only=True):
    """How many days the call log, and recordings, are kept; None: for ever."""

    keep_days: int | None = None
    keep_recordings_days: int | None = None


class AgentSeed(_Section, frozen=True, kw_only=True):
    """An agent written into the directory at start, unless an agent with that e-mail is there already."""

    email: str
    name: str = ""
    extension: str | None = None
    desk_endpoint: str | None = None
    contact: str | None = None
    caller_id: str | None = None
    device: Literal["desk", "web"] = "desk"
    auto_answer: bool = False
    sip_password: str | None = None


class Config(_Section, frozen=True, kw_only=True):
    """All of `config.yaml`."""

    server: Server = Server()
    database: Database = Database()
    asterisk: Asterisk = Asterisk()
    numbers: Numbers = Numbers()
    limits: Limits = Limits()
    crm: Crm = Crm()
    webhooks: Webhooks = Webhooks()
    inbound: Inbound = Inbound()
    webrtc: WebRtc = WebRtc()
    log: Log = Log()
    agents: tuple[AgentSeed, ...] = ()
