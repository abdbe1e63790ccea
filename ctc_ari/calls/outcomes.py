"""What a phone's final answer means for the call."""

from __future__ import annotations

from ctc_ari.calls.model import EndReason

__all__ = ["agent_outcome", "customer_outcome", "tone_for", "transfer_outcome"]

#: RFC 3261 section 21.
_SIP = {
    **dict.fromkeys((486, 600), "busy"),
    **dict.fromkeys((603, 607, 608), "rejected"),
    **dict.fromkeys((408, 480, 487), "no_answer"),
    **dict.fromkeys((404, 410, 484, 485, 604), "unreachable"),
}
#: Q.850 (ITU-T), as Asterisk's causes.h numbers them.
_CAUSE = {
    **dict.fromkeys((17,), "busy"),
    **dict.fromkeys((21,), "rejected"),
    **dict.fromkeys((18, 19), "no_answer"),
    **dict.fromkeys((1, 2, 3, 20, 22, 27, 28, 34, 38, 41, 42, 44, 58), "unreachable"),
}


def _kind(sip_status: int | None, cause: int | None) -> str:
    if sip_status is not None and sip_status >= 300:
        known = _SIP.get(sip_status)
        if known:
            return known
        if sip_status >= 500:
            return "unreachable"
    return _CAUSE.get(cause or 0, "failed")


def agent_outcome(sip_status: int | None, cause: int | None) -> EndReason:
    """Why the agent's phone did not answer."""
    return {
        "busy": EndReason.AGENT_BUSY,
        "rejected": EndReason.AGENT_REJECTED,
        "no_answer": EndReason.AGENT_NO_ANSWER,
        "unreachable": EndReason.UNREACHABLE,
    }.get(_kind(sip_status, cause), EndReason.FAILED)


def customer_outcome(sip_status: int | None, cause: int | None) -> EndReason:
    """Why the customer did not answer."""
    return {
        "busy": EndReason.CUSTOMER_BUSY,
        "rejected": EndReason.CUSTOMER_REJECTED,
        "no_answer": EndReason.CUSTOMER_NO_ANSWER,
        "unreachable": EndReason.UNREACHABLE,
    }.get(_kind(sip_status, cause), EndReason.FAILED)


def transfer_outcome(sip_status: int | None, cause: int | None) -> str:
    """Why the target of a transfer did not answer: `busy`, `no_answer`, `rejected`, `unreachable` or `failed`."""
    return _kind(sip_status, cause)


def tone_for(reason: EndReason) -> str:
    """What the agent hears: busy is slow, everything else is the fast congestion tone."""
    return "busy" if reason is EndReason.CUSTOMER_BUSY else "congestion"
