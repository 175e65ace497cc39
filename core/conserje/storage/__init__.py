"""Postgres and SQLite: pool, transactions, schema, queue, changes, the embedded server."""
