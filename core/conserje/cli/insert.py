"""INSERT statements to be read, kept and run by an operator."""

from __future__ import annotations

from collections.abc import Mapping


def insert_tenant(columns: Mapping[str, str]) -> str:
    return f"INSERT INTO tenants ({', '.join(columns)}) VALUES ({_literals(columns)});"  # noqa: S608


def insert_account(slug: str, columns: Mapping[str, str]) -> str:
    """The account of the tenant that has this slug when the statement runs."""
    return (
        f"INSERT INTO accounts (tenant_id, {', '.join(columns)}) "  # noqa: S608
        f"SELECT id, {_literals(columns)} FROM tenants WHERE slug = {_literal(slug)};"
    )


def insert_phone(slug: str, phone: str) -> str:
    """A phone of the tenant that has this slug when the statement runs."""
    return (
        f"INSERT INTO sender_tenants (tenant_id, phone) "  # noqa: S608
        f"SELECT id, {_literal(phone)} FROM tenants WHERE slug = {_literal(slug)};"
    )


def _literals(columns: Mapping[str, str]) -> str:
    return ", ".join(map(_literal, columns.values()))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
