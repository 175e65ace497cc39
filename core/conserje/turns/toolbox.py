"""The toolbox: what an assistant may do in a turn; effects are proposed, and done after the reply."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from conserje.contract.account import AnyAccount
from conserje.contract.assistant import Contact, Knowledge, Offer, Products, Reply, Result
from conserje.contract.tool import AnyTool, Call, is_several
from conserje.conversations import effects
from conserje.conversations.effects import Proposed
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.storage.database import CANNOT_ASK, Pool
from conserje.storage.scope import acting_for
from conserje.storage.text import clean
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.vault import Vault
from conserje.turns.arguments import WrongArguments, checked, refuse_misfit, written
from conserje.turns.errands import ContactLeads
from conserje.turns.offered import Offered

log = logging.getLogger(__name__)

LIMIT = 10.0  # seconds for a call
MOST_CALLS = 24  # in a turn
LONGEST, LONGEST_SHOWN, LONGEST_REASON = 8000, 1000, 200  # characters


@dataclass(frozen=True, slots=True)
class Ready:
    """A tool as a turn may call it, and what it gets."""

    tool: AnyTool
    account: AnyAccount
    offer: Offer


Opened = Mapping[str, Ready]


async def opened(entry: Entry, plugins: Plugins, vault: Vault, offered: Offered) -> dict[str, Ready]:
    """What the tenant has switched on, by the name of each offer, without what cannot be used."""
    found: dict[str, Ready] = {}
    several: list[Ready] = []
    for name, tool in plugins.tools.items():
        if entry.tenant.has_tool(name):
            try:
                account = entry.tool(tool, vault)
            except AccountUnusable as error:
                log.debug("%s", error)
                continue
            if is_several(tool):
                offers = await offered.of(entry.tenant, tool, account) or ()
                several += [Ready(tool, account, each) for each in offers]
            else:
                found[name] = Ready(tool, account, offer(tool))
    for each in several:
        found.setdefault(each.offer.name, each)  # none takes another tool's name
    return found


@cache
def offer(tool: AnyTool) -> Offer:
    """The tool as a model is told of it."""
    schema = type(tool).Parameters.model_json_schema()
    return Offer(tool.name, tool.description, schema, tool.effect and not tool.reserves)


def bounded(result: Result) -> Result:
    """What came of a call, as it can be read and stored."""
    return replace(
        result,
        text=clean(result.text)[:LONGEST],
        shown=clean(result.shown)[:LONGEST_SHOWN],
        hand_over=clean(result.hand_over)[:LONGEST_REASON],
    )


@dataclass
class Toolbox:
    """What the assistant of one turn may do, and what it proposes.

    Without a conversation, where an assistant is tried or suggests, nothing that has an effect is called.
    """

    pool: Pool
    entry: Entry
    conversation_id: int
    contact: Contact
    products: Products
    knowledge: Knowledge
    tools: Opened
    calls: int = 0
    reason: str = ""  # for which a person is needed
    proposed: list[Proposed] = field(default_factory=list)

    @property
    def offers(self) -> Sequence[Offer]:
        return [ready.offer for ready in self.tools.values()]

    async def call(self, name: str, arguments: Mapping[str, Any] | str) -> Result:
        """As the contract says; raises nothing."""
        if self.calls >= MOST_CALLS:
            return _failed(f"The {MOST_CALLS} calls of a turn are made: answer with what you know.")
        self.calls += 1
        if name not in self.tools:
            there = ", ".join(self.tools) or "none"
            return _failed(f"There is no tool {name!r:.100}: there is {there}.")
        ready = self.tools[name]
        tool = ready.tool
        try:
            text = written(name, arguments)
            parameters = checked(tool, self.entry.tenant.slug, text)
            if is_several(tool):
                refuse_misfit(name, ready.offer.parameters, text)
        except WrongArguments as error:
            return _failed(str(error))
        if ready.offer.effect or (tool.reserves and not self.conversation_id):
            return self._propose(name, text)
        result = await self._reserve(ready, text, parameters) if tool.reserves else None
        result = result or await self._run(ready, "", parameters)
        self.reason = self.reason or result.hand_over
        return result

    def _propose(self, name: str, text: str) -> Result:
        if (proposed := Proposed(name, text)) not in self.proposed:
            self.proposed.append(proposed)
        return Result(f"{name} is noted, and done once your reply is sent: say that it will be.")

    async def _reserve(self, ready: Ready, text: str, parameters: Any) -> Result:
        """What was given for the same call before, else what is given now and kept for the next time."""
        tool = ready.tool
        digest = hashlib.sha256(f"{tool.name}\n{text}".encode()).digest()
        place = (self.entry.tenant.id, self.conversation_id, digest)
        try:
            async with acting_for(self.pool, self.entry.tenant.id) as scope:
                if kept := await effects.reserved(scope.connection, *place):
                    return kept
            key = f"{self.conversation_id}-{digest.hex()[:32]}"
            result = await self._run(ready, key, parameters)
            if not result.failed:
                async with acting_for(self.pool, self.entry.tenant.id) as scope:
                    await effects.reserve(scope.connection, *place, result)
        except CANNOT_ASK:  # asked again with the same key, it gives the same
            return _failed(f"{tool.name} cannot be called now: try again later.")
        return result

    async def _run(self, ready: Ready, key: str, parameters: Any) -> Result:
        tenant, tool, account = self.entry.tenant, ready.tool, ready.account
        call = Call(
            key=key,
            tenant=tenant.seen,
            contact=self.contact,
            arguments=parameters,
            products=self.products,
            knowledge=self.knowledge,
            leads=ContactLeads(self.pool, tenant, self.conversation_id, key),
            credentials=account.credentials,
            settings=account.settings,
            name=ready.offer.name,
            address=account.address,
        )
        try:
            async with asyncio.timeout(LIMIT):
                return bounded(await guard.awaited(tool, tenant.slug, "run", given.result, call))
        except TimeoutError:
            return _failed(f"{ready.offer.name} gave no answer within {LIMIT:g} s: answer without it.")
        except PluginFailed as error:
            log.warning("Tool %s of %s failed: %s", tool.name, tenant.slug, error.place)
            return _failed(f"{ready.offer.name} failed: answer without it.")

    def applied(self, reply: Reply) -> Reply:
        """The reply, by which a person is called where a tool has found that one is needed."""
        return replace(reply, hand_over=True, intent=self.reason) if self.reason else reply


def _failed(why: str) -> Result:
    return Result(why, failed=True)
