"""What a configuration may say beyond its types: each rule yields one line that names the key."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import phonenumbers

from ctc_ari.config_sections import SHIPPED_PASSWORD, AgentSeed, Asterisk, Config, Crm, Node, WebRtc
from ctc_ari.errors import ConfigError

if TYPE_CHECKING:
    from ctc_ari.calls.model import Agent

__all__ = ["check_agent_fields", "problems_of", "warnings"]

LOOPBACK = ("127.0.0.1", "::1", "localhost")

#: A phone that does not register: nothing but a user, a host and a port may stand in its URI.
CONTACT = re.compile(
    r"sips?:(?:[A-Za-z0-9_.+-]+@)?(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:;transport=(?:udp|tcp|tls|ws|wss))?"
)
#: `1001` or `PJSIP/1001`: an endpoint name, never a dial string with an address of its own.
ENDPOINT = re.compile(r"(?:PJSIP/)?[A-Za-z0-9_.+-]+")
EXTENSION = re.compile(r"[0-9*#]{1,20}")
EMAIL = re.compile(r"[^\s@<>\"\x00-\x1f\x7f\ud800-\udfff]{1,64}@[^\s@<>\"\x00-\x1f\x7f\ud800-\udfff]{1,255}")
#: Shown on telephones: control characters would reach the wire.
NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{0,80}")
CALLER_ID = re.compile(r"\+?[0-9]{2,15}")
APP = re.compile(r"[A-Za-z0-9_-]+")
#: A technology, the number, and fixed text around it; nothing that begins another dial string or an option.
TRUNK = re.compile(r"[A-Za-z0-9]+/[^\s&,|]*\{(?:number|e164)\}[^\s&,|]*")
#: RFC 6454, 6.2, as a browser writes it.
ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?")
#: RFC 7064 and 7065.
ICE_URL = re.compile(
    r"stuns?:(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?"
    r"|turns?:(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:\?transport=(?:udp|tcp))?"
)
#: The same for a telephone here that is no agent's.
EXTENSIONS = re.compile(r"[A-Za-z0-9]+/[^\s&,|]*\{extension\}[^\s&,|]*")
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
ADDRESS = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2}|:[0-9]{1,5})?|[0-9a-fA-F:]{2,39}(?:/[0-9]{1,3})?")
#: A field of a JSON answer: names, and positions in lists, with dots between.
PATH = re.compile(r"[A-Za-z0-9_@$-]{1,64}(?:\.[A-Za-z0-9_@$-]{1,64}){0,9}")
HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
SIP_BIND = re.compile(r"(?:[0-9.]+|\[[0-9A-Fa-f:]+\]):\d{1,5}")


def problems_of(config: Config) -> Iterator[str]:
    """Everything that is wrong."""
    yield from _server_problems(config)
    yield from _asterisk_problems(config.asterisk)
    numbers = config.numbers
    for key, regions in (("default_region", (numbers.default_region,)), ("allowed_regions", numbers.allowed_regions)):
        for region in regions:
            if region not in phonenumbers.SUPPORTED_REGIONS:
                yield f"numbers.{key}: `{region}` is not a region; write two capital letters such as GB"
    for key in config.limits.__struct_fields__:
        least = 0 if key == "duplicate_window" else 1
        yield from _range(f"limits.{key}", getattr(config.limits, key), least, 1_000_000)
    yield from _webrtc_problems(config.webrtc)
    yield from _crm_problems(config.crm)
    yield from _range("webhooks.keep_days", config.webhooks.keep_days, 2, 90)
    for key in config.log.__struct_fields__:
        days = getattr(config.log, key)
        if days is not None:
            yield from _range(f"log.{key}", days, 1, 36_500)
    yield from _route_problems(config.inbound.routes)
    yield from _seed_problems(config.agents)


def warnings(config: Config) -> Iterator[str]:
    """What works, but hardly as it was meant."""
    for position, node in enumerate(config.asterisk.nodes):
        if node.password == SHIPPED_PASSWORD:
            yield (
                f"asterisk.nodes[{position}].password: is still the one everybody knows, so everybody on this machine "
                "can place calls; set your own"
            )
    if config.numbers.default_region not in config.numbers.allowed_regions:
        yield "numbers.default_region: is not in allowed_regions, so numbers without a country code are refused"


def check_agent_fields(agent: Agent | AgentSeed) -> None:
    """What an agent's fields may hold, so that none of them can smuggle an address into a dial string.

    Raises ConfigError.
    """
    for problem in _agent_problems(agent, ""):
        raise ConfigError(problem)


def _server_problems(config: Config) -> Iterator[str]:
    server, url = config.server, config.database.url
    yield from _range("server.port", server.port, 0, 65535)
    if server.public_url is not None and not _is_http(server.public_url):
        yield "server.public_url: must look like https://calls.example.com"
    for proxy in server.trusted_proxies:
        try:
            ipaddress.ip_network(proxy, strict=False)
        except ValueError:
            yield f"server.trusted_proxies: `{proxy}` is not an address or network such as 10.0.0.0/8"
    for position, origin in enumerate(server.allowed_origins):
        key = f"server.allowed_origins[{position}]"
        yield from _match(key, origin, ORIGIN, "scheme, host and port alone, such as https://crm.example.com")
    if url != "embedded" and not url.startswith(("postgresql://", "postgres://")):
        yield "database.url: must be `embedded` or postgresql://user@host/database"


def _asterisk_problems(asterisk: Asterisk) -> Iterator[str]:
    if not asterisk.nodes:
        yield "asterisk.nodes: must name at least one Asterisk"
    if len({node.name for node in asterisk.nodes}) != len(asterisk.nodes):
        yield "asterisk.nodes: two nodes have the same name"
    for position, node in enumerate(asterisk.nodes):
        yield from _node_problems(f"asterisk.nodes[{position}]", node)
    yield from _match("asterisk.app", asterisk.app, APP, "letters, digits, - and _")
    if "{number}" not in asterisk.trunk and "{e164}" not in asterisk.trunk:
        yield "asterisk.trunk: must contain {number} or {e164}, as in PJSIP/{number}@trunk"
    elif not TRUNK.fullmatch(asterisk.trunk):
        yield "asterisk.trunk: must be one dial string such as PJSIP/{number}@trunk"
    for address in asterisk.trunk_addresses:
        yield from _match(
            "asterisk.trunk_addresses", address, ADDRESS, "addresses such as 203.0.113.0/28 or 203.0.113.5:5070"
        )
    if asterisk.log_folder is not None and not asterisk.log_folder.startswith("/"):
        yield "asterisk.log_folder: must be a whole path such as /var/log/asterisk"
    yield from _match("asterisk.extensions", asterisk.extensions, EXTENSIONS, "one dial string like PJSIP/{extension}")
    yield from _match("asterisk.trunk_contact", asterisk.trunk_contact, CONTACT, "like sip:carrier.example:5060")
    yield from _match("asterisk.caller_id", asterisk.caller_id, CALLER_ID, "a number such as +442079460000")
    yield from _match("asterisk.sip_bind", asterisk.sip_bind, SIP_BIND, "address:port such as 0.0.0.0:5060")
    yield from _range("asterisk.ring_timeout.agent", asterisk.ring_timeout.agent, 1, 600)
    yield from _range("asterisk.ring_timeout.customer", asterisk.ring_timeout.customer, 1, 600)
    yield from _range("asterisk.max_call_seconds", asterisk.max_call_seconds, 1, 7 * 24 * 3600)


def _crm_problems(crm: Crm) -> Iterator[str]:
    http = crm.http
    if crm.kind == "zammad" and crm.zammad.url is None:
        yield "crm.zammad.url: is needed for kind zammad; Zammad shows it under Integrations, CTI (generic)"
    if crm.zammad.url is not None and not _is_http(crm.zammad.url):
        #: Not shown: it holds a token.
        yield "crm.zammad.url: must look like https://zammad.example.com/api/v1/cti/TOKEN"
    if crm.kind == "http" and not (http.agent_url or http.contact_url or http.calls_url):
        yield "crm.http: name agent_url, contact_url or calls_url for kind http"
    for key, url, fields in (
        ("agent_url", http.agent_url, ("{email}",)),
        ("contact_url", http.contact_url, ("{number}", "{digits}")),
        ("calls_url", http.calls_url, ()),
    ):
        if url is None:
            continue
        if not _is_http(url) or not url.isascii() or not url.isprintable() or " " in url:
            yield f"crm.http.{key}: must look like https://crm.example.com/api/…, without user and password"
        elif fields and not any(field in url for field in fields):
            yield f"crm.http.{key}: must contain {' or '.join(fields)}"
    yield from _match("crm.http.header", http.header, HEADER, "the name of a header")
    if http.authorization is not None and not (http.authorization.isascii() and http.authorization.isprintable()):
        yield "crm.http.authorization: must be one line of printable ASCII characters"
    for section, paths in (("agent", http.agent), ("contact", http.contact)):
        for name in paths.__struct_fields__:
            yield from _match(f"crm.http.{section}.{name}", getattr(paths, name), PATH, "a path such as data.0.id")
    yield from _range("crm.http.cache_seconds", http.cache_seconds, 0, 7 * 24 * 3600)


def _node_problems(where: str, node: Node) -> Iterator[str]:
    if not _is_http(node.ari_url):
        yield f"{where}.ari_url: must look like http://127.0.0.1:8088/ari, without user and password"
    elif node.password == SHIPPED_PASSWORD and urlsplit(node.ari_url).hostname not in LOOPBACK:
        yield f"{where}.password: is still the one everybody knows; set your own for an Asterisk on another machine"
    if not node.username:
        yield f"{where}.username: must not be empty"
    if not node.password or not node.password.isprintable():
        yield f"{where}.password: must be one line of printable characters"


def _webrtc_problems(webrtc: WebRtc) -> Iterator[str]:
    for position, server in enumerate(webrtc.ice_servers):
        key = f"webrtc.ice_servers[{position}]"
        if not server.urls:
            yield f"{key}.urls: must name at least one address such as stun:stun.example.com"
        for number, url in enumerate(server.urls):
            yield from _match(
                f"{key}.urls[{number}]", url, ICE_URL, "like stun:stun.example.com or turns:turn.example.com"
            )
        relays = any(url.startswith("turn") for url in server.urls)
        if relays and (server.username is None) != (server.credential is None):
            yield f"{key}: has a username without a credential, or the other way round"
        elif relays and server.username is None and webrtc.turn_secret is None:
            yield f"{key}: a TURN server needs username and credential, or webrtc.turn_secret"


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and "@" not in url
    except ValueError:
        return False


def _route_problems(routes: dict[str, str | list[str]]) -> Iterator[str]:
    for number, route in routes.items():
        yield from _did_problems(number)
        where = f"inbound.routes: `{number}`" if number.isprintable() else "inbound.routes: a number"
        if not route:
            yield f"{where} leads nowhere; name an agent's e-mail, a list of e-mails, or an extension"
        elif isinstance(route, str):
            if not EMAIL.fullmatch(route) and not EXTENSION.fullmatch(route):
                yield f"{where} must lead to an agent's e-mail, a list of e-mails, or an extension"
        elif not all(map(EMAIL.fullmatch, route)):
            yield f"{where} must lead to e-mails only, if to a list; a single extension is written without one"


def _did_problems(number: str) -> Iterator[str]:
    """One spelling for each number, so that none is routed twice."""
    wanted = "E.164 such as +442079460000"
    if E164.fullmatch(number):
        try:
            wanted = phonenumbers.format_number(phonenumbers.parse(number), phonenumbers.PhoneNumberFormat.E164)
        except phonenumbers.NumberParseException:
            yield f"inbound.routes: `{number}` must begin with the code of a country, as in +442079460000"
            return
    if number != wanted:
        given = f"`{number}`" if number.isprintable() and len(number) <= 80 else "a number"
        yield f"inbound.routes: {given} must be written as {wanted}"


def _seed_problems(agents: tuple[AgentSeed, ...]) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for position, agent in enumerate(agents):
        yield from _agent_problems(agent, f"agents[{position}].")
        for key, value in (("email", agent.email.lower()), ("extension", agent.extension)):
            if value is not None and (key, value) in seen:
                yield f"agents[{position}].{key}: `{value}` belongs to another agent already"
            elif value is not None:
                seen.add((key, value))


def _agent_problems(agent: Agent | AgentSeed, where: str) -> Iterator[str]:
    yield from _match(f"{where}email", agent.email, EMAIL, "an e-mail address")
    yield from _match(f"{where}name", agent.name, NAME, "up to 80 printable characters")
    yield from _match(f"{where}extension", agent.extension, EXTENSION, "1 to 20 digits")
    yield from _match(f"{where}desk_endpoint", agent.desk_endpoint, ENDPOINT, "an endpoint's name such as PJSIP/1001")
    yield from _match(f"{where}contact", agent.contact, CONTACT, "a SIP URI such as sip:1001@127.0.0.1:5070")
    yield from _match(f"{where}caller_id", agent.caller_id, CALLER_ID, "a number such as +442079460000")


def _match(key: str, value: str | None, pattern: re.Pattern[str], wanted: str) -> Iterator[str]:
    if value is not None and not pattern.fullmatch(value):
        given = f", not `{value}`" if value.isprintable() and len(value) <= 80 else ""
        yield f"{key}: must be {wanted}{given}"


def _range(key: str, value: int, least: int, most: int) -> Iterator[str]:
    if not least <= value <= most:
        yield f"{key}: must be from {least} to {most}, not {value}"
