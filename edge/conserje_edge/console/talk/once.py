"""Once: what a form says is done once, however often a telephone posts it."""

from __future__ import annotations

import hashlib

from conserje.storage.database import Connection
from conserje.tenants import idempotency
from conserje.tenants.idempotency import Answered, KeyInUse
from conserje_edge.console.asked import Asked


async def begin(asked: Asked, connection: Connection, *said: str) -> bool:
    """Whether it is to be done, in this transaction, which `end` ends.

    A form that comes back out of a browser's memory, and says something else, is another one.
    """
    if not asked.given("once"):
        return True
    try:
        return await idempotency.recall(connection, _key(asked, said)) is None
    except KeyInUse:  # the one before is doing it
        return False


async def end(asked: Asked, connection: Connection, *said: str) -> None:
    """It is done."""
    if asked.given("once"):
        await idempotency.remember(connection, _key(asked, said), Answered(200, ""))


def _key(asked: Asked, said: tuple[str, ...]) -> idempotency.Asked:
    parts = (asked.request.url.path, str(asked.person.login_id), asked.given("once"), *said)
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    return idempotency.Asked.of(asked.tenant.id, f"console-{digest}")
