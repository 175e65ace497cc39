"""Four deliberate bugs, to show that the harness sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from conserje.contract.message import Event
from conserje.conversations import effects, state
from conserje.delivery.delivery import Delivery
from conserje.delivery.outcome import Step
from conserje.intake.intake import Intake
from conserje.storage.database import Connection
from conserje.storage.jobs import Job
from conserje.storage.scope import Scope, acting_for
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import Entry
from conserje.tenants.tenants import Tenant
from conserje.turns import lease
from conserje.turns.acting import Acting

BUG = "CRASH_BUG"  # the variable that names the bug to have


def send_before_commit() -> None:
    """The provider is called inside the transaction that writes `sending`."""

    async def deliver(self: Delivery, job: Job) -> None:
        entry = await self.directory.by_id(job.tenant_id)
        step: Any = None
        while step is None or isinstance(step, Step):
            async with acting_for(self.pool, job.tenant_id) as scope:
                step = await self._take_next(scope.connection, entry, job)
                if not isinstance(step, Step):
                    return
                outcome = await self._send(entry, step)
                await self._write_down(scope, entry, job, step, outcome, None)

    async def take_first(self: Delivery, connection: Connection, entry: Entry, job: Job) -> None:
        step = await self._take_next(connection, entry, job)
        if isinstance(step, Step):
            await self._write_down(Scope(connection), entry, job, step, await self._send(entry, step), None)

    Delivery.free = lambda *_: None  # type: ignore[method-assign]
    Delivery.deliver, Delivery.take_first = deliver, take_first  # type: ignore[method-assign]


def acknowledge_before_commit() -> None:
    """Whoever posts is answered while the transaction is still to come."""
    take, running = Intake.take, set()

    async def take_later(self: Intake, tenant: Tenant, events: Sequence[tuple[AccountRow, Event]]) -> None:
        task = asyncio.create_task(take(self, tenant, events))
        running.add(task)
        task.add_done_callback(running.discard)

    Intake.take = take_later  # type: ignore[method-assign]


def lease_without_epoch() -> None:
    """Whoever had the lease once may settle: neither the epoch nor `turn_id` is a fence.

    Without the epoch alone nothing goes wrong: a message is marked by one turn only.
    """

    async def see_nothing_plain(*_: object, **_how: object) -> None:
        return None

    lease.lease_at_once = lease.settle_at_once = see_nothing_plain
    state.LEASE_OUT = _changed(state.LEASE_OUT, "epoch = epoch + 1", "epoch = epoch")
    state.LEASE_OUT = _changed(
        state.LEASE_OUT,
        "CASE WHEN state = 'person' OR turn_id IS NULL THEN nextval('turn_ids') ELSE turn_id END",
        "nextval('turn_ids')",
    )
    state.SETTLE = _changed(state.SETTLE, "($4::bigint[]) AND turn_id IS NULL", "($4::bigint[])")


def act_before_commit() -> None:
    """The tool is called inside the transaction that writes `doing`."""

    async def act(self: Acting, job: Job) -> None:
        entry = await self.directory.by_id(job.tenant_id)
        place = (job.tenant_id, job.conversation_id)
        done: Any = True
        while done is not None:
            async with acting_for(self.pool, job.tenant_id) as scope:
                if done := await effects.find_next(scope.connection, *place):
                    tries = await effects.begin(scope.connection, *place, done)
                    begun = replace(done, tries=tries)
                    ending = await self._do(entry, job, begun)
                    await effects.end(scope.connection, *place, begun, ending)

    Acting.act = act  # type: ignore[method-assign]


def _changed(statement: str, part: str, by: str) -> str:
    assert part in statement, f"The statement has no {part!r} any more: write the bug anew."
    return statement.replace(part, by)


BUGS = {
    "send-before-commit": send_before_commit,
    "acknowledge-before-commit": acknowledge_before_commit,
    "lease-without-epoch": lease_without_epoch,
    "act-before-commit": act_before_commit,
}


def plant(name: str) -> None:
    BUGS[name]()
