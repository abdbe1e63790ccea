"""Calls on the real desk, transferred, moved, listened to and received in any order, with troubles of every kind."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ctc_ari.calls.effects import BridgeLegs, CreateBridge, CreateLeg, DialLeg, Originate, PlaySound, PlayTone, Spy
from ctc_ari.calls.inputs import (
    CancelTransfer,
    CompleteTransfer,
    Input,
    LegGone,
    LegHeld,
    SendDtmf,
    SetHeld,
    SetMuted,
    SetRecording,
    StopSupervising,
    Supervise,
    SwapTransfer,
)
from ctc_ari.calls.model import Call, Phase, SupervisorMode, TransferMode
from ctc_ari.calls.ports import Arrived, Referred
from tests.calls.builders import CAROL, DID
from tests.calls.night_shift import NightShift
from tests.calls.patience import Patience, assert_heard
from tests.calls.switchboard import Channel

#: What Asterisk may refuse; removing something never fails but for its absence.
REFUSABLE = (Originate, CreateLeg, DialLeg, CreateBridge, BridgeLegs, PlayTone, PlaySound, Spy)

TROUBLES = ("row", "hang_up", "decline", "cancel", "refused", "socket", "restart", "kill")

SECONDS = (0.1, 0.1, 0.1, 1.0, 3.0, 27.0, 47.0)

TARGETS = ("bob@example.com", "1003", "+442079460999", "nobody@example.com")

MODES: tuple[SupervisorMode, ...] = ("listen", "whisper", "barge")

WISHES: tuple[Input, ...] = (
    *(CompleteTransfer(), CancelTransfer(), SwapTransfer()) * 2,
    *(SetHeld(True), SetHeld(False), SetMuted(True), SetMuted(False), SendDtmf("1")),
    *(SetRecording("on"), SetRecording("off"), StopSupervising("s1"), StopSupervising("s2"), StopSupervising("s3")),
)


class DeskMachine(RuleBasedStateMachine):
    """The people, Asterisk, time, and whatever goes wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = NightShift()
        self.exchange = self.shift.exchange
        self.troubles: set[str] = set()
        self.arrivals = 0
        self.refusals = 0
        self.patience = Patience()

    @initialize(
        inbound=st.booleans(), steps=st.integers(0, 25), troubles=st.sets(st.sampled_from(TROUBLES), max_size=2)
    )
    def begin(self, inbound: bool, steps: int, troubles: set[str]) -> None:
        """Trouble of one or two kinds, after so many steps that went well."""
        self.troubles = troubles
        if inbound:
            self._somebody_calls()
        else:
            self.shift.click()
        self.goes_well(steps=steps)

    def _somebody_calls(self) -> None:
        name = self._foreign()
        self.exchange.arrive(name, "PJSIP/trunk", Arrived(name, "inbound", DID, "447700900123", "", "PJSIP/trunk"))

    def _foreign(self) -> str:
        self.arrivals += 1
        return f"1750000000.{self.arrivals}"

    # what happens

    @rule(steps=st.integers(1, 4))
    def goes_well(self, steps: int) -> None:
        """The next thing under way arrives; if nothing is, the next phone rings or is answered."""
        for _ in range(steps):
            if self.exchange.idle:
                self.somebody_acts(which=0, declines=False)
            else:
                self.something_arrives(which=0, twice=False)

    @rule(which=st.integers(0, 4), twice=st.booleans())
    def something_arrives(self, which: int, twice: bool) -> None:
        """Requests are served in order and so is each channel told of; between these any order is possible."""
        waiting = sorted(name for name, events in self.exchange.events.items() if events)
        order = [*(["request"] if self.exchange.requests else []), *waiting]
        order += ["reply"] if self.exchange.replies else []
        if not order:
            return
        match order[which % len(order)]:
            case "request":
                self._serve()
            case "reply":
                sent, status = self.exchange.replies.popleft()
                sent.replied(sent.request, status)
            case channel:
                heard = self.exchange.events[channel].popleft()
                for _ in range(2 if twice and not isinstance(heard, Arrived | Referred) else 1):
                    self.shift.desk.hear(channel, heard)
        self.shift.settle()

    def _serve(self) -> None:
        sent = self.exchange.requests.popleft()
        if isinstance(sent.request, Originate | DialLeg):
            #: A successor goes on without one while the database is away.
            known = {happening.call.id for happening in self.shift.heard if happening.call.transferred_from}
            assert sent.call_id in known | {*self.shift.store.rows}, "it rang before the row was committed"
        self.exchange.replies.append((sent, self.exchange.serve(sent.rest)))

    def everything_arrives(self) -> None:
        for _ in range(2000):
            if self.exchange.idle:
                return
            self.something_arrives(which=0, twice=False)
        raise AssertionError("it never comes to rest")

    @rule(which=st.integers(0, 3), declines=st.booleans())
    def somebody_acts(self, which: int, declines: bool) -> None:
        """A phone rings, or is answered, or not."""
        name = self._one_of(which, lambda channel: channel.state in ("dialled", "ringing"))
        if name is None:
            return
        if declines and "decline" in self.troubles:
            self.exchange.lose(name, LegGone("", *((17, 486), (21, 603), (19, 480))[which % 3]))
        elif self.exchange.channels[name].state == "dialled":
            self.exchange.ring(name)
        else:
            self.exchange.answer(name)

    @rule(which=st.integers(0, 5))
    def somebody_hangs_up(self, which: int) -> None:
        """Whoever is on the line."""
        name = self._one_of(which, lambda channel: channel.state == "up" and channel.kind != "snoop")
        if name:
            self.exchange.lose(name, LegGone("", 16))

    @rule(blind=st.booleans(), steps=st.integers(0, 8))
    def a_transfer_gets_on(self, blind: bool, steps: int) -> None:
        """Or whatever else there is meanwhile."""
        self.transfer(which=0, to=TARGETS[steps % 3], blind=blind)
        self.goes_well(steps=steps)

    def _one_of(self, which: int, fits: Callable[[Channel], bool]) -> str | None:
        names = self.exchange.named(fits)
        return names[which % len(names)] if names else None

    def _call(self, which: int) -> Call | None:
        live = self.shift.desk.live()
        return live[which % len(live)] if live else None

    # what people want

    @rule(which=st.integers(0, 1), to=st.sampled_from(TARGETS), blind=st.booleans())
    def transfer(self, which: int, to: str, blind: bool) -> None:
        call = self._call(which)
        mode: TransferMode = "blind" if blind else "attended"
        if call:
            self.shift.ask(self.shift.desk.transfer(call.id, to, mode))

    @rule(which=st.integers(0, 1), wish=st.sampled_from(WISHES))
    def wish(self, which: int, wish: Input) -> None:
        call = self._call(which)
        if call:
            self.shift.ask(self.shift.desk.control(call.id, wish))

    @rule(which=st.integers(0, 1), web=st.booleans())
    def move(self, which: int, web: bool) -> None:
        call = self._call(which)
        if call:
            self.shift.ask(self.shift.desk.move(call.id, "web" if web else "desk"))

    @rule(which=st.integers(0, 1), mode=st.sampled_from(MODES))
    def supervise(self, which: int, mode: SupervisorMode) -> None:
        """Another one, or the first in another mode."""
        call = self._call(which)
        if call is None:
            return
        if call.supervisors:
            wish = Supervise(call.supervisors[0].id, CAROL, "", mode)
            self.shift.ask(self.shift.desk.control(call.id, wish))
        else:
            self.shift.ask(self.shift.desk.supervise(call.id, CAROL, mode))

    @rule(which=st.integers(0, 1), key=st.sampled_from(("hold", "resume", "refer", "refer nowhere", "dial", "join")))
    def phone_key(self, which: int, key: str) -> None:
        """The agent's own phone."""
        call = self._call(which)
        phone = call.agent_leg.channel if call else ""
        if call is None or phone not in self.exchange.channels or self.exchange.channels[phone].state != "up":
            return
        second = call.leg("second").channel
        match key:
            case "hold" | "resume" if self.exchange.channels[phone].holds != (key == "hold"):
                self._hold(phone, key == "hold")
            case "refer":
                self.exchange.tell(phone, Referred("1003"))
            case "refer nowhere":
                self.exchange.tell(phone, Referred("+449098790123"))
            case "join" if second in self.exchange.channels:
                ends = (phone, second) if which else (second, phone)
                self.exchange.tell(ends[0], Referred("1003", ends[1]))
            case "dial":
                name, endpoint = self._foreign(), self.exchange.channels[phone].endpoint
                self.exchange.arrive(name, endpoint, Arrived(name, "dialled", "1003", "1001", "", endpoint))

    def _hold(self, phone: str, on: bool) -> None:
        """Asterisk plays music to whoever is in the same bridge."""
        for members in self.exchange.bridges.values():
            for other in members - {phone} if phone in members else ():
                self.exchange.channels[other].music = on
        self.exchange.channels[phone].holds = on
        self.exchange.tell(phone, LegHeld("", on))

    @rule()
    def another_click(self) -> None:
        """Who has a call is refused, or it is the same."""
        self.shift.click()

    @rule()
    def another_caller(self) -> None:
        if self.arrivals < 3:
            self._somebody_calls()

    # time

    @rule(seconds=st.sampled_from(SECONDS))
    def time_passes(self, seconds: float) -> None:
        end = self.shift.loop.now + seconds
        if seconds > 0.5:
            self.everything_arrives()
        while (due := self.shift.loop.next_timer()) is not None and due <= end:
            self.shift.loop.now = max(self.shift.loop.now, due)
            self.shift.settle()
            if seconds > 0.5:
                self.everything_arrives()
            self._measure()
        self.shift.loop.now = end
        self.shift.settle()
        self._measure()

    # trouble

    @rule(which=st.integers(0, 1), chance=st.integers(0, 8))
    def trouble(self, which: int, chance: int) -> None:
        """One of the kinds of this run; `chance` is which of its ways."""
        kinds = sorted(self.troubles)
        if which < len(kinds):
            getattr(self, f"_trouble_{kinds[which]}")(chance)

    def _trouble_row(self, chance: int) -> None:
        self.shift.store.away = chance % 2 == 0

    def _trouble_hang_up(self, chance: int) -> None:
        name = self._one_of(chance, lambda channel: channel.state != "down" and channel.kind != "snoop")
        if name:
            self.exchange.lose(name, LegGone("", 16))

    def _trouble_decline(self, chance: int) -> None:
        self.somebody_acts(which=chance, declines=True)

    def _trouble_cancel(self, chance: int) -> None:
        call = self._call(chance)
        if call:
            self.shift.ask(self.shift.desk.hang_up(call.id))

    def _trouble_refused(self, chance: int) -> None:
        if self.exchange.requests and isinstance(self.exchange.requests[0].request, REFUSABLE):
            self.refusals += 1
            self.exchange.replies.append((self.exchange.requests.popleft(), (500, 503)[chance % 2]))

    def _trouble_socket(self, chance: int) -> None:
        if self.exchange.connected:
            self.shift.disconnect(chance)
        else:
            self._reconnect()

    def _reconnect(self) -> None:
        self.shift.reconnect()

    def _trouble_restart(self, chance: int) -> None:
        """Of Asterisk."""
        if self.exchange.connected:
            self.shift.disconnect(chance)
            self.exchange.restart()
        else:
            self._reconnect()

    def _trouble_kill(self, chance: int) -> None:
        #: What the database could not be told is lost.
        self.refusals += self.shift.store.away
        if self.shift.store.away:
            self.exchange.dials.clear()
        self.shift.kill(chance, chance % 3)

    # what always holds

    def _measure(self) -> None:
        self.patience.measure(self.exchange, self.shift.desk.live(), self.shift.loop.now)

    @invariant()
    def nobody_is_left_alone(self) -> None:
        self._measure()

    @invariant()
    def no_mistake_of_ours(self) -> None:
        assert not self.shift.errors, self.shift.errors
        assert not self.shift.mistakes, self.shift.mistakes

    @invariant()
    def nobody_is_dialled_twice(self) -> None:
        assert all(times <= 1 for times in self.exchange.dials.values()), self.exchange.dials

    @invariant()
    def a_call_ends_once_and_is_transferred_once_at_a_time(self) -> None:
        for call in self.shift.desk.live():
            assert sum(transfer.open for transfer in call.transfers) <= 1
            assert (call.transfer is not None and call.transfer.open) == (
                call.phase in (Phase.TRANSFERRING, Phase.CONSULTING)
            )

    @invariant()
    def who_talks_hears_the_other_and_who_waits_hears_that(self) -> None:
        if not (self.exchange.connected and self.exchange.idle) or self.refusals:
            return
        for call in self.shift.desk.live():
            assert_heard(self.exchange, call)

    def teardown(self) -> None:
        """However it went: after enough time nothing is left of any call."""
        try:
            self._wind_up()
        finally:
            self.shift.close()

    def _wind_up(self) -> None:
        self.shift.store.away = False
        if not self.exchange.connected:
            self._reconnect()
        for _ in range(20):
            self.time_passes(seconds=40.0)
            self.no_mistake_of_ours()
        assert not self.shift.desk.live(), f"it never ended: {self.shift.desk.live()}"
        assert not self.exchange.channels, f"a channel outlives its call: {self.exchange.channels}"
        assert not self.exchange.bridges, f"a bridge outlives its call: {self.exchange.bridges}"
        self.shift.check_records()
