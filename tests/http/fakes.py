"""A desk, a directory and keys that keep everything in memory, and fail when they are told to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from ctc_ari.calls.commands import PlaceCall, Placed
from ctc_ari.calls.inputs import Input
from ctc_ari.calls.leg import Device, Leg
from ctc_ari.calls.model import (
    Agent,
    Call,
    EndReason,
    Phase,
    Supervisor,
    SupervisorMode,
    Target,
    Transfer,
    TransferMode,
)
from ctc_ari.directory import ContactRecord, NewSession, Principal
from ctc_ari.errors import (
    AgentNotFound,
    CallNotFound,
    ContactNotFound,
    DeviceUnavailable,
    InvalidNumber,
    KeyReused,
    NumberBlocked,
    Unauthorized,
    WrongState,
)
from ctc_ari.web_phones import SipAccount, account_name

TOKEN = "ctc_0a1b2c3d4e5f_everyone-MDEyMzQ1Njc4OWFiY2RlZg"
ANNAS_TOKEN = "ctc_0a1b2c3d4e60_anna-only-MDEyMzQ1Njc4OWFiY2Rl"
SUPERVISORS_TOKEN = "ctc_0a1b2c3d4e63_listens-in-MDEyMzQ1Njc4OWFiY2Rl"
BOUND_SUPERVISORS_TOKEN = "ctc_0a1b2c3d4e64_anna-only-MDEyMzQ1Njc4OWFiY2R"
#: For all agents, without any rights.
LINK_TOKEN = "ctc_0a1b2c3d4e62_links-MDEyMzQ1Njc4OWFiY2RlZg"
ANNAS_SESSION = "ctcs_0a1b2c3d4e61_MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY"
NUMBER = "+442079460123"
ANNA = Agent(email="anna@example.com", name="Anna Berg", extension="1001", desk_endpoint="PJSIP/1001")
BORIS = Agent(email="boris@example.com", name="Boris", extension="1002", desk_endpoint="PJSIP/1002")
NEWCOMER = Agent(email="newcomer@example.com", name="Newcomer")
PLUS = Agent(email="anna+sales@example.com", name="Anna, sales", extension="1003")

CREATED = 1_772_357_400.1256


def a_call(call_id: str, command: PlaceCall | None = None) -> Call:
    """A call whose agent phone rings."""
    command = command or PlaceCall(ANNA, NUMBER)
    return Call(
        id=call_id,
        node="pbx1",
        phase=Phase.RINGING_AGENT,
        agent=command.agent,
        device=command.device or command.agent.device,
        number=command.number,
        contact=command.contact,
        agent_leg=Leg(call_id, "PJSIP/1001"),
        customer_leg=Leg(call_id + ".c", "PJSIP/442079460123@trunk"),
        agent_ring_timeout=25,
        customer_ring_timeout=45,
        max_seconds=3600,
        created_at=CREATED,
    )


class FakeDesk:
    """Places every call, rings nobody; `failure` is raised instead."""

    def __init__(self) -> None:
        self.commands: list[PlaceCall] = []
        self.calls: dict[str, Call] = {}
        self.wishes: list[tuple[str, Input]] = []
        #: Every transfer, move and supervision, as it was asked for.
        self.asked: list[tuple[object, ...]] = []
        self.failure: Exception | None = None
        self.duplicate = False

    async def place(self, command: PlaceCall) -> Placed:
        """The same call again while `duplicate` is set."""
        if self.failure is not None:
            raise self.failure
        if self.duplicate and self.calls:
            return Placed(list(self.calls.values())[-1], duplicate=True)
        self.commands.append(command)
        call = a_call(f"call-{len(self.commands)}", command)
        self.calls[call.id] = call
        return Placed(call)

    async def hang_up(self, call_id: str) -> None:
        """Ended at once."""
        if self.failure is not None:
            raise self.failure
        call = await self.find(call_id)
        if call.live:
            self.put(call, phase=Phase.ENDED, ended_at=CREATED + 5, end_reason=EndReason.CANCELLED, ended_by="api")

    async def control(self, call_id: str, wish: Input) -> None:
        """Only in a conversation; what was wished is kept."""
        if self.failure is not None:
            raise self.failure
        call = await self.find(call_id)
        if call.phase not in (Phase.TALKING, Phase.TRANSFERRING, Phase.CONSULTING):
            raise WrongState
        self.wishes.append((call_id, wish))

    async def transfer(self, call_id: str, to: str, mode: TransferMode) -> Call:
        """To Boris, whoever was named; his phone rings."""
        call = await self._talking(call_id)
        self.asked.append((call_id, to, mode))
        transfer = Transfer(
            id=f"t{len(call.transfers) + 1}",
            mode=mode,
            target=Target(to, "PJSIP/1002", BORIS),
            successor="call-after",
            ring_seconds=25,
            started_at=CREATED + 60,
        )
        phase = Phase.TRANSFERRING if mode == "blind" else Phase.CONSULTING
        return self.put(call, phase=phase, transfers=(*call.transfers, transfer))

    async def move(self, call_id: str, device: Device, *, again: bool = False) -> Call:
        """That device rings."""
        call = await self._talking(call_id)
        self.asked.append((call_id, device, "again") if again else (call_id, device))
        return self.put(call, moving_to=device)

    async def supervise(self, call_id: str, agent: Agent, mode: SupervisorMode) -> tuple[Call, str]:
        """Her phone rings."""
        call = await self._talking(call_id)
        self.asked.append((call_id, agent.email, mode))
        number = len(call.supervisors) + 1
        supervisor = Supervisor(f"s{number}", agent, mode, number)
        return self.put(call, supervisors=(*call.supervisors, supervisor)), supervisor.id

    async def _talking(self, call_id: str) -> Call:
        if self.failure is not None:
            raise self.failure
        call = await self.find(call_id)
        if call.phase is not Phase.TALKING:
            raise WrongState
        return call

    def live(self) -> list[Call]:
        """Oldest first."""
        return [call for call in self.calls.values() if call.live]

    async def find(self, call_id: str) -> Call:
        """Live or ended. PostgreSQL refuses NUL, so what reaches it must be plain."""
        assert call_id.isprintable()
        assert len(call_id) <= 128
        if call_id not in self.calls:
            raise CallNotFound
        return self.calls[call_id]

    def put(self, call: Call, **changes: object) -> Call:
        """Keep a call, changed."""
        fields = {name: getattr(call, name) for name in call.__struct_fields__} | changes
        self.calls[call.id] = Call(**fields)
        return self.calls[call.id]


class FakeRecordings:
    """Every recording is the same few bytes."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    async def stream(self, call_id: str, number: int) -> AsyncIterator[bytes]:
        """In two parts."""
        if self.failure is not None:
            raise self.failure
        yield b"RIFF"
        yield f"{call_id}-{number}".encode()


