"""The demo's people: agents, and contacts with fictional numbers that the simulated carrier knows."""

from __future__ import annotations

from ctc_ari.config import AgentSeed
from ctc_ari.directory import ContactRecord

__all__ = ["AGENT", "CONTACTS", "DESK_AGENT", "OWN_PHONE", "TRUNK_NUMBER", "agents"]

#: Her phone is simulated: it rings, then answers by itself.
AGENT = "alice@getdesk.example"
#: For the newcomer's own softphone.
OWN_PHONE = "bob@getdesk.example"
#: Whoever opens the reference desk; her phone is the browser.
DESK_AGENT = "carol@getdesk.example"
TRUNK_NUMBER = "+442079460100"

#: What each number of the simulated carrier does; `asterisk-config/extensions.conf` plays them.
CONTACTS = (
    (ContactRecord("c1", "Grace Hopper", ("+442079460001",)), "answers and talks"),
    (ContactRecord("c2", "Ada Lovelace", ("+442079460002",)), "is busy"),
    (ContactRecord("c3", "Alan Turing", ("+442079460003",)), "never answers"),
    (ContactRecord("c4", "Edsger Dijkstra", ("+442079460004",)), "rejects the call"),
    (ContactRecord("c5", "Barbara Liskov", ("+442079460005",)), "answers after 8 s"),
    (ContactRecord("c6", "Nobody Anymore", ("+442079460006",)), "number not in use"),
    (ContactRecord("c7", "Margaret Hamilton", ("+442079460007",)), "answers, hangs up after 5 s"),
)


def agents(carrier: str, sip_password: str) -> tuple[AgentSeed, ...]:
    """Alice's phone is at the simulated carrier's address; Bob's registers with this password; Carol has a browser."""
    return (
        AgentSeed(email=AGENT, name="Alice", extension="1001", contact=f"sip:agent-alice@{carrier}"),
        AgentSeed(email=OWN_PHONE, name="Bob", extension="1002", sip_password=sip_password),
        AgentSeed(email=DESK_AGENT, name="Carol", extension="1003", device="web"),
    )
