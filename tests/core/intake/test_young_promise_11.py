"""Tables that grow from nothing: what finds a conversation among few finds it among many as soon."""

from __future__ import annotations

import pytest
from plans import pages
from scene import Scene

from conserje import InboundMessage, Text
from conserje.conversations import messages
from conserje.conversations.rows import prepare
from conserje.storage.database import columns

pytestmark = pytest.mark.new_database

CONTACTS, MANY = 100, 2500


async def taking(scene: Scene, first: int) -> int:
    """How many pages taking another message of each of the contacts from `first` on touches."""
    entry = await scene.entry()
    account = entry.accounts[0]
    again = [
        InboundMessage(account.address, f"again {n}", f"s{n}", Text("x"))
        for n in range(first, first + CONTACTS)
    ]
    rows = [prepare(entry.tenant.id, account, event) for event in again]
    async with scene.pool.acquire() as connection:
        return await pages(connection, messages.TAKE, *columns(rows, *messages._TAKEN))


async def write(scene: Scene, first: int, last: int) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    new = [InboundMessage(account.address, f"SM{n}", f"s{n}", Text("x")) for n in range(first, last)]
    await scene.intake.take(entry.tenant, [(account, event) for event in new])


async def test_contacts_of_whom_the_server_does_not_know_yet_are_found_by_an_index(scene: Scene) -> None:
    await write(scene, 0, CONTACTS)
    few = await taking(scene, 0)
    await write(scene, CONTACTS, MANY)
    assert await taking(scene, MANY - CONTACTS) < 3 * few
