"""SIP status and Q.850 cause -> why a phone did not answer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc_ari.calls.model import EndReason
from ctc_ari.calls.outcomes import agent_outcome, customer_outcome, tone_for

#: SIP status, cause, and what it means; as observed on Asterisk 22.10.1 or said in RFC 3261 section 21.
KNOWN = [
    (486, 17, "busy"),
    (600, 17, "busy"),
    (None, 17, "busy"),
    (603, 21, "rejected"),
    (403, 21, "rejected"),
    (607, None, "rejected"),
    (None, 21, "rejected"),
    (480, 19, "no_answer"),
    (408, 18, "no_answer"),
    (487, 127, "no_answer"),
    (None, 19, "no_answer"),
    (404, 1, "unreachable"),
    (410, 22, "unreachable"),
    (484, 28, "unreachable"),
    (503, 34, "unreachable"),
    (500, 41, "unreachable"),
    (599, None, "unreachable"),
    (None, 1, "unreachable"),
    (None, 38, "unreachable"),
    (200, 16, "failed"),
    (None, 16, "failed"),
    (None, None, "failed"),
    (0, 0, "failed"),
    (302, None, "failed"),
]
AGENT = {
    "busy": EndReason.AGENT_BUSY,
    "rejected": EndReason.AGENT_REJECTED,
    "no_answer": EndReason.AGENT_NO_ANSWER,
    "unreachable": EndReason.UNREACHABLE,
    "failed": EndReason.FAILED,
}
CUSTOMER = {
    "busy": EndReason.CUSTOMER_BUSY,
    "rejected": EndReason.CUSTOMER_REJECTED,
    "no_answer": EndReason.CUSTOMER_NO_ANSWER,
    "unreachable": EndReason.UNREACHABLE,
    "failed": EndReason.FAILED,
}


@pytest.mark.parametrize(("status", "cause", "kind"), KNOWN)
def test_a_phones_final_answer_has_one_meaning(status: int | None, cause: int | None, kind: str) -> None:
    assert agent_outcome(status, cause) is AGENT[kind]
    assert customer_outcome(status, cause) is CUSTOMER[kind]


def test_the_sip_status_outweighs_the_cause() -> None:
    assert customer_outcome(486, 19) is EndReason.CUSTOMER_BUSY


@given(st.none() | st.integers(), st.none() | st.integers())
def test_any_answer_at_all_has_a_meaning(status: int | None, cause: int | None) -> None:
    assert agent_outcome(status, cause) in AGENT.values()
    assert customer_outcome(status, cause) in CUSTOMER.values()


def test_only_busy_sounds_busy() -> None:
    assert {reason for reason in EndReason if tone_for(reason) == "busy"} == {EndReason.CUSTOMER_BUSY}
    assert {tone_for(reason) for reason in EndReason} == {"busy", "congestion"}