class FakeWebPhones:
    """An Asterisk that repeats what it is told, and can be made to say something."""

    def __init__(self) -> None:
        self.passwords: dict[str, str] = {}
        self.heard: list[str] = []
        self.failure: Exception | None = None
        self.connections: list[FakeSipSocket] = []

    async def admit(self, agent: Agent) -> SipAccount:
        """A new password each time."""
        if self.failure is not None:
            raise self.failure
        name = account_name(agent)
        if name is None:
            raise DeviceUnavailable
        self.passwords[name] = f"password-{len(self.connections)}-{len(self.passwords)}"
        return SipAccount(name, self.passwords[name])

    async def dismiss(self, name: str) -> None:
        """Harmless when it is gone."""
        self.passwords.pop(name, None)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[FakeSipSocket]:
        """As the Protocol says."""
        if self.failure is not None:
            raise self.failure
        socket = FakeSipSocket()
        self.connections.append(socket)
        yield socket
        socket.closed = True


class FakeSipSocket:
    """What came in; what goes out is put into `says`, None for the end."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.says: asyncio.Queue[str | None] = asyncio.Queue()
        self.closed = False

    async def send(self, message: str) -> None:
        """Kept, and answered."""
        self.heard.append(message)
        self.says.put_nowait(f"SIP/2.0 200 {len(self.heard)}")

    async def receive(self) -> str | None:
        """In order."""
        return await self.says.get()


class FakeDirectory:
    """Five tokens and a session, four agents, three contacts."""

    def __init__(self) -> None:
        self.tokens = {
            TOKEN: Principal("everyone", "CRM", rights=frozenset({"admin"})),
            LINK_TOKEN: Principal("links", "Links"),
            ANNAS_TOKEN: Principal("annas", "Anna's", frozenset({ANNA.email})),
            SUPERVISORS_TOKEN: Principal("supervisors", "Wallboard", rights=frozenset({"supervise"})),
            BOUND_SUPERVISORS_TOKEN: Principal(
                "annas-supervisor", "Anna's", frozenset({ANNA.email}), rights=frozenset({"supervise"})
            ),
            ANNAS_SESSION: Principal("session", ANNA.email, frozenset({ANNA.email}), session=True),
        }
        self.agents = {agent.email: agent for agent in (ANNA, BORIS, NEWCOMER, PLUS)}
        self.contacts = {
            "c-1": ContactRecord("c-1", "Example Ltd", (NUMBER, "+442079460999")),
            "c-none": ContactRecord("c-none", "Nobody"),
            "c-premium": ContactRecord("c-premium", "Expensive", ("+449098790123",)),
        }
        self.failure: Exception | None = None

    def authenticate(self, token: str) -> Principal:
        """The message differs on purpose: the answer must not."""
        if self.failure is not None:
            raise self.failure
        assert token.isprintable()
        assert len(token) <= 256
        if token not in self.tokens:
            raise Unauthorized(f"unknown token {token}")
        return self.tokens[token]

    async def create_session(self, principal: Principal, agent: Agent) -> NewSession:
        """Twelve hours for everybody."""
        if self.failure is not None:
            raise self.failure
        token = f"ctcs_{len(self.tokens):012x}_secret"
        self.tokens[token] = Principal(f"session-{len(self.tokens)}", agent.email, frozenset({agent.email}), True)
        return NewSession(token, CREATED + 12 * 3600)

    async def end_session(self, principal: Principal) -> None:
        """It is unknown from now on."""
        if self.failure is not None:
            raise self.failure
        self.tokens = {token: known for token, known in self.tokens.items() if known != principal}

    def agent(self, email: str) -> Agent:
        """Letter case does not matter."""
        if email.lower() not in self.agents:
            raise AgentNotFound
        return self.agents[email.lower()]

    def find_agent(self, text: str) -> Agent | None:
        """By e-mail or extension."""
        return next((agent for agent in self.agents.values() if text in (agent.email, agent.extension)), None)

    def all_agents(self) -> Sequence[Agent]:
        """In no order."""
        return list(self.agents.values())

    async def contact(self, contact_id: str) -> ContactRecord:
        """By id."""
        if contact_id not in self.contacts:
            raise ContactNotFound
        return self.contacts[contact_id]


class FakeKeys:
    """Remembers for as long as the test takes."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[bytes, str | None]] = {}
        self.failure: Exception | None = None

    async def reserve(self, owner: str, key: str, request: bytes) -> str | None:
        """As the Protocol says."""
        known = self.kept.get((owner, key))
        if known is None:
            self.kept[owner, key] = request, None
            return None
        if known[0] != request or known[1] is None:
            raise KeyReused
        return known[1]

    async def settle(self, owner: str, key: str, call_id: str) -> None:
        """As the Protocol says."""
        if self.failure is not None:
            raise self.failure
        self.kept[owner, key] = self.kept[owner, key][0], call_id

    async def release(self, owner: str, key: str) -> None:
        """As the Protocol says."""
        if self.failure is not None:
            raise self.failure
        del self.kept[owner, key]


class FakeHealth:
    """Everything is fine until a test says otherwise."""

    def __init__(self) -> None:
        self.parts: dict[str, str | None] = {"asterisk": None, "database": None}
        self.failure: Exception | None = None

    async def __call__(self) -> Mapping[str, str | None]:
        """The parts as they are now."""
        if self.failure is not None:
            raise self.failure
        return self.parts


def normalise(text: str) -> str:
    """Numbers of Great Britain, without the library."""
    digits = re.sub(r"[\s().\u00a0-]", "", text)
    if digits.startswith("0"):
        digits = "+44" + digits[1:]
    if digits.startswith("+449"):
        raise NumberBlocked
    if not re.fullmatch(r"\+[1-9][0-9]{7,14}", digits, re.ASCII):
        raise InvalidNumber
    return digits
