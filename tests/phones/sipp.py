"""Phones made of SIPp: one process that is called, or calls, any number of times at once."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ctc_ari.runtime.processes import Process, start, stop

from .behaviour import Behaviour, answer, scenario
from .calling import calling_scenario
from .sip import Message, MessageLog, parse_short_log
from .sound import tone_ulaw
from .tools import tools
from .waiting import PATIENCE, PhoneError, audio_sink, free_port, udp_port_bound, until

__all__ = ["SippPhone", "carrier", "sipp_caller", "sipp_phone"]

#: No phone outlives this many seconds, whatever the test forgets.
LIFETIME = 900


@dataclass
class SippPhone:
    """A running SIPp. Its lists are read from its log on every access, so take them once in a loop."""

    user: str
    port: int
    process: Process
    folder: Path
    #: Only times, start lines, Call-IDs and CSeqs are kept: for load.
    light: bool
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self._log = MessageLog(self.folder / "messages.log")

    @property
    def uri(self) -> str:
        """Where it is called: `sip:1001@127.0.0.1:40000`."""
        return f"sip:{self.user}@{self.host}:{self.port}"

    @property
    def messages(self) -> list[Message]:
        """Everything sent and received so far, retransmissions too."""
        if self.light:
            return parse_short_log(self.folder / "short.log")
        return list(self._log.read())

    @property
    def invites(self) -> list[Message]:
        """The calls it got, one INVITE for each."""
        return [message for message in self.received("INVITE") if not message.to_tag]

    @property
    def reinvites(self) -> list[Message]:
        """INVITEs inside a call: hold, resume, a new media address."""
        return [message for message in self.received("INVITE") if message.to_tag]

    @property
    def byes(self) -> list[Message]:
        """Calls that the other side ended."""
        return self.received("BYE")

    @property
    def cancels(self) -> list[Message]:
        """Calls that the other side gave up before an answer."""
        return self.received("CANCEL")

    @property
    def answered(self) -> list[Message]:
        """The ACKs of its answers: calls that really were connected."""
        accepted = {(message.call_id, message.cseq.partition(" ")[0]) for message in self.sent(200)}
        return [ack for ack in self.received("ACK") if (ack.call_id, ack.cseq.partition(" ")[0]) in accepted]

    def received(self, what: str | int) -> list[Message]:
        """Requests of a method, or responses of a status, that it received, each once."""
        return _select(self.messages, what, sent=False)

    def sent(self, what: str | int) -> list[Message]:
        """Requests of a method, or responses of a status to an INVITE, that it sent, each once."""
        return [
            message
            for message in _select(self.messages, what, sent=True)
            if isinstance(what, str) or message.method == "INVITE"
        ]

    async def wait_invite(self, n: int = 1, timeout: float = PATIENCE) -> Message:
        """The n-th call it gets, counted from 1."""
        return (await self.wait(lambda: self.invites, n, f"{n} INVITE", timeout))[n - 1]

    async def wait_answered(self, n: int = 1, timeout: float = PATIENCE) -> Message:
        """The ACK of the n-th call that was connected."""
        return (await self.wait(lambda: self.answered, n, f"{n} answered calls", timeout))[n - 1]

    async def wait_bye(self, n: int = 1, timeout: float = PATIENCE) -> Message:
        """The n-th BYE it gets."""
        return (await self.wait(lambda: self.byes, n, f"{n} BYE", timeout))[n - 1]

    async def wait_cancel(self, n: int = 1, timeout: float = PATIENCE) -> Message:
        """The n-th CANCEL it gets."""
        return (await self.wait(lambda: self.cancels, n, f"{n} CANCEL", timeout))[n - 1]

    async def wait_received(self, what: str | int, n: int = 1, timeout: float = PATIENCE) -> Message:
        """The n-th request of a method or response of a status it gets."""
        return (await self.wait(lambda: self.received(what), n, f"{n} {what} received", timeout))[n - 1]

    async def wait_sent(self, what: str | int, n: int = 1, timeout: float = PATIENCE) -> Message:
        """The n-th request of a method or response of a status it sends."""
        return (await self.wait(lambda: self.sent(what), n, f"{n} {what} sent", timeout))[n - 1]

    async def wait(self, take: Callable[[], list[Message]], n: int, what: str, timeout: float) -> list[Message]:
        """What `take` gives once it has `n` elements; PhoneError says what the phone saw instead."""

        def check() -> list[Message]:
            found = take()
            if len(found) >= n:
                return found
            if self.process.returncode is not None:
                raise PhoneError(f"SIPp at {self.uri} ended with {self.process.returncode}\n{self.story()}")
            return []

        return await until(check, f"{self.uri}: {what}", timeout, self.story)

    async def wait_ready(self) -> None:
        """SIPp listens."""

        def ready() -> bool:
            if self.process.returncode is not None:
                raise PhoneError(f"SIPp did not start: {self.process.returncode}\n{self.story()}")
            return udp_port_bound(self.port)

        await until(ready, f"{self.uri}: SIPp listens", PATIENCE, self.story)

    def story(self) -> str:
        """What happened on this phone, one line a message, for a failure's explanation."""
        messages = self.messages
        first = messages[0].time if messages else 0.0
        lines = [
            f"  {message.time - first:8.3f} {'->' if message.sent else '<-'} {message.start_line}"
            f"  [{message.call_id}, {message.cseq}]"
            for message in messages[-60:]
        ]
        if self.process.returncode:
            lines.append((self.folder / "output.log").read_text(errors="replace")[-1000:])
        return "\n".join(lines) or "  nothing at all"


