"""Commands and the database: out of reach, refusing, embedded and in use by a service."""

from __future__ import annotations

from pathlib import Path

from ctc_ari.runtime.postgres import embedded
from ctc_ari.store.pool import open_pool
from tests.cli.shell import ANNA, Shell, directory
from tests.store import databases


def test_a_database_out_of_reach_is_one_line_and_status_1(plain: Shell) -> None:
    message = plain.refused(1, "agent", "list")
    assert message == "the database cannot be reached; is it running, and is database.url right?"


def test_a_database_that_refuses_us_is_a_wrong_configuration(plain: Shell, server: databases.Server) -> None:
    plain.environ["CTC_DATABASE__URL"] = server.url("nowhere")
    assert plain.refused(2, "agent", "list").startswith("database.url: PostgreSQL refuses")


async def test_commands_work_on_the_embedded_database_while_a_service_uses_it(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.ok(*ANNA)
    async with embedded(tmp_path / "var") as url:
        pool = await open_pool(url)
        try:
            assert (await directory(pool, url)).agent("anna@example.com").extension == "1001"
            token = shell.ok("token", "create", "crm").splitlines()[-1]
            assert (await directory(pool, url)).authenticate(token).name == "crm"
        finally:
            await pool.close()
