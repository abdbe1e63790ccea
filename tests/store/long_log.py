"""A call log as busy years leave it: one agent has half of it, some things are rare, some are long ago."""

from __future__ import annotations

from ctc_ari.store.pool import Connection

__all__ = ["ANNA", "BEGAN", "LEAVER", "NEWCOMER", "RARE_NUMBER", "SWITCHBOARD", "fill"]

#: She has half of the rows; he left long ago: all of his are among the first tenth; she came yesterday.
ANNA, LEAVER, NEWCOMER = "anna@example.com", "leaver@example.com", "newcomer@example.com"
#: Called five times, long ago; and one that a hundredth of all calls comes from.
RARE_NUMBER, SWITCHBOARD = "+442079469999", "+442079460000"
#: When the first call was, in Unix seconds; there is one each 20 seconds.
BEGAN, EVERY = 1_672_531_200, 20

#: Of each row: its number, the thousandths that decide what it is, and who had it. `hashint8` spreads them as chance
#: would, and always in the same way.
_FILL = """
    insert into call_log (
        id, linkedid, calls, source, node, direction, number, agent_email, agents, agent_emails, device, contact_id,
        contact_name, contact_by, disposition, end_reason, started_at, answered_at, ended_at, ring_seconds,
        talk_seconds, notes
    )
    select
        id, id, array[id], 'service', 'pbx1', direction, number, email,
        jsonb_build_array(jsonb_build_object(
            'email', email, 'name', initcap(split_part(email, '@', 1)) || ' Example', 'extension', '1001',
            'talked', true
        )),
        array[email], 'desk', contact_id,
        case when contact_id is not null then 'Given' || contact % 500 || ' Family' || contact end,
        case when contact_id is not null then 'number' end,
        disposition, case disposition when 'answered' then 'completed' else 'customer_busy' end,
        began, case disposition when 'answered' then began + interval '9 seconds' end, began + interval '2 minutes',
        9, case disposition when 'answered' then 111 else 0 end,
        case when chance % 5 = 0 then 'wants an offer for twenty seats and will call back on Tuesday' end
    from (
        select *, case when contact % 2 = 0 then 'k' || contact end as contact_id,
            case
                when n <= $3 * 9 / 10 and n > $3 * 9 / 10 - 5 then '+442079469999'
                when contact % 100 = 7 then '+442079460000'
                else '+4420' || 70000000 + contact
            end as number,
            case
                when n > $3 - 20 and n % 2 = 0 then 'newcomer@example.com'
                when n < $3 / 10 and chance % 4 = 1 then 'leaver@example.com'
                when chance % 2 = 0 then 'anna@example.com'
                else 'agent' || chance % 97 || '@example.com'
            end as email,
            case
                when n % 1000 = 501 then 'internal'
                when chance % 4 = 3 then 'inbound'
                else 'outbound'
            end as direction,
            case
                when n < $3 / 20 and n % 5000 = 11 then 'failed'
                when chance % 10 < 7 then 'answered'
                when chance % 4 = 3 then 'missed'
                when chance % 10 = 7 then 'busy'
                else 'no_answer'
            end as disposition
        from (
            select n, 'l' || lpad(n::text, 8, '0') as id, abs(hashint8(n)::bigint) / 7 as chance,
                abs(hashint8(n + 77777777)::bigint) % greatest($3 / 10, 10) as contact,
                to_timestamp($4 + n * $5) as began
            from generate_series($1::bigint, $2::bigint) as n
        ) as drawn
    ) as decided
"""


async def fill(connection: Connection, rows: int, *, batch: int = 100_000) -> None:
    """So many calls, each one later than the one before."""
    await connection.execute("set statement_timeout = 0")
    for first in range(1, rows + 1, batch):
        last = min(first + batch - 1, rows)
        await connection.execute(_FILL, first, last, rows, BEGAN, EVERY, timeout=600)
    await connection.execute("vacuum (analyze) call_log, call_log_agents", timeout=600)
