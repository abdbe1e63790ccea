"""A phone with somebody at it: baresip, told what to do while a call goes on, and asked what it hears."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from ctc_ari.runtime.processes import Process, start, stop

from .sound import Sound, read_wav
from .tools import tools
from .waiting import PATIENCE, PhoneError, free_port, until

__all__ = ["Baresip", "Event", "baresip_phone"]

#: No phone outlives this many seconds, whatever the test forgets.
LIFETIME = 900


@dataclass(frozen=True)
class Event:
    """Something that happened on the phone, as baresip names it: `CALL_INCOMING`, `CALL_ESTABLISHED`, …"""

    #: Epoch seconds when it was read, which is up to a millisecond late.
    time: float
    type: str
    #: The SIP Call-ID of the leg; empty for registrations.
    call_id: str = ""
    #: Who is at the other end: a SIP URI and a display name.
    peer: str = ""
    peer_name: str = ""
    #: More about it: the reason of a `CALL_CLOSED`, the digit of a `CALL_DTMF_START`.
    param: str = ""
    #: What the other side lets through: `sendrecv`, or on hold `sendonly` or `inactive`.
    audio: str = ""


@dataclass
class Baresip:
    """A running baresip. Commands act on the current call, which is the one that came last."""

    user: str
    port: int
    process: Process
    folder: Path
    #: What it sends, in Hz; None: nothing.
    tone: float | None = None
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tokens = count(1)
        self._answers: dict[str, asyncio.Future[tuple[bool, str]]] = {}

    @property
    def uri(self) -> str:
        """Where it is called if it does not register: `sip:alice@127.0.0.1:40000`."""
        return f"sip:{self.user}@127.0.0.1:{self.port}"

    @property
    def heard(self) -> Sound:
        """All that it received in the current or last call, at 8 kHz. It has no gap where nothing was sent."""
        files = sorted(self.folder.glob("dump-*-dec.wav"), key=lambda path: path.stat().st_mtime_ns)
        return read_wav(files[-1]) if files else Sound([])

    async def listen(self, seconds: float = 1.0) -> Sound:
        """What it receives from now on, for some seconds: less than that, or nothing, if less is sent."""
        await asyncio.sleep(0.1)  # what was said before is still on its way through buffers
        before = len(self.heard.samples)
        await asyncio.sleep(seconds)
        return Sound(self.heard.samples[before:])

    async def accept(self) -> None:
        """Answers the ringing call."""
        await self.command("accept")

    async def reject(self) -> None:
        """Refuses the ringing call with 486. For other statuses use a SIPp phone."""
        await self.command("hangup")

    async def hang_up(self) -> None:
        """Ends the current call."""
        await self.command("hangup")

    async def hold(self) -> None:
        """Presses the phone's own hold key: a re-INVITE with `sendonly`."""
        await self.command("hold")

    async def resume(self) -> None:
        """The other press of the hold key."""
        with suppress(PhoneError):  # baresip 1.1 resumes, then complains that there was no other call to hold
            await self.command("resume")

    async def mute(self) -> None:
        """Toggles the microphone."""
        await self.command("mute")

    async def dial(self, uri: str) -> None:
        """Calls a SIP URI, or a number at the registrar."""
        await self.command("dial", uri)

    async def dtmf(self, digits: str) -> None:
        """Presses keys, one after another: RFC 4733 events in the audio stream."""
        for digit in digits:
            await self.command("sndcode", digit)
            await asyncio.sleep(0.15)

    async def transfer(self, uri: str) -> None:
        """Blind transfer by the phone's own key: REFER."""
        await self.command("transfer", uri)

    async def command(self, name: str, params: str = "") -> str:
        """Any baresip command; PhoneError if it is refused."""
        token = str(next(self._tokens))
        answer: asyncio.Future[tuple[bool, str]] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        message = {"command": name, "token": token} | ({"params": params} if params else {})
        payload = json.dumps(message).encode()
        self._writer.write(b"%d:%s," % (len(payload), payload))
        try:
            done, text = await asyncio.wait_for(answer, PATIENCE)
        except TimeoutError:
            raise PhoneError(f"{self.user}: no reply to `{name} {params}`\n{self.story()}") from None
        if not done:
            raise PhoneError(f"{self.user}: `{name} {params}` failed: {text}\n{self.story()}")
        return text

    async def wait(
        self, type_: str, n: int = 1, timeout: float = PATIENCE, where: Callable[[Event], bool] = lambda _event: True
    ) -> Event:
        """The n-th event of this type, counted from the phone's start."""

        def check() -> list[Event]:
            found = [event for event in self.events if event.type == type_ and where(event)]
            if len(found) < n and self.process.returncode is not None:
                raise PhoneError(f"baresip of {self.user} ended with {self.process.returncode}\n{self.story()}")
            return found if len(found) >= n else []

        return (await until(check, f"{self.user}: {n} {type_}", timeout, self.story))[n - 1]

    async def wait_incoming(self, n: int = 1, timeout: float = PATIENCE) -> Event:
        """It rings for the n-th time."""
        return await self.wait("CALL_INCOMING", n, timeout)

    async def wait_established(self, n: int = 1, timeout: float = PATIENCE) -> Event:
        """The n-th of its calls is connected."""
        return await self.wait("CALL_ESTABLISHED", n, timeout)

    async def wait_closed(self, n: int = 1, timeout: float = PATIENCE) -> Event:
        """The n-th of its calls is over, answered or not."""
        return await self.wait("CALL_CLOSED", n, timeout)

    def story(self) -> str:
        """What happened on this phone, for a failure's explanation."""
        first = self.events[0].time if self.events else 0.0
        lines = [f"  {event.time - first:8.3f} {event.type} {event.peer} {event.param}" for event in self.events[-60:]]
        if not lines or self.process.returncode is not None:
            lines.append((self.folder / "output.log").read_text(errors="replace")[-2000:])
        return "\n".join(lines)

    async def _connect(self, port: int) -> asyncio.Task[None]:
        for _ in range(1500):
            if self.process.returncode is not None:
                raise PhoneError(f"baresip did not start: {self.process.returncode}\n{self.story()}")
            with suppress(ConnectionRefusedError):
                reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
                return asyncio.create_task(self._read(reader))
            await asyncio.sleep(0.01)
        raise PhoneError(f"baresip does not listen\n{self.story()}")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:  # netstrings: length, colon, payload, comma
                length = int((await reader.readuntil(b":"))[:-1])
                self._take(json.loads((await reader.readexactly(length + 1))[:-1]))

    def _take(self, message: dict[str, Any]) -> None:
        if message.get("response"):
            answer = self._answers.pop(str(message.get("token")), None)
            if answer and not answer.done():
                answer.set_result((message["ok"], message.get("data", "").strip()))
        elif message.get("event"):
            fields = {
                key: str(message.get(name, ""))
                for key, name in (
                    *(("call_id", "id"), ("peer", "peeruri"), ("peer_name", "peerdisplayname")),
                    *(("param", "param"), ("audio", "remoteaudiodir")),
                )
            }
            self.events.append(Event(time.time(), message["type"], **fields))


