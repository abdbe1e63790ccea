"""How the service logs: structlog, JSON lines for machines, readable lines on a terminal."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import msgspec
import structlog

__all__ = ["configure"]


def _json(event: dict[str, object], **_: object) -> str:
    """A call writes half a dozen lines: the standard library's encoder would be a tenth of its cost."""
    return msgspec.json.encode(event, enc_hook=str).decode()


def configure(*, level: int = logging.INFO, readable: bool | None = None, stream: TextIO = sys.stderr) -> None:
    """Log to `stream`; `readable` None: as a person reads it when that is a terminal."""
    if readable is None:
        readable = stream.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if readable
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if readable else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    #: Libraries: their warnings only, and nothing that could carry a URL with a token.
    logging.basicConfig(level=logging.WARNING, stream=stream, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("aiohttp.access").disabled = True
