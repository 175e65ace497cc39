"""Thinking: what a contact is told, by the late rule, the assistant, or the fallback; in no transaction."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from conserje.contract import signatures
from conserje.contract.assistant import AnyAssistant, Assistant, NoAnswer, Reply, Turn
from conserje.contract.channel import AnyChannel, offers
from conserje.contract.limits import Limits
from conserje.conversations.transcript import Message
from conserje.costs.prices import Prices
from conserje.plugins import fences, given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import PluginMissing, Plugins
from conserje.plugins.redaction import redacted
from conserje.rules import budget
from conserje.rules.budget import Bounds
from conserje.rules.consent import Sign
from conserje.shop.catalogues import Catalogues, TenantProducts
from conserje.shop.lore import Lore, TenantKnowledge
from conserje.storage.database import Pool
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.vault import Vault
from conserje.turns import aloud, late, lease, sale, wish
from conserje.turns.called import Called, Noted
from conserje.turns.lease import Claim, Thought
from conserje.turns.offered import Offered
from conserje.turns.pictures import Pictures
from conserje.turns.spending import Spending
from conserje.turns.toolbox import Opened, Toolbox, opened

log = logging.getLogger(__name__)

FENCE_LOOK = 15.0  # seconds: an operator may let a plugin be called sooner
ATTENTION = 5.0  # seconds that a provider gets to show a message as read


class NoReply(Exception):
    """No assistant could answer. The text is the cause shown."""


@dataclass(frozen=True)
class Thinking:
    """Thinks turns with this process's plugins."""

    pool: Pool
    catalogues: Catalogues
    lore: Lore
    plugins: Plugins
    vault: Vault
    turn_limit: float  # seconds
    prices: Prices
    offered: Offered
    pictures: Pictures
    bounds: Bounds = budget.NONE

    async def attend(self, entry: Entry, claim: Claim) -> None:
        """Show the contact that somebody reads and thinks, where the channel can; nothing rests on it."""
        channel, account = channel_of(self.plugins, entry, claim.account_id), entry.account(claim.account_id)
        read = claim.unanswered[-1].provider_id
        if channel is None or account is None or not read or not offers(channel, "attend"):
            return
        try:
            async with asyncio.timeout(ATTENTION):
                opened = entry.opened(account, channel, self.vault)
                knows = signatures.of_class(type(channel), "attend", "contact")
                whom = {"contact": claim.contact_address} if knows else {}
                asked = (entry.tenant.slug, "attend", given.nothing, read, opened)
                await guard.awaited(channel, *asked, **whom)
        except (PluginFailed, AccountUnusable, TimeoutError) as error:
            log.debug("%s could not show %s as read: %s", channel.name, entry.tenant.slug, error)

    def fenced(self, entry: Entry, unanswered: Sequence[Message]) -> timedelta | None:
        """How long to wait before asking again whether one that could answer is fenced off no more, or
        whether another process still stands still in the first one.

        None: one is not, or nobody is asked, since the contact wishes for a person or has sent a basket.
        """
        contents = [message.content for message in unanswered]
        if wish.wished(contents) or sale.ordered(contents):
            return None
        slug, asked = entry.tenant.slug, (entry.tenant.assistant, entry.tenant.fallback_assistant)
        first, second = (fences.rest(name, slug) for name in asked)
        if not first and not fences.may_try(asked[0], slug):
            return timedelta(seconds=fences.SUSPECT_LOOK)
        rest = min(FENCE_LOOK, first, second)
        return timedelta(seconds=rest) if rest else None

    async def think(self, entry: Entry, claim: Claim) -> Thought:
        """What the tenant's late rule asks for, else what an assistant says. Raises NoReply."""
        tenant = entry.tenant
        if sign := self._confirmed(entry, claim):
            return Thought(Reply(), aloud.ASSISTANT, timedelta(0), sign=sign)
        if claim.late is None:
            return await self._ask(entry, claim)
        if tenant.late_rule == "hand_over":
            reply = Reply([late.notice(tenant)], hand_over=True)
            return Thought(reply, "late rule", timedelta(0), late.cause(tenant, claim.late))
        thought = await self._ask(entry, claim)
        if tenant.late_rule == "apologise" and thought.reply.messages:
            said = [late.apology(tenant), *thought.reply.messages]
            return replace(thought, reply=replace(thought.reply, messages=said))
        return thought

    def _confirmed(self, entry: Entry, claim: Claim) -> Sign | None:
        """The sign of who has said aloud that they want no more, was asked back, and says yes."""
        channel, locale = channel_of(self.plugins, entry, claim.account_id), entry.tenant.locale
        return aloud.confirmed(*lease.read(claim, locale), channel, locale) if channel else None

    async def _ask(self, entry: Entry, claim: Claim) -> Thought:
        """The reply of the tenant's assistant, else of its fallback; none is asked for a person, for a sale,
        for an opt-out that was said aloud, or of what nobody heard.

        Raises NoReply.
        """
        tenant = entry.tenant
        said, past = lease.read(claim, tenant.locale)
        contents = [each.content for each in said]
        channel = channel_of(self.plugins, entry, claim.account_id)
        if channel and (question := aloud.asked_back(said, channel, tenant.locale)):
            return question
        if wish.wished(contents):
            return Thought(wish.reply(tenant.seen, datetime.now(UTC)), wish.ASSISTANT, timedelta(0))
        if sale.ordered(contents):
            return Thought(sale.reply(tenant.locale), sale.ASSISTANT, timedelta(0))
        unheard = [each for each in said if aloud.is_unheard(each)]
        if not unheard:
            return await self.ask_assistants(entry, claim)
        asked = aloud.asked_to_write(said, past, tenant.seen, datetime.now(UTC))
        if len(unheard) == len(said):
            return asked
        return _behind(await self.ask_assistants(entry, claim), asked.reply)

    async def ask_assistants(self, entry: Entry, claim: Claim) -> Thought:
        """The reply of the tenant's assistant, else of its fallback, whatever the contact wishes for.

        Raises NoReply.
        """
        started, tenant = time.monotonic(), entry.tenant
        cause, called, reason = None, list[Called](), ""
        usable = await opened(entry, self.plugins, self.vault, self.offered)
        for name in dict.fromkeys((tenant.assistant, tenant.fallback_assistant)):
            try:
                assistant = self.plugins.assistant(name)
                tools = self._toolbox(entry, claim, usable, reason)
                turn = self._turn(entry, claim, assistant, tools, called)
                seen = await self.pictures.shown(entry, claim, assistant, turn.messages)
                turn = replace(turn, messages=seen)
                try:
                    async with asyncio.timeout(self.turn_limit):
                        reply = await guard.awaited(assistant, tenant.slug, "reply", given.reply, turn)
                finally:
                    reason = tools.reason  # a person is needed, whoever answers in the end
            except TimeoutError:
                cause = f"{name}: no answer within {self.turn_limit:g} s"
            except (PluginMissing, AccountUnusable) as error:
                cause = str(error)
            except NoAnswer as error:
                cause = f"{name}: {error}"
            except PluginFailed as error:
                cause = f"{name}: {error}"
                log.warning("Assistant %s of %s failed: %s", name, tenant.slug, error.place)
            else:
                reply = _without_secrets(tools.applied(reply), assistant, turn)
                took = timedelta(seconds=time.monotonic() - started)
                return Thought(reply, name, took, cause, called, tools.proposed)
        raise NoReply(cause)

    def _toolbox(self, entry: Entry, claim: Claim, tools: Opened, reason: str = "") -> Toolbox:
        tenant = entry.tenant
        return Toolbox(
            pool=self.pool,
            entry=entry,
            conversation_id=claim.conversation_id if claim.may_act else 0,
            contact=claim.contact,
            products=TenantProducts(self.catalogues, tenant.id),
            knowledge=TenantKnowledge(self.lore, tenant.id, tenant.seen),
            tools=tools,
            reason=reason,
        )

    def _turn(
        self, entry: Entry, claim: Claim, assistant: AnyAssistant, tools: Toolbox, called: list[Called]
    ) -> Turn[Any, Any]:
        """Which models and tools it calls is noted in `called`. Raises AccountUnusable."""
        tenant = entry.tenant
        account = entry.assistant(assistant, self.vault)
        said, past = lease.read(claim, tenant.locale)
        return Turn(
            id=claim.turn_id,
            tenant=tenant.seen,
            contact=claim.contact,
            messages=said,
            history=past,
            products=tools.products,
            knowledge=tools.knowledge,
            tools=Noted(tools, called),
            budget=Spending(self.prices, self.bounds.over(tenant), tenant, claim, called),
            credentials=account.credentials,
            settings=account.settings,
            abilities=account.abilities,
            summary=claim.summary,
        )

    def sums_up(self, entry: Entry) -> bool:
        """Whether the tenant's assistant offers summaries."""
        assistant = self.plugins.assistants.get(entry.tenant.assistant)
        return assistant is not None and type(assistant).summarise is not Assistant.summarise

    async def summarise(self, entry: Entry, claim: Claim) -> str:
        """The claim's history and the summary before it, summed up by the tenant's assistant.

        Raises NoReply.
        """
        name = entry.tenant.assistant
        try:
            assistant = self.plugins.assistant(name)
            turn = self._turn(entry, claim, assistant, self._toolbox(entry, claim, {}), [])
            async with asyncio.timeout(self.turn_limit):
                return await guard.awaited(assistant, entry.tenant.slug, "summarise", given.text, turn)
        except TimeoutError:
            raise NoReply(f"{name}: no answer within {self.turn_limit:g} s.") from None
        except (PluginMissing, AccountUnusable, NoAnswer, PluginFailed) as error:
            raise NoReply(f"{name}: {error}") from None


