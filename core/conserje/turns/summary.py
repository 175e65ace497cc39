"""The job of a summary: a long talk is summed up by the tenant's assistant, beside its turns."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from conserje.conversations import summaries
from conserje.conversations.summaries import LONGEST, Past
from conserje.storage.database import Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.storage.text import clean
from conserje.tenants.directory import Directory
from conserje.tenants.entry import Entry
from conserje.turns.lease import Claim
from conserje.turns.thinking import NoReply, Thinking

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Summaries:
    """Makes summaries, in this worker."""

    pool: Pool
    directory: Directory
    thinking: Thinking

    async def summarise(self, job: Job) -> None:
        """Make the conversation's summary anew; where that fails, a later turn asks for it again."""
        entry = await self.directory.by_id(job.tenant_id)
        if not entry.tenant.active or not self.thinking.sums_up(entry):
            return
        place = (job.tenant_id, job.conversation_id)
        async with acting_for(self.pool, job.tenant_id) as scope:
            past = await summaries.past(scope.connection, *place, entry.tenant.context)
        if past is None:
            return
        try:
            text = await self._text(entry, past, job.conversation_id)
        except NoReply as why:
            log.warning("Conversation %s has no summary: %s", job.conversation_id, why)
            return
        async with acting_for(self.pool, job.tenant_id) as scope:
            if not await summaries.keep(scope.connection, *place, past, text):
                scope.due.append(job)  # what was summed up has changed meanwhile

    async def _text(self, entry: Entry, past: Past, conversation_id: int) -> str:
        """Raises NoReply."""
        text = clean(await self.thinking.summarise(entry, _claim(past, conversation_id)))[:LONGEST].strip()
        if not text:
            raise NoReply(f"{entry.tenant.assistant}: it says nothing.")
        return text


def _claim(past: Past, conversation_id: int) -> Claim:
    """Of no turn: nobody answers anything."""
    now = datetime.now(UTC)
    return Claim(
        epoch=0,
        turn_id=0,
        conversation_id=conversation_id,
        account_id=0,
        contact=past.contact,
        unanswered=(),
        history=past.said,
        claimed_at=now,
        late=None,
        recent_turns=0,
        recent_since=now,
        summary=past.summary,
    )
