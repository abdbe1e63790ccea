"""A private Asterisk: found or fetched, configured from `asterisk-config/`, and run as a child of ours."""

from __future__ import annotations

import asyncio
import os
import platform
import re
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec

from ctc_ari.config import Config
from ctc_ari.errors import SetupError
from ctc_ari.runtime import packages, processes
from ctc_ari.runtime.asterisk_files import render, run_dir, templates
from ctc_ari.runtime.asterisk_values import REQUIRED_MODULES, host_and_port
from ctc_ari.runtime.installation import Installation

__all__ = ["Installation", "check_ports", "command", "find", "install", "render", "running", "templates", "wait_ready"]

#: ARI's own hold, snoop and `create` behave as this service expects from here on.
OLDEST = (20, 0, 0)
PACKAGES = ("asterisk", "asterisk-moh-opsound-wav", "asterisk-core-sounds-en-wav")
#: Seconds within which Asterisk answers; it needs one, an overloaded machine more.
READY_TIMEOUT = 20.0
_HOST_DATA = (Path("/usr/share/asterisk"), Path("/var/lib/asterisk"))


def find() -> Installation | None:
    """The machine's own Asterisk if it is new enough, else the one fetched earlier, else None."""
    return _host() or _cached()


def _host() -> Installation | None:
    binary = shutil.which("asterisk") or shutil.which("asterisk", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        return None
    version = _version((binary,))
    triplet = packages.MACHINES.get(platform.machine(), ("", ""))[0]
    places = [f"/usr/lib/{triplet}/asterisk/modules", "/usr/lib/asterisk/modules", "/usr/lib64/asterisk/modules"]
    modules = next((Path(place) for place in places if (Path(place) / "res_ari.so").exists()), None)
    data = next((path for path in _HOST_DATA if (path / "sounds").exists()), None)
    if version is None or version < OLDEST or modules is None or data is None:
        return None
    if any(not (modules / name).exists() for name in REQUIRED_MODULES):
        return None
    return Installation((binary,), modules, data, version)


def _cached() -> Installation | None:
    root = _root()
    if not (root / packages.MARKER).exists():
        return None
    try:
        argv = packages.argv(root, "usr/sbin/asterisk")
    except packages.PackageError:
        return None
    version = _version(argv)
    modules = packages.library_dir(root) / "asterisk/modules"
    return Installation(argv, modules, root / "usr/share/asterisk", version) if version else None


def _root() -> Path:
    return packages.cache_dir() / f"asterisk-{_suite() or 'host'}"


def _suite() -> str | None:
    """Debian carries Asterisk in its development release only; Ubuntu's releases carry it themselves."""
    return "sid" if packages.host_release()[0] == "debian" else None


def _version(argv: tuple[str, ...]) -> tuple[int, int, int] | None:
    try:
        done = subprocess.run([*argv, "-V"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"Asterisk (?:certified[/-])?(\d+)\.(\d+)(?:\.(\d+))?", done.stdout)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def install(progress: packages.Progress | None = None) -> Installation:
    """Fetches the private Asterisk into the cache, about 15 s and 310 MB; at once if it is there. Raises SetupError."""
    try:
        packages.library_dir(_root())
        packages.fetch(PACKAGES, _root(), suite=_suite(), progress=progress)
    except packages.PackageError as error:
        raise SetupError(f"Asterisk cannot be fetched: {error}") from None
    installation = _cached()
    if installation is None:
        raise SetupError(
            f"the Asterisk in {_root()} does not run here: remove that folder, or install Asterisk 20 or newer yourself"
        )
    if installation.version < OLDEST:
        version = ".".join(map(str, installation.version))
        raise SetupError(f"this system's archive has Asterisk {version}: install Asterisk 20 or newer yourself")
    return installation


def command(installation: Installation, out: Path) -> list[str]:
    """What runs Asterisk in the foreground with the files rendered to `out`."""
    return [*installation.argv, "-C", str(out.absolute() / "asterisk.conf"), "-f"]


def check_ports(config: Config, carrier_bind: str | None = None) -> None:
    """Raises SetupError naming the first port that something else is using, and what to change."""
    node = config.asterisk.nodes[0]
    url = urlsplit(node.ari_url)
    _check_port(url.hostname or "127.0.0.1", url.port or 80, "asterisk.nodes[0].ari_url", (socket.SOCK_STREAM,))
    both = (socket.SOCK_DGRAM, socket.SOCK_STREAM)
    _check_port(*host_and_port(config.asterisk.sip_bind), "asterisk.sip_bind", both)
    if carrier_bind:
        _check_port(*host_and_port(carrier_bind), "the address of the simulated carrier", (socket.SOCK_DGRAM,))


def _check_port(host: str, port: int, key: str, kinds: tuple[socket.SocketKind, ...]) -> None:
    for kind in kinds:
        name = "TCP" if kind == socket.SOCK_STREAM else "UDP"
        try:
            family, _, _, _, address = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_PASSIVE)[0]
        except OSError as error:
            raise SetupError(f"{key}: `{host}` is not an address: {error.strerror}") from None
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:  # as Asterisk does: connections just closed do not count
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                raise SetupError(
                    f"{name} port {port} on {host} cannot be used ({error.strerror}): "
                    f"stop what uses it, such as another Asterisk, or change {key}"
                ) from None


async def wait_ready(
    config: Config, process: processes.Process, timeout: float = READY_TIMEOUT, *, out: Path | None = None
) -> None:
    """Returns when ARI answers and every module it needs runs. Raises SetupError with what Asterisk said instead."""
    node = config.asterisk.nodes[0]
    deadline = time.monotonic() + timeout
    seen = "ARI did not answer"
    limits = aiohttp.ClientTimeout(total=2)
    login = {"Authorization": aiohttp.encode_basic_auth(node.username, node.password, encoding="utf-8")}
    async with aiohttp.ClientSession(headers=login, timeout=limits) as session:
        while time.monotonic() < deadline:
            if process.returncode is not None:
                raise SetupError(f"Asterisk stopped at once: {_complaint(out) or f'exit status {process.returncode}'}")
            try:
                missing = await _missing_modules(session, node.ari_url.rstrip("/"))
                if not missing:
                    return
                seen = f"not loaded: {', '.join(sorted(missing))}"
            except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError):
                pass
            except _WrongPassword:
                raise SetupError(
                    f"{node.ari_url} belongs to another Asterisk, which refuses the user `{node.username}`: "
                    "stop it or change asterisk.nodes[0].ari_url"
                ) from None
            await asyncio.sleep(0.05)
    complaint = _complaint(out)
    raise SetupError(f"Asterisk is not ready after {timeout:.0f} s: {seen}{f': {complaint}' if complaint else ''}")


