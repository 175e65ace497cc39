"""The shop's people, who write in a conversation that they have."""

from __future__ import annotations

from collections.abc import Sequence

from conserje.contract.message import Content
from conserje.conversations import handling
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for
from conserje.tenants.tenants import Tenant


async def say(pool: Pool, tenant: Tenant, conversation_id: int, said: Sequence[Content]) -> list[int]:
    """Queue what somebody of them says; the ids of its parts."""
    async with acting_for(pool, tenant.id) as scope:
        return await handling.say(scope, tenant, conversation_id, said)
