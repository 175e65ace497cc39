"""A look at the queue: one statement takes jobs, notes which have ended, and tells when the next is due.

PgQueuer by itself has five for that, looks again after each batch, and writes three lines in its log for each
job, which nobody reads.
"""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

from pgqueuer.adapters.persistence.queries import Queries
from pgqueuer.domain.models import Job, TracebackRecord
from pgqueuer.domain.types import JOB_STATUS, QueueEntrypoint, QueueManagerId
from pgqueuer.ports.driver import Driver
from pgqueuer.ports.repository import EntrypointExecutionParameter

from conserje.storage.hands import FEW, Hands
from conserje.storage.wakes import LATER, SOON, Wakes

NOTED_WITHIN = 0.1  # seconds in which a look may come that notes a job's end
STALE_EVERY = 4  # looks for what others left behind, in the time after which it counts as left

# Takes what PgQueuer's own statement would, in its order: of each kind by its index. It tells when the next
# job is due where it takes all that are.
LOOK = """
WITH ended AS (
    DELETE FROM pgqueuer.pgqueuer WHERE id = ANY ($1::bigint[])
), due AS (
    SELECT first.id, first.priority FROM unnest($2::text[]) AS kind CROSS JOIN LATERAL (
        SELECT id, priority FROM pgqueuer.pgqueuer
        WHERE status = 'queued' AND entrypoint = kind AND execute_after < now()
        ORDER BY priority DESC, id LIMIT $3 FOR UPDATE SKIP LOCKED) AS first
    ORDER BY first.priority DESC, first.id LIMIT $3
), left_behind AS (
    SELECT id, priority FROM pgqueuer.pgqueuer
    WHERE $6 AND status = 'picked' AND heartbeat < now() - $5::interval AND execute_after < now()
        AND entrypoint = ANY ($2)
    ORDER BY priority DESC, id LIMIT $3 FOR UPDATE SKIP LOCKED
), taken AS (
    UPDATE pgqueuer.pgqueuer
    SET status = 'picked', updated = now(), heartbeat = now(), queue_manager_id = $4
    WHERE id IN (
        SELECT id FROM (SELECT * FROM due UNION ALL SELECT * FROM left_behind) AS any_of_them
        ORDER BY priority DESC, id LIMIT $3)
    RETURNING *
)
SELECT taken.*, next.at AS next_at, next.at - now() AS next_in
FROM (SELECT) AS always
LEFT JOIN (
    SELECT first.execute_after AS at FROM unnest($2) AS kind CROSS JOIN LATERAL (
        SELECT execute_after FROM pgqueuer.pgqueuer
        WHERE status = 'queued' AND entrypoint = kind AND execute_after >= now()
        ORDER BY execute_after LIMIT 1) AS first
    WHERE (SELECT count(*) FROM taken) < $3
    ORDER BY at LIMIT 1) AS next ON true
LEFT JOIN taken ON true
ORDER BY taken.priority DESC, taken.id
"""

ENDED = "DELETE FROM pgqueuer.pgqueuer WHERE id = ANY ($1::bigint[])"


class SparingQueries(Queries):
    """The queue's statements, of which none is sent whose answer is known."""

    def __init__(self, wakes: Wakes, hands: Hands, driver: Driver, **builders: Any) -> None:
        super().__init__(driver, **builders)
        self._wakes = wakes
        self._hands = hands
        self._had_all = False
        self._ended: list[int] = []  # jobs that are in the table still
        self._next: float | None = None  # when the next job is looked for, by the monotonic clock
        self._stale_after = 0.0  # when it is looked for what others left behind, likewise

    async def dequeue(
        self,
        batch_size: int,
        entrypoints: dict[QueueEntrypoint, EntrypointExecutionParameter],
        queue_manager_id: QueueManagerId,
        global_concurrency_limit: int | None,
        heartbeat_timeout: timedelta,
    ) -> list[Job]:
        """None where there is no room, or where the last call gave all and nothing was told of since."""
        if self._had_all and not self._wakes.told:
            self._had_all = False
            return []
        if not (room := min(self._hands.room(), batch_size)):
            self._had_all = False
            self._wakes.fill()
            return []
        self._wakes.looked()
        taken = await self._look(list(entrypoints), room, queue_manager_id, heartbeat_timeout)
        self._hands.take(job.id for job in taken)
        self._wakes.found(taken)
        self._had_all = 0 < len(taken) < room
        return taken

    async def _look(
        self, kinds: list[QueueEntrypoint], room: int, who: QueueManagerId, timeout: timedelta
    ) -> list[Job]:
        noted, self._ended = self._ended, []
        now = time.monotonic()
        if stale := now >= self._stale_after:
            self._stale_after = now + timeout.total_seconds() / STALE_EVERY
        try:
            rows = await self.driver.fetch(LOOK, noted, kinds, room, who, timeout, stale)
        except BaseException:
            self._ended += noted
            raise
        self._next = self._when(rows[0])
        return [Job.model_validate(row) for row in rows if row["id"] is not None]

    def _when(self, row: dict[str, Any]) -> float | None:
        if row["next_in"] is None:
            return None
        theirs = not self._wakes.is_ours(str(row["next_at"]))
        return float(time.monotonic() + (row["next_in"] + LATER * theirs).total_seconds())

    def end(self, job_id: int) -> None:
        """A job is done: the next look notes it."""
        if self._hands.end(job_id):
            self._ended.append(job_id)
            if self._wakes.full and self._hands.room() >= (1 if self._wakes.told else FEW // 2):
                self._wakes.make_room()

    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        """Jobs ended; those that failed are held."""
        failed = [each for each in job_status if each[1] == "failed"]
        for job, status, _ in job_status:
            self._hands.end(job.id) if status == "failed" else self.end(job.id)
        if failed:
            await super().log_jobs(failed)
        await asyncio.sleep(NOTED_WITHIN)
        await self._note()

    async def _note(self) -> None:
        """Note what no look has noted."""
        if not self._ended:
            return
        noted, self._ended = self._ended, []
        try:
            await self.driver.execute(ENDED, noted)
        except BaseException:
            self._ended += noted
            raise

    async def eligible_queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """None: what was due the last look took, unless it is woken for the rest."""
        return 0

    async def next_deferred_eta(self, entrypoints: list[QueueEntrypoint]) -> timedelta | None:
        """In what time to look for the next job; the library would sleep over what is due soon."""
        if self._wakes.full or self._next is None:
            return None
        eta = timedelta(seconds=max(self._next - time.monotonic(), 0.0))
        if eta < SOON:
            self._wakes.wake_in(eta)
        return eta

    async def queued_work(self, entrypoints: list[QueueEntrypoint]) -> int:
        """None that there is not room for, or that is not told of."""
        return 0
