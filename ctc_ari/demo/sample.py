"""The demo's people: agents, contacts with fictional numbers that the simulated carrier knows, and who calls."""

from __future__ import annotations

from dataclasses import dataclass

from ctc_ari.config import AgentSeed
from ctc_ari.contacts import ContactDetails, ContactNumber

__all__ = ["AGENT", "CALLERS", "CONTACTS", "DESK_AGENT", "OWN_PHONE", "ROUTES", "TRUNK_NUMBER", "Caller", "agents"]

#: Her phone is simulated: it rings, then answers by itself.
AGENT = "alice@getdesk.example"
#: For the newcomer's own softphone.
OWN_PHONE = "bob@getdesk.example"
#: Whoever opens the reference desk, and whoever opens it in a second window; their phones are browsers.
DESK_AGENT = "carol@getdesk.example"
SECOND_DESK_AGENT = "dave@getdesk.example"

#: The house's number, which customers see.
TRUNK_NUMBER = "+442079460100"
#: Our numbers, and whom they ring.
ROUTES: dict[str, str | list[str]] = {
    TRUNK_NUMBER: [DESK_AGENT, SECOND_DESK_AGENT],
    "+442079460101": AGENT,
    "+442079460102": OWN_PHONE,
    "+442079460103": DESK_AGENT,
    "+442079460104": SECOND_DESK_AGENT,
}


def _contact(
    place: int, name: str, company: str, does: str, *more: ContactNumber, label: str = "work"
) -> ContactDetails:
    return ContactDetails(
        id=f"c{place}",
        name=name,
        numbers=(ContactNumber(f"+4420794600{place:02}", label), *more),
        email=f"{name.split()[0].lower()}@{company.split()[0].lower()}.example",
        company=company,
        external={"simulated": does},
    )


#: What each number of the simulated carrier does; `asterisk-config/extensions.conf` plays them.
CONTACTS = (
    _contact(
        1,
        "Grace Hopper",
        "Flowmatic Systems",
        "answers, asks for your name, and repeats what you say",
        ContactNumber("+447700900101", "mobile"),
    ),
    _contact(2, "Ada Lovelace", "Analytical Engines", "is busy"),
    _contact(3, "Alan Turing", "Bletchley Research", "never answers", ContactNumber("+447700900103", "mobile")),
    _contact(4, "Edsger Dijkstra", "Shortest Path Logistics", "rejects the call", label="mobile"),
    _contact(5, "Barbara Liskov", "Substitution Partners", "answers after 8 s"),
    _contact(6, "Nobody Anymore", "Closed Down", "number not in use"),
    _contact(7, "Margaret Hamilton", "Apollo Software", "answers, hangs up after 5 s"),
    _contact(8, "Katherine Johnson", "Orbital Trajectories", "answers, talks, and plays music"),
)


@dataclass(frozen=True)
class Caller:
    """A customer who can be made to call."""

    number: str
    #: None: in nobody's contacts.
    name: str | None
    does: str
    #: Seconds after which nobody having answered is enough.
    patience: int = 60


CALLERS = (
    Caller("+442079460001", "Grace Hopper", "asks for your name, and repeats what you say"),
    Caller("+442079460007", "Margaret Hamilton", "gives up after 6 s: a missed call", patience=6),
    Caller("+447700900199", None, "is not among the contacts"),
)


def agents(carrier: str, sip_password: str) -> tuple[AgentSeed, ...]:
    """Alice's phone is at the simulated carrier's; Bob's registers with this password; the others have browsers."""
    return (
        AgentSeed(email=AGENT, name="Alice", extension="1001", contact=f"sip:agent-alice@{carrier}"),
        AgentSeed(email=OWN_PHONE, name="Bob", extension="1002", sip_password=sip_password),
        AgentSeed(email=DESK_AGENT, name="Carol", extension="1003", device="web"),
        AgentSeed(email=SECOND_DESK_AGENT, name="Dave", extension="1004", device="web"),
    )
