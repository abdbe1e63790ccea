"""Which CRM a configuration means, and what each of them is to the service."""

from __future__ import annotations

import pytest

from ctc_ari.calls.model import Agent, Phase
from ctc_ari.calls.ports import Happening
from ctc_ari.config import Config, Crm, CrmHttp, Zammad
from ctc_ari.crm.builtin import BuiltinCrm
from ctc_ari.crm.choice import crm_of
from ctc_ari.crm.http import HttpCrm
from ctc_ari.crm.port import Crm as Port
from ctc_ari.crm.zammad import ZammadCrm
from ctc_ari.errors import AgentNotFound, ContactNotFound
from ctc_ari.http import encode_notice
from ctc_ari.outbox import Delivery, Webhook
from ctc_ari.remote import Remote
from tests.calls.builders import a_call_in
from tests.calls.fakes import FakeStore
from tests.crm.notebook import Notebook
from tests.http.fakes import ANNA, FakeDesk, FakeDirectory

HAPPENING = Happening(a_call_in(Phase.TALKING), "call.answered", 1.0, 1)


def chosen(crm: Crm) -> Port:
    async def remember(agent: Agent) -> None:
        raise AssertionError

    return crm_of(Config(crm=crm), Remote(public_only=False), FakeDirectory(), remember, encode_notice, Notebook())


@pytest.mark.parametrize(
    ("crm", "kind"),
    [
        (Crm(), BuiltinCrm),
        (Crm(kind="http", http=CrmHttp(calls_url="https://crm.example.com/")), HttpCrm),
        (Crm(kind="zammad", zammad=Zammad(url="https://zammad.example.com/api/v1/cti/x")), ZammadCrm),
    ],
)
def test_the_kind_decides(crm: Crm, kind: type) -> None:
    assert type(chosen(crm)) is kind


async def test_the_built_in_one_is_our_directory_and_hears_nothing() -> None:
    crm, store = chosen(Crm()), FakeStore([])
    assert await crm.agent("Anna@example.com", "+442079460123") == ANNA
    assert (await crm.contact("c-1")).name == "Example Ltd"
    with pytest.raises(AgentNotFound):
        await crm.agent("nobody@example.com")
    with pytest.raises(ContactNotFound):
        await crm.contact("nobody")
    assert (crm.told, crm.encode(HAPPENING), crm.keeping(store)) == (None, None, store)
    delivery = Delivery(id=1, webhook_id="crm", call_id="c", seq=1, type="call.ended", payload="{}")
    assert not (await crm.sender(FakeDesk())(Webhook(id="crm", kind="crm", url=""), delivery)).delivered
    crm.close()


def test_what_opens_a_crm_is_not_printed() -> None:
    crm = Crm(
        kind="http", http=CrmHttp(authorization="Bearer s3cret"), zammad=Zammad(url="https://z/api/v1/cti/s3cret")
    )
    assert "s3cret" not in repr(Config(crm=crm))