@asynccontextmanager
async def baresip_phone(
    user: str = "alice",
    *,
    registrar: str | None = None,
    password: str = "",
    name: str = "",
    tone: float | None = 440.0,
    answer: bool = False,
    auto_answer: bool = False,
    port: int | None = None,
) -> AsyncIterator[Baresip]:
    """A phone at a fixed address, or registered at `registrar`, as in `127.0.0.1:5060`, once the block begins.

    It sends `tone` Hz all the time, or with None no audio at all. With `answer` it takes every call at once; with
    `auto_answer` only those that ask for it in Call-Info or Alert-Info, which baresip 1.0 does not know.
    """
    folder = Path(tempfile.mkdtemp(prefix="ctc-phone-"))
    port, control = port or free_port(), free_port()
    address = f"{user}@{registrar or f'127.0.0.1:{port}'}"
    account = [
        f'"{name or user}" <sip:{address}>',
        f"auth_pass={password}" if password else "",
        f"regint={3600 if registrar else 0}",
        f"answermode={'auto' if answer else 'manual'}",
        f"sip_autoanswer={'yes' if auto_answer else 'no'}",
        "audio_codecs=PCMU",
        "ptime=20",
    ]
    (folder / "config").write_text(_config(folder, port, control, tone))
    command = [*tools().baresip, "-4", "-f", str(folder), "-t", str(LIFETIME)]
    process = await start(command, output=folder / "output.log", env={"HOME": str(folder), "LC_ALL": "C"}, cwd=folder)
    phone = Baresip(user, port, process, folder, tone)
    reading: asyncio.Task[None] | None = None
    try:
        reading = await phone._connect(control)
        # Not in an accounts file: it would register before anybody listens to its events.
        await phone.command("uanew", ";".join(filter(None, account)))
        if registrar:
            await phone.wait("REGISTER_OK")
        yield phone
    finally:
        if reading:
            # In order, so that calls get their BYE and the registrar is told.
            with suppress(PhoneError):
                await phone.command("quit")
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 0.5)
            reading.cancel()
            phone._writer.close()
        await stop(process, grace=0.3)
        shutil.rmtree(folder, ignore_errors=True)


def _config(folder: Path, port: int, control: int, tone: float | None) -> str:
    modules = "\n".join(f"module {name}.so" for name in ("g711", "ausine", "aubridge", "sndfile"))
    # An aubridge that leads nowhere is a microphone without a sound and a loudspeaker that nobody hears. What arrives
    # is recorded by sndfile instead of played by aufile, which crashes baresip 1.1 now and then on a re-INVITE.
    source = "aubridge,nothing" if tone is None else f"ausine,{round(tone)}"
    return f"""\
poll_method epoll
sip_listen 127.0.0.1:{port}
call_local_timeout 180
call_max_calls 20
audio_path {folder}/no-ring-tones
audio_player aubridge,nobody
audio_source {source}
audio_alert aubridge,nobody
snd_path {folder}
ausrc_srate 48000
ausrc_channels 2
auplay_srate 8000
auplay_channels 1
audio_buffer 20-160
jitter_buffer_type fixed
jitter_buffer_delay 1-5
net_interface 127.0.0.1
rtp_stats no
sip_autoanswer_beep no
module_path {tools().baresip_modules}
{modules}
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""
