"""HTTP: the click, the REST API, health and documentation. Knows the desk and the directory only as Protocols."""

from ctc_ari.http.events import encode_event, encode_notice
from ctc_ari.http.routes import application
from ctc_ari.http.server import Runner
from ctc_ari.http.services import Services

__all__ = ["Runner", "Services", "application", "encode_event", "encode_notice"]