def _behind(thought: Thought, also: Reply) -> Thought:
    """The thought with what else is said."""
    reply = thought.reply
    told, hand_over = [*reply.messages, *also.messages], reply.hand_over or also.hand_over
    return replace(thought, reply=replace(reply, messages=told, hand_over=hand_over))


def _without_secrets(reply: Reply, assistant: AnyAssistant, turn: Turn[Any, Any]) -> Reply:
    """The reply, whose `told` is kept for people to read."""
    told = reply.told and redacted(reply.told, assistant.operator, [turn.credentials])
    return replace(reply, told=told)


def limits_of(plugins: Plugins, entry: Entry, account_id: int) -> Limits:
    channel, account = channel_of(plugins, entry, account_id), entry.account(account_id)
    if channel is None or account is None:
        return Limits()
    return guard.limits_of(channel, entry.tenant.slug, account.address)


def channel_of(plugins: Plugins, entry: Entry, account_id: int) -> AnyChannel | None:
    account = entry.account(account_id)
    return plugins.channels.get(account.channel) if account else None


def is_automatic(channel: AnyChannel, slug: str, address: str) -> bool:
    """Whether a machine writes from the contact's address; where the channel cannot say, a person does."""
    try:
        return guard.called(channel, slug, "automatic", given.truth, address)
    except PluginFailed as error:
        log.warning("Channel %s: automatic failed for %s: %s", channel.name, slug, error.place)
        return False
