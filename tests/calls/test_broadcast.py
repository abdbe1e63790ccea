"""Everybody hears everything that concerns him, once and in order, and nobody waits for anybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctc_ari.calls import broadcast
from ctc_ari.calls import broadcast as module
from ctc_ari.calls.broadcast import Audience, Broadcast
from ctc_ari.calls.model import Agent
from ctc_ari.calls.ports import Happening, Logged
from tests.calls.builders import ALICE, NOW, a_call

BOB = Agent("bob@example.com", "Bob")
ALICES: Audience = frozenset({ALICE.email})
BOTH: Audience = frozenset({ALICE.email, BOB.email})


class Reader:
    """A listener that keeps what it is sent, or does not read at all."""

    def __init__(self, *, reads: bool = True) -> None:
        self.got = b""
        self.sends = 0
        self.reads = reads
        self.cut = False
        self.served = asyncio.Event()

    @property
    def unsent(self) -> int:
        return 0 if self.reads else len(self.got)

    def send(self, encoded: bytes) -> None:
        assert not self.cut
        self.got += encoded
        self.sends += 1
        self.served.set()

    def cut_off(self) -> None:
        self.cut = True

    @property
    def ids(self) -> list[int]:
        return [int(line) for line in self.got.split()]


class Stage:
    """A broadcast whose events are their ids, one per line, counted from its beginning."""

    def __init__(self, **settings: float) -> None:
        self.now = NOW
        self.encoded: list[int] = []
        self.cut_off = 0
        self.broken = False
        self.broadcast = Broadcast(
            self._encode,
            clock=lambda: self.now,
            on_cut_off=self._cut_off,
            **settings,  # type: ignore[arg-type]
        )
        self.began = self.broadcast.newest

    def _encode(self, event_id: int, happening: Happening | Logged) -> bytes:
        if self.broken:
            raise ValueError
        self.encoded.append(event_id - self.began)
        return b"%d\n" % (event_id - self.began)

    def _cut_off(self) -> None:
        self.cut_off += 1

    def happen(self, times: int = 1, agent: Agent = ALICE) -> None:
        for _ in range(times):
            self.broadcast.heard(Happening(a_call(agent=agent), "call.answered", self.now, 1))

    def join(self, audience: Audience = None, *, reads: bool = True) -> Reader:
        reader = Reader(reads=reads)
        self.broadcast.join(reader, audience, self.broadcast.newest)
        return reader

    def replay(self, since: int, audience: Audience = None) -> list[int] | None:
        """What a listener would be sent who comes back after that event; None: he gets a snapshot."""
        position, lines = self.began + since, b""
        if not self.broadcast.knows(position):
            return None
        while position != self.broadcast.newest:
            found = self.broadcast.after(position, audience)
            assert found is not None
            assert found[1] > position
            lines, position = lines + b"".join(found[0]), found[1]
        return [int(line) for line in lines.split()]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.broadcast.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def told() -> None:
    """Long enough for what happened to be handed out."""
    await asyncio.sleep(0.05)


async def test_everybody_hears_what_concerns_him_in_order() -> None:
    stage = Stage()
    everything, alices, both, bobs = (
        stage.join(audience) for audience in (None, ALICES, BOTH, frozenset({"bob@example.com"}))
    )
    async with stage.running():
        for agent in (ALICE, BOB, ALICE, BOB):
            stage.happen(agent=agent)
        await told()
        stage.happen(agent=BOB)
        await told()
    assert everything.ids == both.ids == [1, 2, 3, 4, 5]
    assert alices.ids == [1, 3]
    assert bobs.ids == [2, 4, 5]


async def test_an_event_is_encoded_once_for_all_and_never_for_nobody() -> None:
    stage = Stage()
    async with stage.running():
        stage.happen()
        readers = [stage.join(audience) for audience in [None, ALICES] * 50]
        stage.happen(3)
        await told()
        stage.replay(1)
    assert stage.encoded == [2, 3, 4]
    assert {tuple(reader.ids) for reader in readers} == {(2, 3, 4)}


async def test_events_of_one_moment_reach_a_listener_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    #: Longer than a busy machine takes for five steps.
    monkeypatch.setattr(broadcast, "GATHER_SECONDS", 0.2)
    stage = Stage()
    reader = stage.join()
    async with stage.running():
        for _ in range(5):
            stage.happen()
            await asyncio.sleep(0)
        await asyncio.sleep(0.2)
        await told()
    assert (reader.ids, reader.sends) == ([1, 2, 3, 4, 5], 1)


async def test_nothing_is_sent_within_the_desks_own_step() -> None:
    stage = Stage()
    reader = stage.join()
    async with stage.running():
        await asyncio.sleep(0)
        stage.happen()
        assert (reader.sends, stage.encoded) == (0, [])
        await told()
        assert reader.ids == [1]


async def test_whoever_joins_before_what_happened_is_handed_out_hears_only_what_comes_after() -> None:
    stage = Stage()
    first = stage.join()
    stage.happen(2)
    late, alices = stage.join(), stage.join(ALICES)
    stage.happen()
    async with stage.running():
        await told()
    assert (first.ids, late.ids, alices.ids) == ([1, 2, 3], [3], [3])


async def test_whoever_left_hears_nothing_more_even_in_the_middle_of_a_round() -> None:
    stage = Stage()
    readers = [stage.join() for _ in range(3 * module.SLICE)]
    async with stage.running():
        stage.happen()
        await readers[0].served.wait()
        assert not readers[-1].sends, "the others have had their turn"
        stage.broadcast.leave(readers[-1])
        stage.broadcast.leave(readers[-1])
        await told()
    assert readers[-1].ids == []
    assert all(reader.ids == [1] for reader in readers[:-1])
    assert stage.broadcast.listeners == len(readers) - 1


async def test_one_who_does_not_read_is_cut_off_and_nobody_waits_for_him() -> None:
    stage = Stage(most_unsent=10)
    slow, slow_too, quick = stage.join(reads=False), stage.join(ALICES, reads=False), stage.join()
    async with stage.running():
        for _ in range(20):
            stage.happen()
            await asyncio.sleep(0.005)
        await told()
    assert quick.ids == list(range(1, 21))
    assert (slow.cut, slow_too.cut, quick.cut, stage.cut_off, stage.broadcast.listeners) == (True, True, False, 2, 1)
    assert slow.ids == list(range(1, len(slow.ids) + 1)), "what he got is whole"
    assert len(slow.got) <= 14


async def test_an_event_that_cannot_be_encoded_silences_nobody() -> None:
    stage = Stage()
    reader = stage.join()
    async with stage.running():
        stage.broken = True
        stage.happen()
        await told()
        stage.broken = False
        stage.happen()
        await told()
    assert reader.ids == [2]


# coming back


def test_one_who_comes_back_is_told_what_he_missed() -> None:
    stage = Stage()
    stage.broadcast.leave(stage.join())
    for agent in (ALICE, BOB, ALICE):
        stage.happen(agent=agent)
    assert stage.replay(0) == [1, 2, 3]
    assert stage.replay(1, ALICES) == [3]
    assert stage.replay(3) == []


def test_what_is_missed_comes_in_pieces() -> None:
    stage = Stage()
    stage.broadcast.leave(stage.join())
    stage.happen(3 * module.CHUNK + 1)
    found = stage.broadcast.after(stage.began, None)
    assert found is not None
    assert len(found[0]) == module.CHUNK
    assert stage.replay(0) == list(range(1, 3 * module.CHUNK + 2))
    assert stage.replay(0, frozenset()) == []


def test_only_so_many_events_are_remembered() -> None:
    stage = Stage(kept=10)
    stage.join()
    stage.happen(15)
    assert stage.replay(5) == list(range(6, 16))
    assert stage.replay(4) is None
    assert stage.broadcast.after(stage.began + 4, None) is None


def test_events_are_remembered_for_so_long() -> None:
    stage = Stage(kept_seconds=60)
    stage.join()
    stage.happen()
    stage.now += 40
    stage.happen()
    assert stage.replay(0) == [1, 2]
    stage.now += 30
    assert (stage.replay(0), stage.replay(1)) == (None, [2])
    stage.now += 60
    assert (stage.replay(1), stage.replay(2)) == (None, [])


def test_an_id_from_before_a_restart_or_from_nowhere_is_not_known() -> None:
    before = Stage()
    before.join()
    before.happen(1000)
    after = Stage()
    after.now += 5
    after.broadcast = Broadcast(lambda *_: b"", clock=lambda: after.now)
    after.broadcast.leave(after.join())
    after.happen(3)
    newest = after.broadcast.newest
    assert newest > before.broadcast.newest
    for unknown in (0, 1, before.broadcast.newest, newest + 1, newest - 4, 2**63):
        assert not after.broadcast.knows(unknown)
    assert after.broadcast.knows(newest - 3)
    assert newest < 2**53, "a JSON number in every browser"


def test_while_nobody_can_come_back_nothing_is_kept() -> None:
    stage = Stage(kept_seconds=60)
    stage.happen()
    assert stage.replay(0) is None
    assert stage.replay(1) == []
    reader = stage.join()
    stage.happen()
    stage.broadcast.leave(reader)
    stage.now += 50
    stage.happen()
    assert stage.replay(2) == [3]
    stage.now += 20
    stage.happen()
    stage.join()
    stage.happen()
    assert (stage.replay(3), stage.replay(4)) == (None, [5])


def test_what_happens_while_somebody_is_on_the_way_is_remembered_for_him() -> None:
    stage = Stage()
    stage.happen()
    assert stage.broadcast.expect() == stage.began + 1
    stage.happen(2)
    assert stage.replay(1) == [2, 3]


def test_joining_with_an_old_position_is_a_mistake() -> None:
    stage = Stage()
    stage.join()
    stage.happen()
    with pytest.raises(AssertionError):
        stage.broadcast.join(Reader(), None, stage.began)


# any order of things

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("happen"), st.sampled_from([ALICE, BOB])),
        st.tuples(st.just("join"), st.sampled_from([None, ALICES, BOTH])),
        st.tuples(st.just("leave"), st.integers(0, 9)),
        st.tuples(st.just("return"), st.integers(0, 9)),
        st.tuples(st.just("turn"), st.integers(1, 40)),
    ),
    max_size=60,
)


@settings(max_examples=60, deadline=None, database=None)
@given(ACTIONS)
def test_in_any_order_of_things_each_listener_hears_each_of_its_events_once(actions: list[tuple[str, object]]) -> None:
    _run(_story(actions))


def _run(story: Awaitable[None]) -> None:
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(story)
    finally:
        loop.close()


async def _story(actions: list[tuple[str, object]]) -> None:
    stage = Stage()
    history: list[str] = []
    #: Each listener's connections one after the other, since the event after which it began.
    listeners: list[tuple[int, Audience, list[int], list[Reader]]] = []
    async with stage.running():
        for what, which in actions:
            if what == "happen":
                assert isinstance(which, Agent)
                history.append(which.email)
                stage.happen(agent=which)
            elif what == "join":
                assert which is None or isinstance(which, frozenset)
                listeners.append((len(history), which, [], [stage.join(which)]))
            elif what == "turn":
                assert isinstance(which, int)
                for _ in range(which):
                    await asyncio.sleep(0 if which % 2 else 0.0005)
            elif listeners:
                assert isinstance(which, int)
                began, audience, heard, readers = listeners[which % len(listeners)]
                stage.broadcast.leave(readers[-1])
                if what == "return":
                    heard += readers[-1].ids
                    missed = stage.replay(heard[-1] if heard else began, audience)
                    assert missed is not None
                    heard += missed
                    readers.append(stage.join(audience))
                else:
                    del listeners[which % len(listeners)]
        await told()
    for began, audience, heard, readers in listeners:
        expected = [
            number
            for number, email in enumerate(history, start=1)
            if number > began and (audience is None or email in audience)
        ]
        assert heard + readers[-1].ids == expected
