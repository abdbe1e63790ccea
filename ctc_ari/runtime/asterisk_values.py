"""What the templates in `asterisk-config/` are filled with: the configuration in Asterisk's terms, checked."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ctc_ari.config import AgentSeed, Config
from ctc_ari.errors import SetupError
from ctc_ari.runtime.asterisk_records import RECORD_MODULES, record_values
from ctc_ari.runtime.dialplan_values import ari_only_transfers, dialplan_values
from ctc_ari.runtime.installation import Installation

__all__ = ["OPTIONAL_MODULES", "REQUIRED_MODULES", "host_and_port", "template_values"]

#: In the order in which they depend on each other; without one of them the service cannot work.
REQUIRED_MODULES = (
    "res_timing_timerfd.so",
    "res_sorcery_config.so",
    "res_sorcery_memory.so",
    "res_sorcery_astdb.so",
    "res_pjproject.so",
    "res_crypto.so",
    "res_http_websocket.so",
    "res_stasis.so",
    "res_stasis_answer.so",
    "res_stasis_playback.so",
    "res_stasis_recording.so",
    "res_stasis_snoop.so",
    "res_stasis_device_state.so",
    "res_ari.so",
    "res_ari_model.so",
    "res_ari_applications.so",
    "res_ari_asterisk.so",
    "res_ari_bridges.so",
    "res_ari_channels.so",
    "res_ari_device_states.so",
    "res_ari_endpoints.so",
    "res_ari_events.so",
    "res_ari_playbacks.so",
    "res_ari_recordings.so",
    "res_ari_sounds.so",
    "res_rtp_asterisk.so",
    "res_pjsip.so",
    "res_pjsip_session.so",
    "res_pjsip_pubsub.so",  # chan_pjsip is linked against it
    "res_pjsip_sdp_rtp.so",
    "res_pjsip_caller_id.so",
    "res_pjsip_nat.so",
    "res_pjsip_registrar.so",
    "res_pjsip_authenticator_digest.so",
    "res_pjsip_outbound_authenticator_digest.so",
    "res_pjsip_endpoint_identifier_ip.so",
    "res_pjsip_endpoint_identifier_user.so",
    "res_pjsip_header_funcs.so",
    "res_pjsip_dtmf_info.so",
    "res_pjsip_refer.so",
    "res_pjsip_rfc3326.so",
    "chan_pjsip.so",
    "codec_ulaw.so",
    "codec_alaw.so",
    "codec_resample.so",
    "format_wav.so",
    "format_pcm.so",
    "format_sln.so",
    "res_musiconhold.so",
    "bridge_simple.so",
    "bridge_softmix.so",
    "chan_bridge_media.so",
    "bridge_native_rtp.so",
    "bridge_holding.so",
    "bridge_builtin_features.so",
    "app_stasis.so",
    "app_dial.so",
    "app_playback.so",
    "app_echo.so",
    "func_callerid.so",
    "func_channel.so",
    "func_devstate.so",
    "func_logic.so",
    "func_strings.so",
    "func_timeout.so",
    "pbx_config.so",
)
#: Loaded where this Asterisk has them.
OPTIONAL_MODULES = (
    "res_websocket_client.so",  # since 22.5 ARI is linked against it
    "res_srtp.so",
    "codec_a_mu.so",
    "codec_g722.so",
    "codec_gsm.so",
    "codec_opus.so",
    "codec_opus_open_source.so",
    "res_format_attr_opus.so",
    "format_gsm.so",
    "format_wav_gsm.so",
    "res_pjsip_empty_info.so",
    "res_pjsip_diversion.so",
    "res_pjsip_path.so",
    "res_pjsip_rfc3329.so",
    "res_pjsip_logger.so",
    "app_milliwatt.so",
    "app_playtones.so",
    "res_pjsip_transport_websocket.so",
    "app_stasis_broadcast.so",
    "res_stasis_broadcast.so",
)
#: Names in pjsip.conf that are not agents' phones.
_TAKEN = frozenset({"trunk", "ctc-phone", "carrier", "carrier-udp", "phone", "udp", "tcp", "global", "system", "ws"})


def template_values(
    config: Config, installation: Installation, carrier_bind: str | None, records: str | None
) -> dict[str, Any]:
    """Everything the templates name, but for the folders; `records` is the URL of the database for CDR and CEL.

    Raises SetupError with the key that is wrong.
    """
    if not config.asterisk.nodes:
        raise SetupError("asterisk.nodes: has no entry; Asterisk's own address and password stand in the first one")
    return {
        "modules": _modules(installation.modules, records is not None),
        "records": record_values(records, installation.version) if records else None,
        "http": _http(config),
        "ari": _ari(config),
        "country": {"GB": "uk", "DE": "de"}.get(config.numbers.default_region, "us"),
        "sip": {"bind": config.asterisk.sip_bind},
        "trunk": _trunk(config.asterisk.trunk_contact, config.asterisk.trunk_addresses),
        "phones": _phones(config),
        "webrtc": config.webrtc.enabled,
        "codecs": _codecs(installation.modules),
        "ari_only_transfers": ari_only_transfers(installation.version),
        "inbound": dialplan_values(config),
        "carrier": _carrier(carrier_bind),
    }


def _modules(folder: Path, records: bool) -> dict[str, list[str]]:
    there = {path.name for path in folder.glob("*.so")}
    missing = [name for name in REQUIRED_MODULES if name not in there]
    if missing:
        raise SetupError(f"this Asterisk lacks {', '.join(missing)}: install its complete package")
    optional = (*OPTIONAL_MODULES, *RECORD_MODULES) if records else OPTIONAL_MODULES
    return {"required": list(REQUIRED_MODULES), "optional": [name for name in optional if name in there]}


def _codecs(modules: Path) -> str:
    """G.711 first, which every carrier speaks, so that a call is not transcoded."""
    codecs = ["ulaw", "alaw", "g722"]
    if any((modules / name).exists() for name in ("codec_opus.so", "codec_opus_open_source.so")):
        codecs.append("opus")
    return ",".join(codecs)


def _http(config: Config) -> dict[str, Any]:
    key = "asterisk.nodes[0].ari_url"
    url = urlsplit(config.asterisk.nodes[0].ari_url)
    if url.scheme != "http":
        raise SetupError(
            f"{key}: the private Asterisk speaks plain http; put a TLS proxy in front of it for anything else"
        )
    if not url.path.rstrip("/").endswith("/ari") or re.search(r"[^A-Za-z0-9/_-]", url.path):
        raise SetupError(f"{key}: must end in /ari, as in http://127.0.0.1:8088/ari")
    host = url.hostname or "127.0.0.1"
    prefix = url.path.rstrip("/").removesuffix("/ari").strip("/")
    # `localhost` may be ::1 to Asterisk and 127.0.0.1 to us.
    return {"host": "127.0.0.1" if host == "localhost" else host, "port": url.port or 80, "prefix": prefix}


def _ari(config: Config) -> dict[str, str]:
    node = config.asterisk.nodes[0]
    # It becomes the name of a section.
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", node.username) or node.username == "general":
        raise SetupError("asterisk.nodes[0].username: use letters, digits, `.`, `_` and `-`")
    return {"username": node.username, "password": node.password}


def _trunk(contact: str | None, addresses: tuple[str, ...]) -> dict[str, Any] | None:
    if contact is None:
        return None
    found = re.match(r"sips?:(?:[^@]+@)?(\[[^]]+\]|[^:;]+)(?::(\d+))?", contact)
    host, port = (found[1], found[2] or "5060") if found else ("", "")
    own = host.strip("[]")
    if host in ("127.0.0.1", "[::1]", "localhost"):
        # A carrier on this machine shares its address with the phones here, so only the port tells them apart.
        # `localhost` may be ::1 to Asterisk and 127.0.0.1 to us.
        own = f"{'127.0.0.1' if host == 'localhost' else host}:{port}"
    return {"contact": contact, "matches": (own, *addresses)}


def host_and_port(bind: str) -> tuple[str, int]:
    """The two parts of `127.0.0.1:5060` or `[::1]:5060`."""
    host, _, port = bind.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can send from that address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _phones(config: Config) -> list[dict[str, str | None]]:
    phones: dict[str, dict[str, str | None]] = {}
    for position, agent in enumerate(config.agents):
        name = (agent.desk_endpoint or agent.extension or "").removeprefix("PJSIP/")
        if name:
            key = f"agents[{position}]"
            if name in phones or name in _TAKEN:
                raise SetupError(f"{key}: the endpoint `{name}` is taken; give desk_endpoint another name")
            phones[name] = _phone(config, key, name, agent)
    return list(phones.values())


def _phone(config: Config, key: str, name: str, agent: AgentSeed) -> dict[str, str | None]:
    bind = config.asterisk.sip_bind
    local = is_loopback(host_and_port(bind)[0])
    if not local and agent.contact is None and agent.sip_password is None:
        raise SetupError(
            f"{key}.sip_password: is missing, and at asterisk.sip_bind {bind} anybody could register as `{name}`: "
            f"set it, or the phone's address as {key}.contact"
        )
    number = agent.extension or ""
    display = re.sub(r'["<>\\]', "", agent.name).strip()
    return {
        "name": name,
        "title": agent.email,
        "caller_id": f'"{display}" <{number}>' if number else None,
        "contact": agent.contact,
        "password": agent.sip_password,
        # Without a password nothing proves who calls, so no call from another machine is taken for this phone's.
        "identify_by": "username" if agent.sip_password or local else "header",
    }


def _carrier(bind: str | None) -> dict[str, str | int] | None:
    if bind is None:
        return None
    host, port = host_and_port(bind)
    return {"bind": bind, "host": host, "port": port}
