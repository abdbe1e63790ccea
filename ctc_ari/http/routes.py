"""All routes of the service in one application."""

from __future__ import annotations

from aiohttp import web

from ctc_ari.http.agents import Agents
from ctc_ari.http.call_log import CallLogRoutes
from ctc_ari.http.calls import Calls
from ctc_ari.http.clicktocall import Click
from ctc_ari.http.contacts import Contacts
from ctc_ari.http.controls import Controls
from ctc_ari.http.documentation import Documentation
from ctc_ari.http.erasures import ErasureRoutes
from ctc_ari.http.events import Events
from ctc_ari.http.health import Health
from ctc_ari.http.middleware import answer_everything, put_headers
from ctc_ari.http.observe import Observer
from ctc_ari.http.origins import Origins
from ctc_ari.http.panel import Panel
from ctc_ari.http.server import OBSERVER
from ctc_ari.http.services import Services
from ctc_ari.http.sessions import Sessions
from ctc_ari.http.sip import Sip
from ctc_ari.http.tokens import Tokens
from ctc_ari.http.transfers import Transfers
from ctc_ari.http.webhooks import Webhooks

__all__ = ["LARGEST_BODY", "application"]

#: Bytes; a request to this service is a few hundred.
LARGEST_BODY = 64 * 1024


def application(services: Services) -> web.Application:
    """The service's HTTP side; run it with `ctc_ari.http.Runner`."""
    observer = Observer(services.registry, services.trusted_proxies)
    origins = Origins(services.allowed_origins, services.public_url)
    app = web.Application(
        middlewares=[answer_everything(observer), origins.answer_preflights()], client_max_size=LARGEST_BODY
    )
    app[OBSERVER] = observer
    app.on_response_prepare.extend((put_headers, origins.put_headers()))
    events = Events(services)
    app.cleanup_ctx.append(events.running)
    sip = Sip(services, origins, services.webrtc)
    app.on_shutdown.extend((events.stop, sip.stop))
    parts = (
        Click(services),
        Sessions(services),
        Calls(services),
        Controls(services),
        Transfers(services),
        CallLogRoutes(services),
        ErasureRoutes(services),
        Contacts(services),
        Agents(services),
        Tokens(services),
        Webhooks(services),
        events,
        sip,
        Health(services),
        Panel(),
        Documentation(),
    )
    for part in parts:
        app.add_routes(part.routes())
    return app
