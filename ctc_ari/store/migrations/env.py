"""How Alembic runs here: it writes the SQL, and `ctc_ari.store.migrate` executes it through asyncpg.

A new step: copy the newest file in `versions/`, give it the next number, raise `migrate.HEAD`, and change `schema.sql`.
"""

from __future__ import annotations

from alembic import context

context.configure(
    dialect_name="postgresql",
    output_buffer=context.config.attributes["output"],
    #: `%` in the steps stays a plain `%`.
    dialect_opts={"paramstyle": "named"},
)
context.run_migrations()
