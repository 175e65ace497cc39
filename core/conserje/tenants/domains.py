"""The table domains: hosts outside the base domains that name a tenant."""

from __future__ import annotations

from conserje.storage.database import Connection
from conserje.tenants.refusals import TenantError, refusals

ADD = "INSERT INTO domains (tenant_id, host) VALUES ($1, $2) ON CONFLICT (host) DO NOTHING"
OWNER = "SELECT slug FROM domains JOIN tenants ON tenants.id = tenant_id WHERE host = $1"
REMOVE = "DELETE FROM domains WHERE tenant_id = $1 AND host = $2"
LIST = "SELECT host FROM domains WHERE tenant_id = $1 ORDER BY host"


async def add(connection: Connection, tenant_id: int, host: str) -> None:
    """Let a host outside the base domains name the tenant. Raises TenantError."""
    with refusals():
        done = await connection.execute(ADD, tenant_id, host)
    if done == "INSERT 0 0":
        raise TenantError(f"{host} names {await connection.fetchval(OWNER, host)} already.", "host")


async def remove(connection: Connection, tenant_id: int, host: str) -> None:
    """Raises TenantError where the tenant has no such domain."""
    done = await connection.execute(REMOVE, tenant_id, host)
    if done == "DELETE 0":
        raise TenantError(f"The tenant has no domain {host}: see `conserje tenant show`.", "host")


async def list_all(connection: Connection, tenant_id: int) -> list[str]:
    rows = await connection.fetch(LIST, tenant_id)
    return [row["host"] for row in rows]
