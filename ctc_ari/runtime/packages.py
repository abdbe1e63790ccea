"""Debian packages without root: an apt state of our own, downloaded and unpacked into one folder, never installed.

Only the standard library is used, so this file also runs as a script before anything is installed:

    python3 ctc_ari/runtime/packages.py --into DIR --suite sid PACKAGE...
"""

from __future__ import annotations

import argparse
import fcntl
import os
import platform
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "PackageError",
    "Progress",
    "Source",
    "argv",
    "cache_dir",
    "fetch",
    "host_release",
    "host_sources",
    "library_dir",
]

#: Called with what is being done, how much of it is done, and out of how much (0 when that is not known yet).
Progress = Callable[[str, int, int], None]

#: Names the packages of a finished folder; written last, so a folder without it was interrupted.
MARKER = ".packages"
#: Unpacked packages take about three times their download, which itself is there until the end.
SPACE_FACTOR = 4
ETC_APT = Path("/etc/apt")
#: What the archive calls each machine, and the name of its loader.
MACHINES = {
    "x86_64": ("x86_64-linux-gnu", "ld-linux-x86-64.so.2"),
    "aarch64": ("aarch64-linux-gnu", "ld-linux-aarch64.so.1"),
}


class PackageError(Exception):
    """The packages cannot be had; the message is one line that says what to do."""


@dataclass(frozen=True)
class Source:
    """One line of a `sources.list`: where an archive is and which key it must be signed with."""

    uri: str
    suite: str
    components: tuple[str, ...]
    #: Path of a keyring; None leaves it to the keys the host trusts anyway.
    signed_by: str | None = None

    def line(self) -> str:
        """The entry as apt reads it."""
        options = f"[signed-by={self.signed_by}] " if self.signed_by else ""
        return f"deb {options}{self.uri} {self.suite} {' '.join(self.components)}\n"


def cache_dir() -> Path:
    """The folder below which everything downloaded is kept: `$XDG_CACHE_HOME/ctc-ari`."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG specification wants a relative value ignored.
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "ctc-ari"


def library_dir(root: Path) -> Path:
    """Where a fetched folder keeps its shared libraries. Raises PackageError on a machine nobody built them for."""
    if platform.machine() not in MACHINES:
        raise PackageError(f"there are no packages for `{platform.machine()}`, only for {' and '.join(MACHINES)}")
    return root / "usr/lib" / MACHINES[platform.machine()][0]


def argv(root: Path, program: str) -> tuple[str, ...]:
    """What executes a fetched program such as `usr/bin/sipp`. Raises PackageError.

    It runs with the loader and the libraries it was fetched with: it may be built for a newer libc than the host's.
    """
    libraries = library_dir(root)
    loader = libraries / MACHINES[platform.machine()][1]
    # Older releases keep some libraries outside usr.
    path = ":".join(str(folder) for folder in (libraries, root / "lib" / libraries.name) if folder.is_dir())
    if not loader.exists() or not (root / program).exists():
        raise PackageError(
            f"{root}: lacks {program if loader.exists() else loader.name}; remove the folder and fetch again"
        )
    return (str(loader), "--library-path", path, str(root / program))


def host_release(path: Path = Path("/etc/os-release")) -> tuple[str, str]:
    """The host's distribution and code name, as in ("debian", "bookworm"); empty texts where it does not say."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return "", ""
    values = {key: value.strip("\"'") for key, _, value in (line.partition("=") for line in lines)}
    return values.get("ID", ""), values.get("VERSION_CODENAME", "")


def host_sources(etc: Path = ETC_APT) -> list[Source]:
    """Every enabled binary archive in the host's apt sources, in the order in which apt reads them."""
    files = [etc / "sources.list", *sorted((etc / "sources.list.d").glob("*"))]
    sources: list[Source] = []
    for file in files:
        if file.suffix not in (".list", ".sources") or not file.is_file():
            continue
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError:  # one an ordinary user may not read is not one of the distribution's own
            continue
        sources += _one_line_sources(text) if file.suffix == ".list" else _deb822_sources(text)
    return sources


