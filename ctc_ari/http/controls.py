"""/api/v1/calls/{id}/…: what an agent does while she talks, as desired states: repeating a request is harmless."""

from __future__ import annotations

import re

import msgspec
from aiohttp import web

from ctc_ari.calls.inputs import Input, SendDtmf, SetHeld, SetMuted, SetRecording
from ctc_ari.calls.model import Call
from ctc_ari.errors import BadRequest, RecordingNotFound
from ctc_ari.http.services import Services, visible_call

__all__ = ["Controls"]

PATH = "/api/v1/calls/{id}"

#: What a telephone's keypad has (RFC 4733, section 3.2).
_KEYS = re.compile(r"[0-9A-D*#]{1,64}")


class Dtmf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST …/dtmf."""

    digits: str

    def __post_init__(self) -> None:
        if not _KEYS.fullmatch(self.digits):
            raise ValueError("`digits` are 1 to 64 of 0 to 9, A to D, * and #")


class Recording(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of PUT …/recording; without one the call is recorded."""

    paused: bool = False


class Controls:
    """The handlers. Each answers 204 once Asterisk has done it."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._dtmf = msgspec.json.Decoder(Dtmf)
        self._recording = msgspec.json.Decoder(Recording)

    def routes(self) -> list[web.RouteDef]:
        """PUT makes it so, DELETE undoes it."""
        return [
            web.put(PATH + "/mute", self.mute),
            web.delete(PATH + "/mute", self.unmute),
            web.put(PATH + "/hold", self.hold),
            web.delete(PATH + "/hold", self.resume),
            web.put(PATH + "/recording", self.record),
            web.delete(PATH + "/recording", self.stop_recording),
            web.get(PATH + "/recordings/{number}", self.download, allow_head=False),
            web.post(PATH + "/dtmf", self.dtmf),
        ]

    async def mute(self, request: web.Request) -> web.Response:
        """The customer hears silence; the agent still hears the customer."""
        return await self._wish(request, SetMuted(True))

    async def unmute(self, request: web.Request) -> web.Response:
        """The customer hears the agent again."""
        return await self._wish(request, SetMuted(False))

    async def hold(self, request: web.Request) -> web.Response:
        """The customer hears music; neither hears the other."""
        return await self._wish(request, SetHeld(True))

    async def resume(self, request: web.Request) -> web.Response:
        """Both hear each other again."""
        return await self._wish(request, SetHeld(False))

    async def record(self, request: web.Request) -> web.Response:
        """Both sides into one file; `{"paused": true}` leaves out what follows."""
        call = await visible_call(self._services, request)
        body = await request.read()
        try:
            wish = self._recording.decode(body) if body else Recording()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest(f"The body is not a recording's state: {error}.") from None
        return await self._control(call, SetRecording("paused" if wish.paused else "on"))

    async def stop_recording(self, request: web.Request) -> web.Response:
        """The recording is complete."""
        return await self._wish(request, SetRecording("off"))

    async def dtmf(self, request: web.Request) -> web.Response:
        """The customer's side hears these keys."""
        call = await visible_call(self._services, request)
        try:
            keys = self._dtmf.decode(await request.read())
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest(f'The body does not name keys, as in {{"digits": "12#"}}: {error}.') from None
        return await self._control(call, SendDtmf(keys.digits))

    async def download(self, request: web.Request) -> web.StreamResponse:
        """200 with the WAV, once the recording has ended."""
        call = await visible_call(self._services, request)
        number = request.match_info["number"]
        if not number.isdecimal() or not 1 <= int(number[:6]) <= call.recordings:
            raise RecordingNotFound
        if call.live and call.recording != "off" and int(number) == call.recordings:
            raise RecordingNotFound
        parts = self._services.recordings.stream(call.id, int(number))
        #: The first part is fetched before the answer begins: until then it can still be an error.
        first = await anext(parts, b"")
        response = web.StreamResponse(headers={"Content-Type": "audio/wav"})
        await response.prepare(request)
        await response.write(first)
        async for part in parts:
            await response.write(part)
        await response.write_eof()
        return response

    async def _wish(self, request: web.Request, wish: Input) -> web.Response:
        return await self._control(await visible_call(self._services, request), wish)

    async def _control(self, call: Call, wish: Input) -> web.Response:
        await self._services.desk.control(call.id, wish)
        return web.Response(status=204)
