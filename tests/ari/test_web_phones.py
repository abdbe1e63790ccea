"""Browser phones on a real Asterisk: made while it runs, registered over its WebSocket, gone again."""

from __future__ import annotations

import hashlib
import re
import secrets
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ctc_ari.ari.web_phones import AsteriskWebPhones
from ctc_ari.calls.model import Agent
from ctc_ari.config import AgentSeed, Asterisk, Config, Node
from ctc_ari.errors import AsteriskUnreachable, DeviceUnavailable, WebPhoneUnavailable
from ctc_ari.runtime import asterisk, processes
from ctc_ari.web_phones import SipAccount, SipSocket, account_name
from tests import phones

ANNA = Agent("anna@example.com", extension="1001")


@dataclass
class Pbx:
    """An Asterisk with one desk phone."""

    node: Node
    installation: asterisk.Installation
    folder: Path

    def console(self, line: str) -> str:
        """What Asterisk's console says."""
        command = [*self.installation.argv, "-C", str(self.folder / "asterisk.conf"), "-rx", line]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def shows(self, attribute: str, endpoint: str = "web-1001") -> str:
        """An endpoint's attribute; empty when there is no such endpoint."""
        found = re.search(rf"^ {attribute} +: (.*)$", self.console(f"pjsip show endpoint {endpoint}"), re.MULTILINE)
        return found[1].strip() if found else ""


@pytest.fixture(scope="module")
async def pbx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pbx]:
    folder = tmp_path_factory.mktemp("asterisk")
    node = Node(ari_url=f"http://127.0.0.1:{phones.free_port()}/ari", password="browser-phones")
    config = Config(
        asterisk=Asterisk(nodes=(node,), sip_bind=f"127.0.0.1:{phones.free_port()}"),
        agents=(AgentSeed(email="desk@example.com", extension="1001"),),
    )
    installation = asterisk.find() or asterisk.install()
    async with asterisk.running(config, folder, installation):
        yield Pbx(node, installation, folder)


@pytest.fixture
def browsers(pbx: Pbx) -> AsteriskWebPhones:
    return AsteriskWebPhones(pbx.node, enabled=True)


def register(account: SipAccount, password: str, nonce: str = "") -> str:
    """A REGISTER (RFC 3261, 10.2), with the digest of RFC 2617 once there is a nonce."""
    uri = "sip:ctc.invalid"
    lines = [
        f"REGISTER {uri} SIP/2.0",
        f"Via: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK{secrets.token_hex(8)}",
        f"From: <sip:{account.name}@ctc.invalid>;tag={secrets.token_hex(4)}",
        f"To: <sip:{account.name}@ctc.invalid>",
        f"Call-ID: {secrets.token_hex(8)}",
        "CSeq: 1 REGISTER",
        "Max-Forwards: 70",
        f"Contact: <sip:{account.name}@df7jal23ls0d.invalid;transport=ws>;expires=300",
    ]
    if nonce:
        first = hashlib.md5(f"{account.name}:asterisk:{password}".encode()).hexdigest()
        second = hashlib.md5(f"REGISTER:{uri}".encode()).hexdigest()
        response = hashlib.md5(f"{first}:{nonce}:00000001:c:auth:{second}".encode()).hexdigest()
        lines.append(
            f'Authorization: Digest username="{account.name}", realm="asterisk", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", qop=auth, nc=00000001, cnonce="c", algorithm=MD5'
        )
    return "\r\n".join([*lines, "Content-Length: 0", "", ""])


async def status(socket: SipSocket, account: SipAccount, password: str | None = None) -> int:
    """What the registrar answers in the end."""
    password = password or account.password
    await socket.send(register(account, password))
    challenge = await socket.receive() or ""
    nonce = re.search(r'nonce="([^"]+)"', challenge)
    assert challenge.startswith("SIP/2.0 401"), challenge
    assert nonce
    await socket.send(register(account, password, nonce[1]))
    return int((await socket.receive() or "").split()[1])


def test_the_account_is_named_after_the_extension() -> None:
    assert account_name(ANNA) == "web-1001"
    assert account_name(Agent("a@b")) is None