def _one_line_sources(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        found = re.match(r"\s*deb\s+(?:\[([^]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]+)", line)
        if found:
            options = dict(option.split("=", 1) for option in (found[1] or "").split() if "=" in option)
            yield Source(found[2], found[3], tuple(found[4].split()), _keyring(options.get("signed-by")))


def _deb822_sources(text: str) -> Iterator[Source]:
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        key = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in (" ", "\t"):
                fields[key] = f"{fields.get(key, '')}\n{line.strip()}"
            elif ":" in line:
                key, _, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                components = tuple(fields.get("components", "").split())
                yield Source(uri, suite, components, _keyring(fields.get("signed-by")))


def _keyring(signed_by: str | None) -> str | None:
    """A keyring file; a fingerprint or a key written into the sources itself is left to the host's trusted keys."""
    return signed_by if signed_by and signed_by.startswith("/") and not re.search(r"\s", signed_by) else None


def choose_sources(suite: str | None, etc: Path = ETC_APT, os_release: Path = Path("/etc/os-release")) -> list[Source]:
    """The archives to fetch from: the distribution's own mirror at `suite`, or with None as the host has them.

    Raises PackageError.
    """
    distribution, codename = host_release(os_release)
    if distribution not in ("debian", "ubuntu"):
        raise PackageError(
            f"packages can be fetched on Debian and Ubuntu, not on `{distribution or sys.platform}`: "
            "install Asterisk 20 or newer with this system's own package manager"
        )
    own = [source for source in host_sources(etc) if _is_own(source, distribution, codename)]
    if not own:
        raise PackageError(f"no {distribution} mirror is named in {etc}/sources.list or {etc}/sources.list.d: add one")
    components = ("main", "universe") if distribution == "ubuntu" else ("main",)
    if suite is not None:
        own = [Source(own[0].uri, suite, components, own[0].signed_by)]
    keyring = Path(f"/usr/share/keyrings/{distribution}-archive-keyring.gpg")
    fallback = str(keyring) if keyring.exists() else None
    return [Source(source.uri, source.suite, components, source.signed_by or fallback) for source in own]


def _is_own(source: Source, distribution: str, codename: str) -> bool:
    """Whether this is the distribution's archive rather than somebody's repository for the same release."""
    folder = source.uri.rstrip("/").rpartition("/")[2]
    if "main" not in source.components:
        return False
    if distribution == "debian":  # not its security archive, which has no such suite as sid
        return folder in ("debian", "debian.list")
    return folder in ("ubuntu", "ubuntu-ports") and source.suite.split("-")[0] == codename


def fetch(packages: Sequence[str], into: Path, *, suite: str | None, progress: Progress | None = None) -> Path:
    """Unpacks `packages` and all they depend on into the folder `into`, and returns it; at once if it is there.

    `suite` is a release of the host's distribution such as `sid`; None means the host's own. Several processes may
    ask for the same folder: the first fetches, the others wait. Raises PackageError.
    """
    tell = progress or (lambda _text, _done, _total: None)
    wanted = f"{suite or 'host'}: {' '.join(sorted(packages))}\n"
    if _is_complete(into, wanted):
        return into
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise PackageError(
                f"`{tool}` is missing on this machine: packages can be fetched on Debian and Ubuntu only"
            )
    sources = choose_sources(suite)
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        with _locked(into.with_name(f".{into.name}.lock"), tell):
            if not _is_complete(into, wanted):
                _fetch(list(packages), into, sources, wanted, tell)
    except OSError as error:
        raise PackageError(
            f"{error.filename or into}: {error.strerror}: free some space or set XDG_CACHE_HOME"
        ) from None
    return into


def _is_complete(into: Path, wanted: str) -> bool:
    try:
        return (into / MARKER).read_text(encoding="utf-8") == wanted
    except OSError:
        return False


@contextmanager
def _locked(path: Path, tell: Progress) -> Iterator[None]:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another process that fetches the same packages", 0, 0)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(packages: list[str], into: Path, sources: list[Source], wanted: str, tell: Progress) -> None:
    # Whoever was killed here left a folder: we hold the lock, so it is nobody's.
    for left in into.parent.glob(f".{into.name}.part-*"):
        shutil.rmtree(left, ignore_errors=True)
    # Beside the target, so that the last step is one rename.
    work = Path(tempfile.mkdtemp(prefix=f".{into.name}.part-", dir=into.parent))
    work.chmod(0o755)
    try:
        root = work / "root"
        root.mkdir(parents=True)
        _unpack(_download(packages, work, sources, tell), root, tell)
        _drop_privileged_bits(root)
        (root / MARKER).write_text(wanted, encoding="utf-8")
        if into.exists():
            into.rename(work / "old")
        root.rename(into)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _download(packages: list[str], work: Path, sources: list[Source], tell: Progress) -> list[Path]:
    """The archives of `packages` and of everything they need, checked by apt against the archive's signature."""
    archives = work / "cache" / "archives"
    for folder in (work / "lists" / "partial", archives / "partial", work / "log"):
        folder.mkdir(parents=True)
    (work / "status").touch()
    (work / "sources.list").write_text("".join(source.line() for source in sources), encoding="utf-8")
    (work / "apt.conf").write_text(_apt_conf(work), encoding="utf-8")
    apt = ["apt-get", "-c", str(work / "apt.conf"), "-q", "-y"]

    tell("reading the list of packages", 0, 0)
    _run([*apt, "update"])
    plan = _run([*apt, "--print-uris", "install", *packages])
    sizes = [int(size) for size in re.findall(r"^'[^']+' \S+\.deb (\d+)", plan, re.MULTILINE)]
    free = shutil.disk_usage(work).free
    if free < sum(sizes) * SPACE_FACTOR:
        needed = sum(sizes) * SPACE_FACTOR // 1_000_000
        raise PackageError(f"{work.parent}: {needed} MB are needed, {free // 1_000_000} MB are free: make space there")

    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            done = sum(file.stat().st_size for file in archives.glob("*.deb"))
            tell(f"downloading {len(sizes)} packages, MB", done // 1_000_000, sum(sizes) // 1_000_000)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        _run([*apt, "--download-only", "install", *packages])
    finally:
        stop.set()
        watcher.join()
    tell(f"downloading {len(sizes)} packages, MB", sum(sizes) // 1_000_000, sum(sizes) // 1_000_000)
    return sorted(archives.glob("*.deb"))


def _apt_conf(work: Path) -> str:
    """Everything of the host's apt that writes or reads state is turned to `work`; its proxies and keys stay."""
    return f"""\
Dir::State "{work}";
Dir::State::lists "{work}/lists";
Dir::State::status "{work}/status";
Dir::Cache "{work}/cache";
Dir::Cache::archives "{work}/cache/archives";
Dir::Log "{work}/log";
Dir::Etc::sourcelist "{work}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Install-Recommends "false";
APT::Install-Suggests "false";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
APT::Get::List-Cleanup "false";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
// A mirror may be a snapshot that is weeks old; its signature is checked all the same.
Acquire::Check-Valid-Until "false";
Debug::NoLocking "true";
// The host's hooks are about the host's packages.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Pre-Install-Pkgs;
"""


def _unpack(archives: list[Path], root: Path, tell: Progress) -> None:
    if not archives:
        raise PackageError("apt-get downloaded nothing: run it once more; if that fails, check its configuration")

    def unpack(archive: Path) -> None:
        _run(["dpkg-deb", "-x", str(archive), str(root)])
        archive.unlink()

    with ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for done, _ in enumerate(pool.map(unpack, archives), 1):
            tell("unpacking", done, len(archives))


def _drop_privileged_bits(root: Path) -> None:
    """Unpacked by root, `su` and its like would be one more way to become root, and nobody would update it."""
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and mode & (stat.S_ISUID | stat.S_ISGID):
            path.chmod(stat.S_IMODE(mode) & ~(stat.S_ISUID | stat.S_ISGID))


def _run(command: list[str]) -> str:
    """The output of `command`. Raises PackageError with the line of it that names the cause."""
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode == 0:
        return done.stdout
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    text = "\n".join(lines)
    cause = next((line for line in lines if line.startswith("E: ")), lines[-1] if lines else "it says nothing")
    cause = cause.removeprefix("E: ")
    if "No space left" in text or "enough free space" in text:
        raise PackageError(f"no space is left for the packages: make some, or set XDG_CACHE_HOME ({cause})")
    if "Unable to locate package" in text or "has no installation candidate" in text:
        raise PackageError(f"{cause}: the archive does not have it for this machine")
    if "NO_PUBKEY" in text or "is not signed" in text or "EXPKEYSIG" in text:
        raise PackageError(f"the archive's signature cannot be checked: update this system's archive keyring ({cause})")
    if "Failed to fetch" in text or "Could not resolve" in text or "Could not connect" in text:
        raise PackageError(f"the package mirror cannot be reached: check the network and its proxy settings ({cause})")
    raise PackageError(f"{command[0]} failed: {cause}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The script: the folder on stdout, progress on stderr, 1 when it failed."""
    parser = argparse.ArgumentParser(description="Fetch Debian packages into a folder without installing them.")
    parser.add_argument("--into", type=Path, required=True, help="the folder; made when all packages are in it")
    parser.add_argument("--suite", help="a release such as sid; default: the host's own")
    parser.add_argument("packages", nargs="+", metavar="PACKAGE")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that `finally` removes what is half done

    def tell(text: str, done: int, total: int) -> None:
        sys.stderr.write(f"{text} {done}/{total}\n" if total else f"{text}\n")

    try:
        folder = fetch(options.packages, options.into.absolute(), suite=options.suite, progress=tell)
        sys.stdout.write(f"{folder}\n")
    except PackageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
