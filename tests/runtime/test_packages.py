"""Debian packages without root: sources as the host has them, one fetch for all who ask, and what is told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ctc_ari.runtime import packages
from ctc_ari.runtime.packages import PackageError, Source, choose_sources, host_sources

SCRIPT = Path(packages.__file__)
DEBIAN = 'ID=debian\nVERSION_CODENAME="trixie"\n'
UBUNTU = "ID=ubuntu\nVERSION_CODENAME=noble\n"
on_debian = pytest.mark.skipif(packages.host_release()[0] != "debian", reason="fetches from Debian")


def etc(tmp_path: Path, files: dict[str, str], os_release: str = DEBIAN) -> tuple[Path, Path]:
    folder = tmp_path / "apt"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "os-release").write_text(os_release)
    return folder, tmp_path / "os-release"


def test_one_line_sources_are_read_and_comments_and_sources_of_source_are_not(tmp_path: Path) -> None:
    text = """
# deb http://old.example/debian trixie main
deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] http://mirror.example/debian trixie main contrib # ours
deb-src http://mirror.example/debian trixie main
deb http://mirror.example/debian-security trixie-security main
"""
    folder, _ = etc(tmp_path, {"sources.list": text})
    assert host_sources(folder) == [
        Source("http://mirror.example/debian", "trixie", ("main", "contrib"), "/usr/share/keyrings/k.gpg"),
        Source("http://mirror.example/debian-security", "trixie-security", ("main",)),
    ]


def test_deb822_sources_are_read_with_every_suite_and_without_the_disabled(tmp_path: Path) -> None:
    text = """\
# the mirror
Types: deb deb-src
URIs: http://mirror.example/debian/
Suites: trixie trixie-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/k.gpg

Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main
Enabled: no

Types: deb
URIs: http://inline.example/debian
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----
"""
    folder, _ = etc(tmp_path, {"sources.list.d/debian.sources": text, "sources.list.d/x.sources.disabled": text})
    components = ("main", "contrib")
    assert host_sources(folder) == [
        Source("http://mirror.example/debian/", "trixie", components, "/usr/share/keyrings/k.gpg"),
        Source("http://mirror.example/debian/", "trixie-updates", components, "/usr/share/keyrings/k.gpg"),
        Source("http://inline.example/debian", "trixie", ("main",)),
    ]


def test_only_the_suite_changes_and_other_peoples_repositories_are_not_taken(tmp_path: Path) -> None:
    text = """
deb http://pkg.example/linux/other trixie main
deb http://mirror.example/debian-security trixie-security main
deb [signed-by=/k.gpg] http://mirror.example/debian trixie main contrib
"""
    folder, release = etc(tmp_path, {"sources.list": text})
    assert [source.line() for source in choose_sources("sid", folder, release)] == [
        "deb [signed-by=/k.gpg] http://mirror.example/debian sid main\n"
    ]


def test_ubuntu_keeps_its_own_suites_and_gets_universe(tmp_path: Path) -> None:
    text = """
Types: deb
URIs: http://mirror.example/ubuntu/
Suites: noble noble-updates
Components: main
Signed-By: /k.gpg

Types: deb
URIs: http://ppa.example/ubuntu
Suites: jammy
Components: main
"""
    folder, release = etc(tmp_path, {"sources.list.d/ubuntu.sources": text}, UBUNTU)
    chosen = choose_sources(None, folder, release)
    assert [(source.suite, source.components) for source in chosen] == [
        ("noble", ("main", "universe")),
        ("noble-updates", ("main", "universe")),
    ]


def test_another_distribution_is_told_what_to_do(tmp_path: Path) -> None:
    folder, release = etc(tmp_path, {}, "ID=fedora\n")
    with pytest.raises(PackageError, match="Debian and Ubuntu, not on `fedora`: install Asterisk"):
        choose_sources("sid", folder, release)


def test_no_mirror_is_told_where_to_add_one(tmp_path: Path) -> None:
    folder, release = etc(tmp_path, {"sources.list": "# empty\n"})
    with pytest.raises(PackageError, match="no debian mirror is named in"):
        choose_sources("sid", folder, release)


def test_the_cache_follows_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert packages.cache_dir() == Path("/somewhere/ctc-ari")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert packages.cache_dir() == Path("/home/somebody/.cache/ctc-ari")


def script(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    """The file as `make` runs it: before anything is installed, so outside the package."""
    return subprocess.Popen(
        [sys.executable, "-I", str(SCRIPT), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@on_debian
def test_packages_are_fetched_once_with_all_they_need_though_somebody_was_interrupted_and_run(tmp_path: Path) -> None:
    wanted = ("--into", tmp_path / "hello", "--suite", "sid", "hello")
    interrupted = script(*wanted)
    assert interrupted.stderr is not None
    assert "reading the list" in interrupted.stderr.readline()
    interrupted.kill()
    interrupted.communicate()
    assert not (tmp_path / "hello").exists()
    both = [script(*wanted) for _ in range(2)]
    outputs = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert {output[0].strip() for output in outputs} == {str(tmp_path / "hello")}
    told = sorted((output[1].splitlines() for output in outputs), key=len)
    assert told[0] == ["waiting for another process that fetches the same packages"], "fetched once"
    found = re.fullmatch(r"unpacking (\d+)/(\d+)", told[1][-1])
    assert found is not None
    assert int(found[1]) == int(found[2]) > 1, "with what it depends on"
    done = subprocess.run(
        packages.argv(tmp_path / "hello", "usr/bin/hello"), capture_output=True, text=True, check=True
    )
    assert done.stdout == "Hello, world!\n"
    again: list[str] = []
    root = packages.fetch(
        ["hello"], tmp_path / "hello", suite="sid", progress=lambda text, _done, _total: again.append(text)
    )
    assert (root, again) == (tmp_path / "hello", []), "and is used again"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hello.lock", "hello"]


def test_nothing_unpacked_by_root_carries_privileges(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "su").touch()
    (tmp_path / "bin" / "su").chmod(0o4755)
    packages._drop_privileged_bits(tmp_path)
    assert (tmp_path / "bin" / "su").stat().st_mode & 0o7777 == 0o755


@on_debian
def test_an_unknown_package_is_named_in_one_line(tmp_path: Path) -> None:
    #: A list of few packages is read as any other one.
    process = script("--into", tmp_path / "x", "--suite", "stable-updates", "no-such-package-anywhere")
    _, errors = process.communicate()
    assert process.returncode == 1
    last = errors.splitlines()[-1]
    assert last == "Unable to locate package no-such-package-anywhere: the archive does not have it for this machine"
    assert [path.name for path in tmp_path.iterdir()] == [".x.lock"]


@on_debian
def test_without_network_the_line_says_so(tmp_path: Path) -> None:
    # Nothing listens on port 9: the mirror is asked for through a proxy that is not there.
    proxy = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    process = script("--into", tmp_path / "x", "--suite", "sid", "hello", **proxy)
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.splitlines()[-1].startswith("the package mirror cannot be reached: check the network")


def test_a_machine_without_apt_is_told(tmp_path: Path) -> None:
    process = script("--into", tmp_path / "x", "hello", PATH=str(tmp_path))
    _, errors = process.communicate()
    assert process.returncode == 1
    assert errors.startswith("`apt-get` is missing on this machine")


@on_debian
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PackageError, match=r"file: .*set XDG_CACHE_HOME"):
        packages.fetch(["hello"], tmp_path / "file" / "x", suite="sid")


def test_a_broken_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match=r"lacks .*; remove the folder and fetch again"):
        packages.argv(tmp_path, "usr/bin/hello")
