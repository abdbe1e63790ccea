"""One call against a small Asterisk that answers late, refuses, loses its socket, restarts, or outlives the service."""

from __future__ import annotations

import random
from collections import deque

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ctc_ari.calls.effects import (
    Announce,
    BridgeLegs,
    CreateBridge,
    CreateLeg,
    DestroyBridge,
    DialLeg,
    Effect,
    HangUpLeg,
    Originate,
    PlayTone,
    Request,
)
from ctc_ari.calls.engine import begin, step
from ctc_ari.calls.inputs import (
    DeadlinePassed,
    HangUp,
    Input,
    LegAnswered,
    LegDialed,
    LegGone,
    LegReady,
    LegRinging,
    RequestFailed,
    Stored,
    StoreFailed,
)
from ctc_ari.calls.leg import Role
from ctc_ari.calls.model import Call, EndReason, Phase
from ctc_ari.calls.ports import NOT_SENT
from tests.calls.builders import NOW, a_call
from tests.calls.exchange import Exchange

ROLES: tuple[Role, Role] = ("agent", "customer")
#: Seconds one side may be alone in the bridge: the tone, and hanging up tried twice.
ALONE_SECONDS = 5.0
#: Seconds the agent may be on the line without a customer: the customer's ringing, its grace, and the tone.
WAITING_SECONDS = 45.0 + 2.0 + ALONE_SECONDS
#: How long a write may be behind.
LINGER_SECONDS = 0.05
#: Everything that is said within this time has arrived.
PROMPT_SECONDS = 0.5

#: What Asterisk may refuse; removing something never fails but for its absence.
REFUSABLE = (Originate, CreateLeg, DialLeg, CreateBridge, BridgeLegs, PlayTone)
TROUBLES = ("row", "cancel", "refused", "hang_up", "socket", "restart", "kill")
ARRIVALS = ("request", "reply", *ROLES)
SECONDS = (0.1, 0.1, 0.1, 2.0, 3.0, 27.0, 47.0, 15000.0)


