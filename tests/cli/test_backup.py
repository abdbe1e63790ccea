"""`ctc-ari database …`: all of it into a file, and back."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from tests.cli.shell import ANNA, Shell
from tests.store import databases, long_log


async def test_a_dump_is_restored_into_an_empty_database_only(
    ctc: Shell, server: databases.Server, url: str, tmp_path: Path
) -> None:
    ctc.ok(*ANNA)
    token = ctc.ok("token", "create", "crm").splitlines()[-1]
    connection = await asyncpg.connect(url)
    await long_log.fill(connection, 2)
    await connection.close()
    file = tmp_path / "all.dump"
    assert ctc.ok("database", "dump", str(file)).startswith(f"written to {file}, ")
    assert file.stat().st_mode & 0o077 == 0, "secrets and numbers are in it"
    assert "the database holds calls already" in ctc.refused(1, "database", "restore", str(file))
    restored = await server.create()
    other = Shell(tmp_path, CTC_DATABASE__URL=restored)
    assert other.ok("database", "restore", str(file)) == "restored; start the service\n"
    assert "anna@example.com" in other.ok("agent", "list")
    assert "crm" in other.ok("token", "list")
    connection = await asyncpg.connect(restored)
    assert await connection.fetchval("select count(*) from call_log where length(words) > 3") == 2
    await connection.close()
    assert token not in file.read_text(errors="replace")
    file.write_text("no dump")
    empty = Shell(tmp_path, CTC_DATABASE__URL=await server.create())
    assert empty.refused(1, "database", "restore", str(file)).startswith("pg_restore failed: ")
    missing = tmp_path / "no" / "folder.dump"
    assert "No such file or directory" in ctc.refused(1, "database", "dump", str(missing))
