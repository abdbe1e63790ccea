"""Where Asterisk writes its own records of each call (CDR and CEL): the service's database, in its modules' terms."""

from __future__ import annotations

import getpass
import os
from urllib.parse import parse_qs, unquote, urlsplit

from ctc_ari.errors import SetupError

__all__ = ["RECORD_MODULES", "record_values"]

#: Into PostgreSQL, and into files, from which comes what PostgreSQL could not be given.
RECORD_MODULES = ("res_cdrel_custom.so", "func_cdr.so", "cdr_pgsql.so", "cdr_csv.so", "cel_pgsql.so", "cel_custom.so")
_EVENTS = (
    "CHAN_START",
    "CHAN_END",
    "ANSWER",
    "HANGUP",
    "APP_START",
    "BRIDGE_ENTER",
    "BRIDGE_EXIT",
    "BLINDTRANSFER",
    "ATTENDEDTRANSFER",
    "PICKUP",
    "FORWARD",
    "LINKEDID_END",
)
#: Music, which tells when a customer was on hold.
_STREAM_EVENTS = ("STREAM_BEGIN", "STREAM_END")


def record_values(url: str, version: tuple[int, int, int]) -> dict[str, str]:
    """`postgresql://user:password@host:port/database?host=/folder` as the modules name it. Raises SetupError."""
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise SetupError("database.url: must look like postgresql://user@host/database")
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    user = unquote(parts.username or "") or query.get("user") or os.environ.get("PGUSER") or getpass.getuser()
    host = query.get("host") or unquote(parts.hostname or "") or os.environ.get("PGHOST", "localhost")
    return {
        "host": host,
        "port": str(parts.port or query.get("port") or 5432),
        "database": unquote(parts.path.lstrip("/")) or query.get("dbname") or user,
        "user": user,
        "password": unquote(parts.password or "") or query.get("password", ""),
        "events": ",".join(_EVENTS + (_STREAM_EVENTS if _knows_streams(version) else ())),
    }


def _knows_streams(version: tuple[int, int, int]) -> bool:
    """New in 20.12, 21.7 and 22.2 (CHANGES of these releases); earlier versions refuse the names."""
    return version >= {20: (20, 12, 0), 21: (21, 7, 0)}.get(version[0], (22, 2, 0))
