"""Senders: which tenant a phone writes to, where the request names none."""

from __future__ import annotations

from conserje.contract.channel import Malformed
from conserje.contract.phones import phone_number
from conserje.storage.database import Connection, Pool
from conserje.tenants.refusals import TenantError, refusals

ADD = "INSERT INTO sender_tenants (tenant_id, phone) VALUES ($1, $2) ON CONFLICT (phone) DO NOTHING"

OWNER = "SELECT slug FROM sender_tenants JOIN tenants ON tenants.id = tenant_id WHERE phone = $1"


def normalised(phone: str) -> str:
    """A phone as it is stored, "+56912345678". Raises TenantError for what is none."""
    try:
        return phone_number(phone.strip().lower().removeprefix("whatsapp:"))
    except Malformed as error:
        raise TenantError(str(error), "phone") from None


async def add(connection: Connection, tenant_id: int, phone: str) -> None:
    """Let a phone, normalised, write to the tenant. Raises TenantError."""
    with refusals():
        done = await connection.execute(ADD, tenant_id, phone)
    if done == "INSERT 0 0":
        raise TenantError(f"{phone} writes to {await slug_of(connection, phone)} already.", "phone")


async def remove(connection: Connection, tenant_id: int, phone: str) -> None:
    """Raises TenantError where the phone does not write to this tenant."""
    done = await connection.execute(
        "DELETE FROM sender_tenants WHERE tenant_id = $1 AND phone = $2", tenant_id, phone
    )
    if done == "DELETE 0":
        raise TenantError(f"The tenant has no phone {phone}: see `conserje tenant show`.", "phone")


async def list_all(connection: Connection, tenant_id: int) -> list[str]:
    """The phones that write to the tenant."""
    rows = await connection.fetch(
        "SELECT phone FROM sender_tenants WHERE tenant_id = $1 ORDER BY phone", tenant_id
    )
    return [row["phone"] for row in rows]


async def slug_of(database: Connection | Pool, phone: str) -> str | None:
    """The tenant to which a phone, normalised, writes."""
    slug: str | None = await database.fetchval(OWNER, phone)
    return slug
