"""Acting: each effect that a stored reply has brought with it is done once, by a job."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from conserje.contract.account import AnyAccount
from conserje.contract.assistant import Contact
from conserje.contract.tool import AnyTool, Call, is_several
from conserje.conversations import effects
from conserje.conversations.effects import UNKNOWN, Effect, Ending
from conserje.plugins import fences, given, guard
from conserje.plugins.guard import PluginFailed, PluginFenced
from conserje.plugins.plugins import PluginMissing
from conserje.plugins.redaction import redacted
from conserje.shop.catalogues import TenantProducts
from conserje.shop.lore import TenantKnowledge
from conserje.storage.database import CANNOT_ASK, Pool
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for
from conserje.tenants.directory import Directory
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.turns.arguments import WrongArguments, checked
from conserje.turns.errands import ContactLeads
from conserje.turns.thinking import Thinking
from conserje.turns.toolbox import LIMIT, bounded

log = logging.getLogger(__name__)

# After which one that may be called again is, where nobody knows whether it was done.
PAUSES = tuple(timedelta(seconds=s) for s in (2, 10, 60, 600))
AGAIN_AFTER = 0.2  # seconds


@dataclass(frozen=True)
class Acting:
    """Does effects, in this worker."""

    pool: Pool
    directory: Directory
    thinking: Thinking

    async def act(self, job: Job) -> None:
        """Do what is due in a conversation; what is not comes again."""
        entry = await self.directory.by_id(job.tenant_id)
        if not entry.tenant.active:
            return  # once it is again, the jobs are found to be lost
        while effect := await self._take(job):
            await self._end(entry, job, effect, await self._do(entry, job, effect))
        async with acting_for(self.pool, job.tenant_id) as scope:
            rest = await effects.next_due(scope.connection, job.tenant_id, job.conversation_id)
            if rest is not None:
                scope.due.append(replace(job, delay=rest))

    async def _take(self, job: Job) -> Effect | None:
        """The next one, in hand: `doing` is committed before it is called."""
        place = (job.tenant_id, job.conversation_id)
        async with acting_for(self.pool, job.tenant_id) as scope:
            while effect := await effects.find_next(scope.connection, *place):
                if effect.state == "queued" or self._may_repeat(effect):
                    tries = await effects.begin(scope.connection, *place, effect)
                    return replace(effect, tries=tries)
                log.warning("%s: effect e%d of tenant %d", UNKNOWN, effect.id, job.tenant_id)
                ending = Ending("uncertain", cause=f"{UNKNOWN}: its worker ended meanwhile.")
                await effects.end(scope.connection, *place, effect, ending)
        return None

    def _may_repeat(self, effect: Effect) -> bool:
        tool = self.thinking.plugins.tools.get(effect.tool)
        return tool is not None and tool.repeatable and effect.tries <= len(PAUSES)

    async def _do(self, entry: Entry, job: Job, effect: Effect) -> Ending:
        slug = entry.tenant.slug
        try:
            tool = self.thinking.plugins.tool_of(effect.tool)
            if rest := fences.rest(tool.name, slug):
                pause = min(timedelta(seconds=rest), PAUSES[-1])  # what is due later than that counts as due
                return Ending("queued", cause=f"{tool.name} is fenced off.", pause=pause, called=False)
            account = entry.tool(tool, self.thinking.vault)
            if is_several(tool) and (ending := await self._not_offered(entry, effect, tool, account)):
                return ending
            arguments = checked(tool, slug, effect.arguments)
            call = self._call(entry, job.conversation_id, effect, account, arguments)
            async with asyncio.timeout(LIMIT):
                result = bounded(await guard.awaited(tool, slug, "run", given.result, call))
        except (PluginMissing, AccountUnusable, WrongArguments) as error:
            return Ending("failed", cause=str(error))
        except PluginFenced as error:
            return Ending("queued", cause=str(error), pause=PAUSES[-1], called=False)
        except TimeoutError:
            return self._unknown(tool, effect, f"no answer within {LIMIT:g} s")
        except PluginFailed as error:
            log.warning("Tool %s of %s failed: %s", effect.tool, slug, error.place)
            return self._unknown(tool, effect, str(error))
        secrets = (tool.operator, [account.credentials])
        shown = redacted(result.shown, *secrets)
        if result.failed:
            return Ending("failed", shown, f"{effect.tool} says: {redacted(result.text, *secrets)[:300]}")
        return Ending("done", shown)

    async def _not_offered(
        self, entry: Entry, effect: Effect, tool: AnyTool, account: AnyAccount
    ) -> Ending | None:
        """Why what was proposed is not done: it is not offered any more, or nobody knows for now."""
        offers = await self.thinking.offered.of(entry.tenant, tool, account, patient=True)
        if offers is None:
            cause = f"{tool.name} does not say what it offers."
            if effect.tries > len(PAUSES):
                return Ending("failed", cause=cause)
            return Ending("queued", cause=cause, pause=PAUSES[effect.tries - 1])
        if effect.tool in [each.name for each in offers]:
            return None
        return Ending("failed", cause=f"{tool.name} does not offer {effect.tool} any more.")

    def _unknown(self, tool: AnyTool, effect: Effect, why: str) -> Ending:
        cause = f"{UNKNOWN}: {why}."
        if tool.repeatable and effect.tries <= len(PAUSES):
            return Ending("queued", cause=cause, pause=PAUSES[effect.tries - 1])
        return Ending("uncertain", cause=cause)

    def _call(
        self, entry: Entry, conversation_id: int, effect: Effect, account: AnyAccount, arguments: Any
    ) -> Call[Any, Any, Any]:
        tenant = entry.tenant
        return Call(
            key=effect.key,
            tenant=tenant.seen,
            contact=Contact(effect.contact_id, effect.contact_name),
            arguments=arguments,
            products=TenantProducts(self.thinking.catalogues, tenant.id),
            knowledge=TenantKnowledge(self.thinking.lore, tenant.id, tenant.seen),
            leads=ContactLeads(self.pool, tenant, conversation_id, effect.key),
            credentials=account.credentials,
            settings=account.settings,
            name=effect.tool,
            address=account.address,
        )

    async def _end(self, entry: Entry, job: Job, effect: Effect, ending: Ending) -> None:
        """Write down how it ended; it waits for Postgres: nobody else knows."""
        if ending.state != "done":
            log.warning(
                "Effect e%d of %s is %s: %s", effect.id, entry.tenant.slug, ending.state, ending.cause
            )
        while True:
            try:
                async with acting_for(self.pool, job.tenant_id) as scope:
                    place = (job.tenant_id, job.conversation_id)
                    return await effects.end(scope.connection, *place, effect, ending)
            except CANNOT_ASK:
                await asyncio.sleep(AGAIN_AFTER)
