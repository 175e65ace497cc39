"""The table private_hosts: what tenants' subscriptions may name although it is not of the public internet."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from conserje.errors import NotThere, OperatorError
from conserje.storage.database import Connection

PORTS = {"http": 80, "https": 443}

ADD = "INSERT INTO private_hosts VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
REMOVE = """
DELETE FROM private_hosts WHERE tenant_id = $1 AND scheme = $2 AND host = $3 AND port = $4 RETURNING true
"""
LIST = "SELECT scheme, host, port FROM private_hosts WHERE tenant_id = $1 ORDER BY host, port, scheme"
IS_ALLOWED = """
SELECT EXISTS (
    SELECT FROM private_hosts WHERE tenant_id = $1 AND scheme = $2 AND host = $3 AND port = $4)
"""


class SubscriptionError(OperatorError):
    """What was asked of a subscription cannot be; the text says why."""


class NoSubscription(SubscriptionError, NotThere):
    """There is no such subscription of this tenant's."""


@dataclass(frozen=True, slots=True)
class Host:
    """Where something listens."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Host:
        """Raises SubscriptionError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
        except ValueError:
            host, port = "", 0
        if not host or not port or parts.username is not None:
            raise SubscriptionError("An address is like https://n8n.acme.example/webhook/x.", "url")
        return cls(parts.scheme, host, port)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


async def add(connection: Connection, tenant_id: int, host: Host) -> None:
    """Only the operator says so."""
    await connection.execute(ADD, tenant_id, host.scheme, host.host, host.port)


async def remove(connection: Connection, tenant_id: int, host: Host) -> None:
    """Raises SubscriptionError."""
    if not await connection.fetchval(REMOVE, tenant_id, host.scheme, host.host, host.port):
        raise SubscriptionError(
            f"The tenant may not name {host}: see `conserje subscription host list`.", "host"
        )


async def list_all(connection: Connection, tenant_id: int) -> list[Host]:
    return [Host(**row) for row in await connection.fetch(LIST, tenant_id)]


async def is_allowed(connection: Connection, tenant_id: int | None, host: Host) -> bool:
    """Whether it may be asked wherever it is; the operator's own may."""
    if tenant_id is None:
        return True
    allowed: bool = await connection.fetchval(IS_ALLOWED, tenant_id, host.scheme, host.host, host.port)
    return allowed