class _WrongPassword(Exception):
    pass


class _Module(msgspec.Struct):
    name: str
    status: str


_MODULES = msgspec.json.Decoder(list[_Module])


async def _missing_modules(session: aiohttp.ClientSession, ari_url: str) -> set[str]:
    async with session.get(f"{ari_url}/asterisk/info") as answer:
        if answer.status == 401:
            raise _WrongPassword
        answer.raise_for_status()
    async with session.get(f"{ari_url}/asterisk/modules") as answer:
        answer.raise_for_status()
        running = {module.name for module in _MODULES.decode(await answer.read()) if module.status == "Running"}
    return set(REQUIRED_MODULES) - running


def _complaint(out: Path | None) -> str:
    """The first error in Asterisk's log, else its last warning, else the last line it printed."""
    if out is None:
        return ""
    for file, pattern in (("log/messages", r"ERROR"), ("log/messages", r"WARNING"), ("log/console", r"\S")):
        try:
            lines = (out / file).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        found = [line for line in lines if re.search(pattern, line)]
        if found:
            return re.sub(r"^\[[^]]*\] (?:ERROR|WARNING)\S* ", "", found[0 if pattern == "ERROR" else -1]).strip()
    return ""


@asynccontextmanager
async def running(
    config: Config,
    out: Path,
    installation: Installation,
    *,
    carrier_bind: str | None = None,
    records: str | None = None,
    grace: float = 5.0,
) -> AsyncIterator[processes.Process]:
    """Renders to `out`, runs Asterisk until the block ends, and leaves nothing running. Raises SetupError."""
    render(config, out, installation, carrier_bind=carrier_bind, records=records)
    check_ports(config, carrier_bind)
    for name in ("messages", "console"):  # of an earlier run: its errors are not ours
        (out / "log" / name).unlink(missing_ok=True)
    process = await processes.start(command(installation, out), output=out / "log" / "console", env=_environment())
    try:
        await wait_ready(config, process, out=out)
        yield process
    finally:
        await processes.stop(process, grace)
        shutil.rmtree(run_dir(out), ignore_errors=True)


def _environment() -> dict[str, str]:
    """Only what Asterisk needs: secrets in our environment are none of its business."""
    #: A database that is away must not hold up what Asterisk records of other calls: libpq gives up after 2 s.
    return {"PGCONNECT_TIMEOUT": "2"} | {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TZ", "TMPDIR") if name in os.environ
    }
