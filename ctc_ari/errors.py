"""Every exception of the service, with the HTTP status and the stable code it turns into.

CtcError
├── ConfigError            the configuration is wrong; the service does not start
├── SetupError             the private Asterisk or the embedded database cannot be had
├── BadRequest             400 malformed
│   └── EmbeddedRequest    400 embedded_request
├── Unauthorized           401 unauthorized
├── NotAllowed             403 not_allowed
├── NotFound               404 not_found
│   ├── AgentNotFound      404 agent_not_found
│   │   └── NoExtension    404 no_extension
│   ├── CallNotFound       404 call_not_found
│   ├── ContactNotFound    404 contact_not_found
│   ├── DeliveryNotFound   404 delivery_not_found
│   ├── RecordingNotFound  404 recording_not_found
│   ├── SupervisorNotFound 404 supervisor_not_found
│   ├── TokenNotFound      404 token_not_found
│   ├── TransferNotFound   404 transfer_not_found
│   └── WebhookNotFound    404 webhook_not_found
├── MethodNotAllowed       405 method_not_allowed
├── Conflict               409 conflict
│   ├── AgentBusy          409 agent_busy
│   ├── TransferInProgress 409 transfer_in_progress
│   ├── WrongState         409 wrong_state
│   └── KeyReused          409 idempotency_key_reused
├── Unprocessable          422 unprocessable
│   ├── InvalidNumber      422 invalid_number
│   ├── NumberBlocked      422 number_blocked
│   ├── AgentOffline       422 agent_offline
│   └── DeviceUnavailable  422 device_unavailable
├── LimitReached           429 limit_reached
├── CallFailed             502 call_failed
└── Unavailable            503 unavailable
    ├── AsteriskUnreachable  503 asterisk_unreachable
    ├── CrmUnreachable       503 crm_unreachable
    ├── DatabaseUnreachable  503 database_unreachable
    ├── PanelMissing         503 panel_missing
    └── WebPhoneUnavailable  503 web_phone_unavailable
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AgentBusy",
    "AgentNotFound",
    "AgentOffline",
    "AsteriskUnreachable",
    "BadRequest",
    "CallFailed",
    "CallNotFound",
    "ConfigError",
    "Conflict",
    "ContactNotFound",
    "CrmUnreachable",
    "CtcError",
    "DatabaseUnreachable",
    "DeliveryNotFound",
    "DeviceUnavailable",
    "EmbeddedRequest",
    "InvalidNumber",
    "KeyReused",
    "LimitReached",
    "MethodNotAllowed",
    "NoExtension",
    "NotAllowed",
    "NotFound",
    "NumberBlocked",
    "PanelMissing",
    "RecordingNotFound",
    "SetupError",
    "SupervisorNotFound",
    "TokenNotFound",
    "TransferInProgress",
    "TransferNotFound",
    "Unauthorized",
    "Unavailable",
    "Unprocessable",
    "WebPhoneUnavailable",
    "WebhookNotFound",
    "WrongState",
]


class CtcError(Exception):
    """Internal server error"""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)

    @property
    def message(self) -> str:
        """What the person who caused it reads."""
        return str(self.args[0])


class ConfigError(CtcError):
    """The configuration is wrong."""

    code = "config"


class SetupError(CtcError):
    """A part this machine needs could not be set up."""

    code = "setup"


class BadRequest(CtcError):
    """The request is malformed."""

    status, code = 400, "malformed"


class EmbeddedRequest(BadRequest):
    """A prefetch or an embedded request places no call; open the link itself."""

    code = "embedded_request"


class Unauthorized(CtcError):
    """Unauthorized due to invalid token"""

    status, code = 401, "unauthorized"


class NotAllowed(CtcError):
    """This token may not act for that agent."""

    status, code = 403, "not_allowed"


class NotFound(CtcError):
    """There is nothing here."""

    status, code = 404, "not_found"


class AgentNotFound(NotFound):
    """There is no agent with that e-mail address."""

    code = "agent_not_found"


class NoExtension(AgentNotFound):
    """That agent has no extension yet; give her one with `ctc-ari agent set`."""

    code = "no_extension"


class CallNotFound(NotFound):
    """There is no call with that id."""

    code = "call_not_found"


class ContactNotFound(NotFound):
    """There is no contact with that id, or it has no number."""

    code = "contact_not_found"


class RecordingNotFound(NotFound):
    """There is no such recording, or it has not ended yet."""

    code = "recording_not_found"


class TokenNotFound(NotFound):
    """There is no live token of that name or id; `ctc-ari token list` shows them."""

    code = "token_not_found"


class SupervisorNotFound(NotFound):
    """Nobody with that id supervises this call."""

    code = "supervisor_not_found"


class TransferNotFound(NotFound):
    """The call has no transfer with that id."""

    code = "transfer_not_found"


class WebhookNotFound(NotFound):
    """There is no webhook with that id."""

    code = "webhook_not_found"


class DeliveryNotFound(NotFound):
    """The webhook has no delivery with that id; those of some days ago are forgotten."""

    code = "delivery_not_found"


class MethodNotAllowed(CtcError):
    """Invalid request method"""

    status, code = 405, "method_not_allowed"


class Conflict(CtcError):
    """That does not fit what is there already."""

    status, code = 409, "conflict"


class AgentBusy(Conflict):
    """The agent is already ringing or talking; end that call first."""

    code = "agent_busy"


class TransferInProgress(Conflict):
    """The call is being transferred already; complete or cancel that first."""

    code = "transfer_in_progress"


class WrongState(Conflict):
    """The call is not in a state that allows this."""

    code = "wrong_state"


class KeyReused(Conflict):
    """This Idempotency-Key was used for another request; choose a new one."""

    code = "idempotency_key_reused"


class Unprocessable(CtcError):
    """The request is well-formed but cannot be carried out."""

    status, code = 422, "unprocessable"


class InvalidNumber(Unprocessable):
    """That is not a number that can be dialled."""

    code = "invalid_number"


class NumberBlocked(Unprocessable):
    """Calls to that number are not allowed here."""

    code = "number_blocked"


class AgentOffline(Unprocessable):
    """The agent's phone is not registered; plug it in or start it, then try again."""

    code = "agent_offline"


class DeviceUnavailable(Unprocessable):
    """The agent has no device of that kind."""

    code = "device_unavailable"


class LimitReached(CtcError):
    """Too many requests"""

    status, code = 429, "limit_reached"

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0) -> None:
        super().__init__(message)
        #: Seconds until a retry can succeed.
        self.retry_after = retry_after


class CallFailed(CtcError):
    """Asterisk refused the call."""

    status, code = 502, "call_failed"


class Unavailable(CtcError):
    """The service cannot place calls right now."""

    status, code = 503, "unavailable"


class AsteriskUnreachable(Unavailable):
    """Asterisk cannot be reached right now; calls are refused until it is back."""

    code = "asterisk_unreachable"


class DatabaseUnreachable(Unavailable):
    """The database cannot be reached right now; calls are refused until it is back."""

    code = "database_unreachable"


class WebPhoneUnavailable(Unavailable):
    """This Asterisk takes no browsers as phones; use the desk phone and tell whoever runs it."""

    code = "web_phone_unavailable"


class PanelMissing(Unavailable):
    """The panel was not built when the service was installed; run `make panel` where npm's registry can be reached."""

    code = "panel_missing"


class CrmUnreachable(Unavailable):
    """The CRM does not answer, and it has never told us of that agent."""

    code = "crm_unreachable"
