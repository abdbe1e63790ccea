"""`ctc-ari asterisk …` with a real Asterisk."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from ctc_ari.config import Config
from ctc_ari.errors import SetupError
from ctc_ari.runtime import asterisk
from tests.cli.shell import Shell
from tests.phones import free_port


@pytest.fixture(scope="module")
def installed() -> asterisk.Installation:
    try:
        return asterisk.find() or asterisk.install()
    except SetupError as error:
        pytest.skip(str(error))


@pytest.fixture
def pbx(tmp_path: Path, installed: asterisk.Installation) -> Shell:
    """With ports of one's own."""
    assert installed
    ari = f"http://127.0.0.1:{free_port()}/ari"
    sip = f"127.0.0.1:{free_port()}"
    return Shell(tmp_path, CTC_ASTERISK__NODES__0__ARI_URL=ari, CTC_ASTERISK__SIP_BIND=sip)


def test_asterisk_config_writes_the_files_and_says_how_to_run_them(pbx: Shell) -> None:
    text = pbx.ok("asterisk", "config", "--out", "out")
    assert text.startswith("written to out; this runs it:\n")
    assert text.strip().endswith("-f")
    assert f"[{Config().asterisk.nodes[0].username}]" in (pbx.folder / "out/ari.conf").read_text()


def test_asterisk_run_says_when_it_answers_and_ends_when_told(pbx: Shell) -> None:
    with subprocess.Popen(
        [*pbx.command, "asterisk", "run"], cwd=pbx.folder, env=pbx.environ, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Asterisk ")
        assert (pbx.folder / "var/asterisk/asterisk.conf").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_asterisk_run_on_a_busy_port_is_one_line(pbx: Shell) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        pbx.environ["CTC_ASTERISK__NODES__0__ARI_URL"] = f"http://127.0.0.1:{busy.getsockname()[1]}/ari"
        assert "cannot be used" in pbx.refused(1, "asterisk", "run")


@pytest.mark.usefixtures("installed")
def test_asterisk_install_says_what_to_type_next(plain: Shell) -> None:
    text = plain.ok("asterisk", "install")
    assert re.search(r"^Asterisk \d+\.\d+\.\d+ is ready; `ctc-ari asterisk run` runs it$", text, re.MULTILINE)