class CallMachine(RuleBasedStateMachine):
    """The desk, reduced to what the engine sees of it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.exchange = Exchange()
        self.replies: deque[Input] = deque()
        self.connected = True
        #: None: the service forgot the call, because it ended or was never stored.
        self.call: Call | None = None
        self.troubles: set[str] = set()
        self.adding = False
        self.committed = False
        #: What the database has, oldest first, while the row is there.
        self.rows: list[tuple[float, Call]] = []
        self.endings = 0
        self.reason: EndReason | None = None
        self.alone_since: float | None = None
        self.waiting_since: float | None = None

    @initialize(steps=st.integers(0, 20), troubles=st.sets(st.sampled_from(TROUBLES), max_size=2))
    def click(self, steps: int, troubles: set[str]) -> None:
        """Trouble of one or two kinds, after so many steps that went well: with all kinds no call would get far."""
        self.adding = True
        self.troubles = troubles
        self._take(*begin(a_call(asterisk_started="0"), self.now))
        self.goes_well(steps=steps)

    @rule(steps=st.integers(1, 3))
    def goes_well(self, steps: int) -> None:
        """The next thing under way arrives; if nothing is, the next person does what one hopes."""
        for _ in range(steps):
            if self.adding:
                self._commit_row()
            elif self.replies or not self.exchange.idle:
                self._next_arrives()
            else:
                ringing = [role for role in ROLES if self.exchange.channels.get(role) in ("dialled", "ringing")]
                for role in ringing[:1]:
                    self.somebody_acts(role=role, answers=self.exchange.channels[role] == "ringing")

    def _next_arrives(self) -> None:
        waiting = [what for what in ROLES if self.exchange.events[what]]
        what = "request" if self.exchange.requests else waiting[0] if waiting else "reply"
        self.something_arrives(what=what, twice=False)

    # the desk

    def _feed(self, happened: Input) -> None:
        if self.call is None:
            if isinstance(happened, LegReady | LegRinging | LegAnswered):
                self._discard()
            return
        self._take(*step(self.call, happened, self.now))

    def _take(self, call: Call, effects: tuple[Effect, ...]) -> None:
        self.call = call
        self.endings += effects.count(Announce("call.ended"))
        assert self.reason in (None, call.end_reason), f"{self.reason} became {call.end_reason}"
        self.reason = call.end_reason
        assert (call.deadline is None) == (call.phase is Phase.ENDED)
        if self.committed:
            self.rows.append((self.now, call))
        if call.phase is Phase.ENDED:
            self.call = None
        requests = [effect for effect in effects if isinstance(effect, Request)]
        if self.connected:
            self.exchange.requests.extend(requests)
        else:
            for request in requests:
                self._feed(RequestFailed(request, NOT_SENT))

    def _discard(self) -> None:
        if self.connected:
            self.exchange.requests.extend((HangUpLeg("agent"), HangUpLeg("customer"), DestroyBridge()))

    def _commit_row(self) -> None:
        self.adding, self.committed = False, True
        if self.call:
            self.rows.append((self.now, self.call))
        self._feed(Stored())

    def _fail_row(self) -> None:
        self.adding = False
        self._feed(StoreFailed())

    # Asterisk

    @rule(what=st.sampled_from(ARRIVALS), twice=st.booleans())
    def something_arrives(self, what: str, twice: bool) -> None:
        """Requests are served in order and so is each channel told of; between these any order is possible."""
        if what == "request" and self.exchange.requests:
            self._serve(self.exchange.requests.popleft())
        elif what == "reply" and self.replies:
            self._feed(self.replies.popleft())
        elif self.exchange.events.get(what):
            event = self.exchange.events[what].popleft()
            for _ in range(2 if twice else 1):
                self._feed(event)

    def _serve(self, request: Request) -> None:
        if isinstance(request, Originate | DialLeg):
            assert self.committed, "it rang before the row was committed"
        status = self.exchange.serve(request)
        if status >= 300:
            self.replies.append(RequestFailed(request, status))
        elif isinstance(request, Originate):
            self.replies.append(LegDialed("agent"))

    def _everything_arrives(self) -> None:
        while self.replies or not self.exchange.idle:
            self._next_arrives()
            self._measure()

    # people

    @rule(role=st.sampled_from(ROLES), answers=st.booleans())
    def somebody_acts(self, role: Role, answers: bool) -> None:
        """A phone rings, or is answered."""
        state = self.exchange.channels.get(role)
        if answers and state in ("dialled", "ringing"):
            self.exchange.answer(role, listening=self.connected)
        elif state == "dialled":
            self.exchange.ring(role)

    # time

    @rule(seconds=st.sampled_from(SECONDS))
    def time_passes(self, seconds: float) -> None:
        if not self.connected:
            #: Hanging up in vain every two seconds for hours shows nothing new.
            seconds = min(seconds, 47.0)
        end = self.now + seconds
        if seconds > PROMPT_SECONDS:
            self._everything_arrives()
        while self.call and self.call.deadline is not None and self.call.deadline <= end:
            self.now = max(self.now, self.call.deadline)
            self._measure()
            self._feed(DeadlinePassed())
            self._everything_arrives()
        self.now = end
        self._measure()

    # trouble

    @rule(which=st.integers(0, 1), chance=st.integers(0, 8))
    def trouble(self, which: int, chance: int) -> None:
        """One of the kinds of this run; `chance` is which of its ways."""
        kinds = sorted(self.troubles)
        if which < len(kinds):
            getattr(self, f"_trouble_{kinds[which]}")(chance)

    def _trouble_row(self, _: int) -> None:
        if self.adding:
            self._fail_row()

    def _trouble_cancel(self, _: int) -> None:
        if self.call:
            self._feed(HangUp("api"))

    def _trouble_refused(self, chance: int) -> None:
        if self.exchange.requests and isinstance(self.exchange.requests[0], REFUSABLE):
            self.replies.append(RequestFailed(self.exchange.requests.popleft(), (500, 503)[chance % 2]))

    def _trouble_hang_up(self, chance: int) -> None:
        role = ROLES[chance % 2]
        if self.exchange.channels.get(role, "down") != "down":
            self.exchange.lose(role, LegGone(role, *((16, None), (17, 486), (21, 603), (None, None))[chance // 2 % 4]))

    def _trouble_socket(self, chance: int) -> None:
        """Of the requests under way some are carried out; none is answered."""
        if not self.connected:
            self._connect()
            return
        unanswered = [*self.exchange.requests]
        for request in unanswered[:chance]:
            self.exchange.serve(request)
        unanswered += [reply.request for reply in self.replies if isinstance(reply, RequestFailed)]
        self.exchange.drop_socket()
        self.replies.clear()
        self.connected = False
        for request in unanswered:
            self._feed(RequestFailed(request, None))

    def _connect(self) -> None:
        self.connected = True
        self.exchange.drop_socket()
        listed = self.exchange.listed()
        if self.call:
            self._feed(listed)
        elif listed.agent or listed.customer or listed.bridge:
            self._discard()

    def _trouble_restart(self, chance: int) -> None:
        """Of Asterisk."""
        if self.connected:
            self._trouble_socket(chance)
            self.exchange.restart()
        else:
            self._connect()

    def _trouble_kill(self, chance: int) -> None:
        """The next start has the row as it was some moments ago; a dial and its bridging leave us together."""
        if self.call is None:
            return
        carried_out, lost_writes = chance, chance % 4
        waiting = [*self.exchange.requests]
        while carried_out < len(waiting) and isinstance(waiting[carried_out], BridgeLegs):
            carried_out += 1
        for request in waiting[:carried_out]:
            self.exchange.serve(request)
        if self.exchange.dials["customer"] and "agent" not in self.exchange.members:
            #: Dialled and not bridged, because she refused before the very next request was served, or because that
            #: was refused: all within the moments of the write, and the only case that leaves no trace.
            lost_writes = 0
        while lost_writes and len(self.rows) > 1 and self.now - self.rows[-1][0] < LINGER_SECONDS:
            lost_writes -= 1
            self.rows.pop()
        self.replies.clear()
        self.adding = False
        row = self.rows[-1][1] if self.rows else None
        self.call = row if row and row.live else None
        self.reason = self.call.end_reason if self.call else None
        self.endings = 0
        self._connect()

    # what always holds

    def _measure(self) -> None:
        known = self.connected and self.call is not None
        self.alone_since = self._since(self.alone_since, known and len(self.exchange.members) == 1)
        waiting = (
            known and self.exchange.channels.get("agent") == "up" and self.exchange.channels.get("customer") != "up"
        )
        self.waiting_since = self._since(self.waiting_since, waiting)
        assert self.now - (self.alone_since or self.now) <= ALONE_SECONDS, "somebody is alone in the bridge"
        assert self.now - (self.waiting_since or self.now) <= WAITING_SECONDS, "the agent waits for nobody"

    def _since(self, since: float | None, so: bool) -> float | None:
        return (self.now if since is None else since) if so else None

    @invariant()
    def nobody_is_left_alone(self) -> None:
        self._measure()

    @invariant()
    def nobody_is_dialled_twice(self) -> None:
        assert all(self.exchange.dials[role] <= 1 for role in ROLES), self.exchange.dials

    @invariant()
    def a_call_ends_once(self) -> None:
        assert self.endings <= 1
        if self.call is not None:
            assert (self.endings == 1) == (not self.call.live) or self.call.phase is Phase.ENDING

    @invariant()
    def who_talks_hears_the_other_and_nothing_else(self) -> None:
        if (
            self.call
            and self.call.phase is Phase.TALKING
            and self.connected
            and self.exchange.idle
            and not self.replies
        ):
            assert self.exchange.members == {"agent", "customer"}
            assert not self.exchange.ringback

    def teardown(self) -> None:
        """However it went: after enough time nothing is left of the call."""
        if self.adding:
            self._fail_row()
        if not self.connected:
            self._connect()
        for _ in range(20):
            self._everything_arrives()
            if self.call is None:
                break
            self.time_passes(seconds=max(0.0, (self.call.deadline or self.now) - self.now))
        assert self.call is None, f"it never ended: {self.call}"
        assert not self.exchange.channels, "a channel outlives its call"
        assert not self.exchange.bridge, "a bridge outlives its call"


TestCallMachine = CallMachine.TestCase
TestCallMachine.settings = settings(
    max_examples=300, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_thousands_of_calls_in_trouble() -> None:
    """The same machine, driven at random and ten times as fast; `walk(seed)` repeats a failure."""
    for seed in range(6000):
        try:
            walk(seed)
        except AssertionError as error:
            raise AssertionError(f"walk({seed})") from error


def walk(seed: int) -> None:
    chance = random.Random(seed)
    machine = CallMachine()
    machine.click(steps=chance.randint(0, 20), troubles=set(chance.sample(TROUBLES, chance.randint(0, 2))))
    for _ in range(chance.randint(0, 25)):
        match chance.choices(range(5), (6, 5, 3, 1, 5))[0]:
            case 0:
                machine.goes_well(steps=chance.randint(1, 3))
            case 1:
                machine.something_arrives(what=chance.choice(ARRIVALS), twice=chance.random() < 0.3)
            case 2:
                machine.somebody_acts(role=chance.choice(ROLES), answers=chance.random() < 0.5)
            case 3:
                machine.time_passes(seconds=chance.choice(SECONDS))
            case 4:
                machine.trouble(which=chance.randint(0, 1), chance=chance.randint(0, 8))
        machine.nobody_is_left_alone()
        machine.nobody_is_dialled_twice()
        machine.a_call_ends_once()
        machine.who_talks_hears_the_other_and_nothing_else()
    machine.teardown()