async def test_a_browser_registers_and_is_gone_with_its_connection(pbx: Pbx, browsers: AsteriskWebPhones) -> None:
    account = await browsers.admit(ANNA)
    async with browsers.connect() as socket:
        assert await status(socket, account) == 200
        assert "web-1001@" in pbx.console("pjsip show contacts")
    async with browsers.connect() as socket:
        assert await status(socket, account, "guessed") != 200


async def test_media_is_always_encrypted_and_no_call_can_be_dialled(pbx: Pbx, browsers: AsteriskWebPhones) -> None:
    await browsers.admit(ANNA)
    assert pbx.shows("media_encryption") == "dtls"
    assert pbx.shows("media_encryption_optimistic") == "false"
    assert pbx.shows("ice_support") == "true"
    assert pbx.shows("context") == "ctc-no-calls"
    assert "opus" in pbx.shows("allow")
    assert pbx.shows("ice_support", "1001") == "false"


async def test_a_new_password_makes_the_one_before_void(browsers: AsteriskWebPhones) -> None:
    first = await browsers.admit(ANNA)
    second = await browsers.admit(ANNA)
    assert first.password != second.password
    async with browsers.connect() as socket:
        assert await status(socket, second, first.password) != 200
        assert await status(socket, second) == 200


async def test_a_dismissed_browser_is_unknown(pbx: Pbx, browsers: AsteriskWebPhones) -> None:
    account = await browsers.admit(ANNA)
    await browsers.dismiss(account.name)
    await browsers.dismiss(account.name)
    assert pbx.shows("context") == ""
    async with browsers.connect() as socket:
        assert await status(socket, account) != 200


async def test_an_extension_of_signs_is_a_name_too(pbx: Pbx, browsers: AsteriskWebPhones) -> None:
    await browsers.admit(Agent("a@b", extension="*7#"))
    assert pbx.shows("context", "web-*7#") == "ctc-no-calls"
    await browsers.dismiss("web-*7#")
    assert pbx.shows("context", "web-*7#") == ""


async def test_without_an_extension_or_switched_off_there_is_none(pbx: Pbx, browsers: AsteriskWebPhones) -> None:
    with pytest.raises(DeviceUnavailable, match="extension"):
        await browsers.admit(Agent("a@b"))
    with pytest.raises(DeviceUnavailable, match=r"webrtc\.enabled"):
        await AsteriskWebPhones(pbx.node, enabled=False).admit(ANNA)


async def test_an_asterisk_that_is_away_is_told_so() -> None:
    away = AsteriskWebPhones(Node(ari_url=f"http://127.0.0.1:{phones.free_port()}/ari"), enabled=True)
    with pytest.raises(AsteriskUnreachable):
        await away.admit(ANNA)
    with pytest.raises(AsteriskUnreachable):
        async with away.connect():
            pass
    await away.dismiss("web-1001")


async def test_an_asterisk_that_takes_no_browsers_is_told_so(pbx: Pbx, tmp_path: Path) -> None:
    """As an existing one is before its sorcery.conf lets ARI write."""
    config = Config(
        asterisk=Asterisk(
            nodes=(Node(ari_url=f"http://127.0.0.1:{phones.free_port()}/ari", password="x"),),
            sip_bind=f"127.0.0.1:{phones.free_port()}",
        )
    )
    asterisk.render(config, tmp_path, pbx.installation)
    (tmp_path / "sorcery.conf").write_text("")
    command = asterisk.command(pbx.installation, tmp_path)
    process = await processes.start(command, output=tmp_path / "log" / "console", env={})
    try:
        await asterisk.wait_ready(config, process)
        with pytest.raises(WebPhoneUnavailable):
            await AsteriskWebPhones(config.asterisk.nodes[0], enabled=True).admit(ANNA)
    finally:
        await processes.stop(process, 5.0)


async def test_the_password_of_ari_is_in_no_error(pbx: Pbx) -> None:
    wrong = AsteriskWebPhones(Node(ari_url=pbx.node.ari_url, password="wrong-password"), enabled=True)
    with pytest.raises((WebPhoneUnavailable, AsteriskUnreachable)) as caught:
        await wrong.admit(ANNA)
    assert "wrong-password" not in str(caught.value)