def _select(messages: list[Message], what: str | int, *, sent: bool) -> list[Message]:
    seen: dict[tuple[str, str], Message] = {}
    for message in messages:
        if message.sent is sent and (
            message.status == what if isinstance(what, int) else not message.status and message.method == what
        ):
            seen.setdefault((message.call_id, message.cseq), message)
    return list(seen.values())


def sipp_phone(
    behaviour: Behaviour | None = None, *, user: str = "1001", port: int | None = None, light: bool = False
) -> AbstractAsyncContextManager[SippPhone]:
    """A phone that treats every call alike; without a behaviour it rings and answers at once."""
    return carrier({"*": behaviour or answer()}, user=user, port=port, light=light)


@asynccontextmanager
async def carrier(
    rules: Mapping[str, Behaviour],
    *,
    user: str = "carrier",
    host: str = "127.0.0.1",
    port: int | None = None,
    light: bool = False,
) -> AsyncIterator[SippPhone]:
    """One phone for many numbers: each called number is treated by its rule (see `behaviour.scenario`)."""
    with ExitStack() as stack:
        folder = _folder(stack)
        tones: dict[float, str] = {}
        for frequency in {rule.tone for rule in rules.values() if rule.tone is not None}:
            path = folder / f"tone-{frequency:g}.ul"
            path.write_bytes(tone_ulaw(frequency))
            tones[frequency] = str(path)
        text = scenario(rules, user=user, media_port=stack.enter_context(audio_sink()), tones=tones)
        async with _running(folder, text, [], user, host, port, light=light) as phone:
            await phone.wait_ready()
            yield phone


@asynccontextmanager
async def sipp_caller(
    to: str,
    *,
    from_: str = "447700900123",
    name: str = "",
    calls: int = 1,
    rate: float = 10.0,
    hang_up_after: float | None = None,
    cancel_after: float | None = None,
    tone: float | None = None,
    headers: Sequence[str] = (),
    host: str = "127.0.0.1",
    port: int | None = None,
    light: bool = False,
) -> AsyncIterator[SippPhone]:
    """A phone that calls `to`, as in `sip:442079460001@127.0.0.1:5060`, `calls` times at `rate` a second.

    It hangs up `hang_up_after` seconds after the answer, or waits for the BYE; it gives up `cancel_after` seconds
    after the INVITE if nobody answers. `headers` are added to the INVITE, as in `Call-Info: <…>;answer-after=0`.
    A trunk at 127.0.0.1 is known by its `port`, one at another address of this machine by that `host` alone.
    """
    with ExitStack() as stack:
        folder = _folder(stack)
        play = None
        if tone is not None:
            play = folder / "tone.ul"
            play.write_bytes(tone_ulaw(tone))
        text = calling_scenario(
            to,
            from_=from_,
            name=name,
            media_port=stack.enter_context(audio_sink()),
            hang_up_after=hang_up_after,
            cancel_after=cancel_after,
            play=play,
            headers=headers,
        )
        called = to.partition("@")[2].partition(";")[0]
        options = [called, "-m", str(calls), "-r", str(math.ceil(rate)), "-l", str(calls)]
        async with _running(folder, text, options, from_, host, port, light=light) as phone:
            yield phone


def _folder(stack: ExitStack) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ctc-phone-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder


@asynccontextmanager
async def _running(
    folder: Path, text: str, options: list[str], user: str, host: str, port: int | None, *, light: bool
) -> AsyncIterator[SippPhone]:
    port = port or free_port()
    (folder / "phone.xml").write_text(text, encoding="utf-8")
    logs = ["-trace_shortmsg", "-shortmessage_file", "short.log"]
    if not light:
        logs = ["-trace_msg", "-message_file", "messages.log"]
    command = [
        *tools().sipp, "-sf", "phone.xml", "-i", host, "-p", str(port), *options,
        "-mi", "127.0.0.1", "-mp", str(free_port()),
        "-ci", "127.0.0.1", "-cp", str(free_port()), "-nostdin", "-f", "600",
        # Without the default behaviours no surprise ends a call: the scenario itself deals with all of them.
        "-default_behaviors", "none", "-timeout", str(LIFETIME), *logs,
    ]  # fmt: skip
    # SIPp's clock in the log is local time.
    environment = {"PATH": "/usr/bin:/bin", "TERM": "dumb", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    process = await start(command, output=folder / "output.log", env=environment, cwd=folder)
    try:
        yield SippPhone(user, port, process, folder, light, host)
    finally:
        await stop(process, grace=2.0)
