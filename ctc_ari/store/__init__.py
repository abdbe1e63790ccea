"""Everything kept in PostgreSQL. Readable SQL, no mapper; `schema.sql` shows the tables at one glance."""
