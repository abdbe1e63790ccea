"""How a customer is recognised in texts, whatever notation a switch or a carrier uses."""

from __future__ import annotations

import re

import pytest

from ctc_ari.erasure import Erased, Traces

TRACES = Traces(["+442079460123", "+390612345678", "1002"], ["Grace Hopper", ""])


@pytest.mark.parametrize(
    "text",
    [
        "+442079460123",
        "442079460123",
        "02079460123",
        "00442079460123",
        "PJSIP/442079460123@trunk,30",
        '"Grace" <2079460123>',
        "0612345678",
        "Grace Hopper",
    ],
)
def test_any_notation_is_recognised(text: str) -> None:
    assert TRACES.names_in(text)


@pytest.mark.parametrize("text", ["", "2079460124", "207946", "1002", "Grace", "ctc-1772357400125-9f3a61"])
def test_other_texts_are_not(text: str) -> None:
    assert not TRACES.names_in(text)
    assert not re.search(TRACES.pattern, text)


def test_without_a_number_no_text_is_recognised() -> None:
    for numbers in ([], ["1002"], [""]):
        assert not Traces(numbers).names_in("1002 and +442079460123")
        assert not re.search(Traces(numbers).pattern, "1002")


def test_documents_are_blanked_and_keep_their_shape() -> None:
    document = {"to": "+442079460123", "by": "api", "n": 442079460123, "list": [{"x": "Grace Hopper"}, None, 1.5, True]}
    assert TRACES.blank(document) == {"to": "", "by": "api", "n": 442079460123, "list": [{"x": ""}, None, 1.5, True]}


def test_a_call_is_left_without_its_customer() -> None:
    snapshot = {
        "id": "c1",
        "number": "withheld",
        "contact": {"id": "g", "name": "G"},
        "contact_by": "record",
        "recordings": 2,
    }
    blank = {"id": "c1", "number": "", "contact": None, "contact_by": None, "recordings": 0}
    assert TRACES.blank_call(snapshot) == blank


def test_reports_add_up() -> None:
    assert Erased(1, 2, 3, 4, 5) + Erased(calls=10) == Erased(1, 12, 3, 4, 5)
