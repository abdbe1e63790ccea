"""A row of the call log, written as the service writes it."""

from __future__ import annotations

from typing import Any

from ctc_ari.calls.model import EndReason
from ctc_ari.log.row import Disposition, LogAgent, LogRow
from ctc_ari.store.log import put_row
from ctc_ari.store.pool import Pool
from tests.store.long_log import ANNA

__all__ = ["put"]


async def put(pool: Pool, call_id: str, **fields: Any) -> LogRow:
    """An answered call of Anna's, with changes."""
    usual: dict[str, Any] = {
        "id": call_id,
        "linkedid": call_id,
        "calls": (call_id,),
        "direction": "outbound",
        "number": "+442079460123",
        "agent_email": ANNA,
        "agents": (LogAgent(ANNA, "Anna Berg", "1001", talked=True),),
        "end_reason": EndReason.COMPLETED,
        "disposition": Disposition.ANSWERED,
        "started_at": 1000.0,
        "ended_at": 1100.0,
    }
    row = LogRow(**usual | fields)
    async with pool.acquire() as connection:
        await put_row(connection, row)
    return row
