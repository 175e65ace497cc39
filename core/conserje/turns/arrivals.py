"""Arrivals: a turn waits a while for the files that it is to hear or to see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from conserje.contract.message import Content, File, FileKind, Media
from conserje.conversations import transcript
from conserje.files import table as files
from conserje.files.table import Received
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for
from conserje.turns.lease import Claim

WITHIN, LOOK_EVERY = 10.0, 0.2  # seconds that are waited, and how often somebody looks


def named(content: Content) -> Sequence[File]:
    """The files that a message names."""
    return content.files if isinstance(content, Media) else ()


async def arrived(
    pool: Pool, tenant_id: int, conversation_id: int, message_ids: Sequence[int], kind: FileKind
) -> list[Received]:
    """The files of this kind that these messages have by now, or get in time."""
    until = asyncio.get_running_loop().time() + WITHIN
    while True:
        async with acting_for(pool, tenant_id) as scope:
            received = await files.received(scope.connection, tenant_id, conversation_id, message_ids)
        found = [each for each in received if each.kind == kind]
        if all(each.kept for each in found) or asyncio.get_running_loop().time() > until:
            return [each for each in found if each.kept]
        await asyncio.sleep(LOOK_EVERY)


async def read_anew(pool: Pool, tenant_id: int, claim: Claim) -> Claim:
    """The claim with its messages as they are stored now."""
    async with acting_for(pool, tenant_id) as scope:
        stored = await transcript.unanswered(scope.connection, tenant_id, claim.conversation_id)
    now = {each.id: each for each in stored}
    return replace(claim, unanswered=tuple(now.get(each.id, each) for each in claim.unanswered))
