from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from ctc_ari.errors import SetupError
from ctc_ari.runtime.postgres import embedded
from tests.runtime.test_processes import alive, kill_at_once, until

ROOT = Path(__file__).resolve().parents[2]
USER = """
import asyncio, sys
from pathlib import Path
from ctc_ari.runtime.postgres import embedded
async def main():
    async with embedded(Path(sys.argv[1]), keep_running_after_crash=sys.argv[2] == "keep") as url:
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.readline)
asyncio.run(main())
"""


class User:
    """Another process that uses the same database until `leave`, or until it is killed."""

    def __init__(self, data_dir: Path, mode: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(data_dir), mode],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def leave(self) -> None:
        self.process.communicate("\n")

    def kill(self) -> None:
        assert self.process.stdin is not None
        kill_at_once(self.process)
        #: Only now: it would take that as the word to leave.
        self.process.stdin.close()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    pid = postmaster(tmp_path / "var")
    assert pid is None or not alive(pid), "the test left a PostgreSQL running"


def postmaster(data_dir: Path) -> int | None:
    try:
        return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])
    except FileNotFoundError:
        return None


def socket_dir(url: str) -> str:
    return url.partition("host=")[2]


async def fetch(url: str, query: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def test_a_database_is_there_at_first_use_and_keeps_its_rows(data_dir: Path) -> None:
    async with embedded(data_dir) as url:
        assert url.startswith("postgresql://ctc@/ctc?host=")
        await fetch(url, "CREATE TABLE kept AS SELECT 7 AS n")
    async with embedded(data_dir) as url:
        assert await fetch(url, "SELECT n FROM kept") == 7


async def test_it_is_current_durable_utf8_and_our_role_is_no_superuser(data_dir: Path) -> None:
    async with embedded(data_dir) as url:
        assert str(await fetch(url, "SHOW server_version")).startswith("18.")
        assert await fetch(url, "SHOW fsync") == "on"
        assert await fetch(url, "SHOW server_encoding") == "UTF8"
        assert await fetch(url, "SHOW listen_addresses") == ""
        assert await fetch(url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False


async def test_nobody_else_can_enter_the_folder_of_the_socket(data_dir: Path) -> None:
    async with embedded(data_dir) as url:
        assert os.stat(socket_dir(url)).st_mode & 0o077 == 0  # noqa: PTH116


async def test_the_last_one_out_stops_it(data_dir: Path) -> None:
    async with embedded(data_dir) as url:
        async with embedded(data_dir) as same:
            assert same == url
        assert await fetch(url, "SELECT 1") == 1
        other = await asyncio.to_thread(User, data_dir, "keep")
        assert other.url == url
    assert await fetch(url, "SELECT 1") == 1
    await asyncio.to_thread(other.leave)
    assert postmaster(data_dir) is None


async def test_many_may_start_it_at_once(data_dir: Path) -> None:
    users = await asyncio.gather(*(asyncio.to_thread(User, data_dir, "keep") for _ in range(4)))
    assert len({user.url for user in users}) == 1
    assert await fetch(users[0].url, "SELECT 1") == 1
    await asyncio.gather(*(asyncio.to_thread(user.leave) for user in users))
    assert postmaster(data_dir) is None


async def test_after_kill_9_the_server_stays_and_is_found_again(data_dir: Path) -> None:
    user = await asyncio.to_thread(User, data_dir, "keep")
    pid = postmaster(data_dir)
    await asyncio.to_thread(user.kill)
    async with embedded(data_dir) as url:
        assert await fetch(url, "SELECT 1") == 1
        assert postmaster(data_dir) == pid
    assert postmaster(data_dir) is None


async def test_after_kill_9_of_a_demo_nothing_is_left(data_dir: Path) -> None:
    user = await asyncio.to_thread(User, data_dir, "guard")
    assert user.url
    await asyncio.to_thread(user.kill)
    assert until(lambda: postmaster(data_dir) is None)


async def test_after_kill_9_of_a_demo_another_user_keeps_the_server(data_dir: Path) -> None:
    async with embedded(data_dir) as url:
        user = await asyncio.to_thread(User, data_dir, "guard")
        await asyncio.to_thread(user.kill)
        await asyncio.sleep(2.5)
        assert await fetch(url, "SELECT 1") == 1


async def test_a_server_that_was_killed_recovers(data_dir: Path) -> None:
    async with embedded(data_dir) as url:
        await fetch(url, "CREATE TABLE kept AS SELECT 7 AS n")
        pid = postmaster(data_dir)
        assert pid is not None
        os.kill(pid, 9)
        assert until(lambda: not alive(pid))
        async with embedded(data_dir) as again:
            assert await fetch(again, "SELECT n FROM kept") == 7


async def test_a_long_or_strange_path_gets_a_short_socket(tmp_path: Path) -> None:
    async with embedded(tmp_path / ("long, and odd " * 10)) as url:
        assert await fetch(url, "SELECT 1") == 1
        assert len(socket_dir(url)) < 90
    os.rmdir(socket_dir(url))  # noqa: PTH106


async def test_the_data_of_another_version_is_left_alone(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(SetupError, match=r"holds the data of PostgreSQL 16, not 18.*database\.data_dir"):
        async with embedded(data_dir):
            pass


async def test_a_server_that_cannot_start_says_why_in_one_line(data_dir: Path) -> None:
    async with embedded(data_dir):
        pass
    with (data_dir / "postgres" / "postgresql.conf").open("a") as file:
        file.write("max_connections = lots\n")
    with pytest.raises(SetupError, match=r"does not start: invalid value .*max_connections") as caught:
        async with embedded(data_dir):
            pass
    assert "\n" not in caught.value.message


async def test_a_data_dir_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SetupError, match=r"database\.data_dir: .*file"):
        async with embedded(tmp_path / "file"):
            pass
