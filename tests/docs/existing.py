"""An Asterisk of somebody else's: Debian's sample files, all modules, a carrier, a phone, a dialplan."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ctc_ari.runtime import asterisk, processes
from tests import phones

__all__ = ["Existing", "existing"]

_PJSIP = """
[transport-udp]
type=transport
protocol=udp
bind=127.0.0.1:{sip}

[1001]
type=endpoint
context=from-internal
disallow=all
allow=ulaw
aors=1001

[1001]
type=aor
contact=sip:1001@127.0.0.1:{agent}

[itsp]
type=endpoint
context=from-itsp
disallow=all
allow=ulaw
aors=itsp

[itsp]
type=aor
contact=sip:127.0.0.1:{carrier}

[itsp]
type=identify
endpoint=itsp
match=127.0.0.1:{carrier}
match=127.0.0.1:{caller}
"""
_EXTENSIONS = """
[general]
static=yes
writeprotect=no

[from-internal]
exten => _1XXX,1,Dial(PJSIP/${EXTEN},20)

[from-itsp]
exten => _X.,1,Hangup(3)
"""


@dataclass
class Existing:
    """Where it is, and what an admin does with it."""

    folder: Path
    installation: asterisk.Installation
    process: processes.Process
    sip_port: int

    def append(self, file: str, text: str) -> None:
        """Add a block to the end of one of its files."""
        with (self.folder / "etc" / file).open("a", encoding="utf-8") as opened:
            opened.write(f"\n{text}")

    def cli(self, command: str) -> str:
        """`asterisk -rx COMMAND`."""
        argv = [*self.installation.argv, "-C", str(self.folder / "etc/asterisk.conf"), "-rx", command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False).stdout

    async def until_booted(self) -> None:
        for _ in range(600):
            if "fully booted" in await asyncio.to_thread(self.cli, "core waitfullybooted"):
                return
            await asyncio.sleep(0.1)
        raise AssertionError((self.folder / "log/console").read_text()[-2000:])


def samples(installation: asterisk.Installation) -> Path:
    """The sample files that came with it."""
    return installation.data.parents[2] / "etc/asterisk"


@asynccontextmanager
async def existing(
    installation: asterisk.Installation, agent: int, carrier: int, caller: int
) -> AsyncIterator[Existing]:
    """Run it until the block ends; the phones and the carrier are at those ports."""
    folder = Path(tempfile.mkdtemp(prefix="ctc-other-", dir="/tmp"))
    try:
        shutil.copytree(samples(installation), folder / "etc")
        for below in ("lib/keys", "spool/recording", "run", "log/cdr-csv", "log/cel-custom"):
            (folder / below).mkdir(parents=True)
        _move(folder, installation)
        sip = phones.free_port()
        (folder / "etc/pjsip.conf").write_text(_PJSIP.format(sip=sip, agent=agent, carrier=carrier, caller=caller))
        (folder / "etc/extensions.conf").write_text(_EXTENSIONS)
        rtp = folder / "etc/rtp.conf"
        rtp.write_text(
            rtp.read_text().replace("rtpstart=10000", "rtpstart=20002").replace("rtpend=20000", "rtpend=20400")
        )
        command = [*installation.argv, "-C", str(folder / "etc/asterisk.conf"), "-f"]
        process = await processes.start(command, output=folder / "log/console")
        try:
            made = Existing(folder, installation, process, sip)
            await made.until_booted()
            yield made
        finally:
            await processes.stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _move(folder: Path, installation: asterisk.Installation) -> None:
    """The only thing that is not as on Debian: its folders are not below /var."""
    places = dict.fromkeys(("astvarlibdir", "astdbdir", "astkeydir", "astcachedir"), folder / "lib") | {
        "astetcdir": folder / "etc",
        "astmoddir": installation.modules,
        "astdatadir": installation.data,
        "astspooldir": folder / "spool",
        "astrundir": folder / "run",
        "astlogdir": folder / "log",
    }
    file = folder / "etc/asterisk.conf"
    text = re.sub(r"^\[directories\]\(!\).*$", "[directories]", file.read_text(), flags=re.MULTILINE)
    for name, place in places.items():
        text = re.sub(rf"^{name} =>.*$", f"{name} => {place}", text, flags=re.MULTILINE)
    file.write_text(text)
