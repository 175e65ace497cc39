"""Hearing: before a turn is thought, its voice notes are written down, where the tenant wants that."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from math import ceil

from conserje.contract.account import AnyAccount
from conserje.contract.assistant import AnyAssistant, Heard, NoAnswer, Voice
from conserje.contract.message import Content, File, Media
from conserje.conversations import feed, messages
from conserje.costs.prices import Prices
from conserje.files import lengths
from conserje.files import table as files
from conserje.files.folder import Folder
from conserje.files.table import Received
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import PluginMissing, Plugins
from conserje.rules.budget import Bounds
from conserje.shop.catalogues import Catalogues, TenantProducts
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for
from conserje.storage.text import clean
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.vault import Vault
from conserje.turns import arrivals
from conserje.turns.lease import Claim
from conserje.turns.spending import Spending

log = logging.getLogger(__name__)

MOST = 5  # notes of one turn
LONGEST = 180.0  # seconds of a note
LARGEST = 3 * 2**20  # bytes of one, whatever length it says it has
TRIES = 2  # of one note, also by workers that died
LONGEST_TEXT = 4000  # characters
MOST_WORDS, LONGEST_WORD = 100, 60  # of the names that may be said, and characters of one


class _NotHeard(Exception):
    """Nobody could be asked, for now; the note stays what it is. The text says why."""


@dataclass(frozen=True)
class Hearing:
    """Hears voice notes with this process's plugins; each is written down once, whoever asks for it again."""

    pool: Pool
    folder: Folder
    catalogues: Catalogues
    plugins: Plugins
    vault: Vault
    limit: float  # seconds
    prices: Prices
    bounds: Bounds

    async def hear(self, entry: Entry, claim: Claim) -> Claim:
        """The same with what was heard in its notes; those that cannot be had, or heard, stay as they are."""
        said = [each for each in claim.unanswered if any(map(_is_open, arrivals.named(each.content)))]
        if not entry.tenant.voice_notes or not said:
            return claim
        place = (entry.tenant.id, claim.conversation_id, [each.id for each in said])
        known = {file.ref for each in said for file in arrivals.named(each.content) if not _is_open(file)}
        notes = [each for each in await arrivals.arrived(self.pool, *place, "audio") if each.ref not in known]
        for sound in notes[:MOST]:
            try:
                await self._keep(entry, claim, sound, await self._outcome(entry, claim, sound))
            except _NotHeard as why:
                log.warning("A voice note of %s is not heard: %s", entry.tenant.slug, why)
        return await arrivals.read_anew(self.pool, entry.tenant.id, claim)

    async def _outcome(self, entry: Entry, claim: Claim, sound: Received) -> File:
        """What is said of it in its message's file. Raises _NotHeard."""
        if sound.bytes > LARGEST:
            return File("", unheard="long")
        if (content := await self.folder.read(entry.tenant.id, sound.id)) is None:
            raise _NotHeard("Its file cannot be read on this machine.")
        if (length := lengths.seconds(content)) > LONGEST:
            return File("", unheard="long")
        voice = Voice(content, sound.content_type, length, await self._words(entry))
        heard = await self._asked(entry, claim, sound, voice)
        text = clean(heard.text).strip()[:LONGEST_TEXT].strip()
        return File("", heard=text) if text and heard.clear else File("", unheard="unclear")

    async def _words(self, entry: Entry) -> tuple[str, ...]:
        """What the tenant and its products are called."""
        products = await TenantProducts(self.catalogues, entry.tenant.id).all()
        names = (" ".join(name.split()) for name in (entry.tenant.name, *(each.name for each in products)))
        return tuple(dict.fromkeys(name for name in names if 0 < len(name) <= LONGEST_WORD))[:MOST_WORDS]

    async def _asked(self, entry: Entry, claim: Claim, sound: Received, voice: Voice) -> Heard:
        """What the tenant's assistant for it hears; it costs something. Raises _NotHeard."""
        tenant = entry.tenant
        spending = Spending(self.prices, self.bounds.over(tenant), tenant, claim)
        try:
            assistant, account = self._listener(entry)
            model = guard.called(assistant, tenant.slug, "transcriber", given.text, account.settings)
            await spending.check()
            async with acting_for(self.pool, tenant.id) as scope:
                if not await files.hear(scope.connection, tenant.id, sound.id, TRIES):
                    raise _NotHeard(f"It was given to {assistant.name} {TRIES} times without an end.")
            try:
                async with asyncio.timeout(self.limit):
                    heard = await guard.awaited(
                        assistant, tenant.slug, "transcribe", given.heard, voice, account
                    )
            except TimeoutError:
                await spending.spend(model, {"seconds": ceil(voice.seconds)}, estimated=True)
                raise
        except TimeoutError:
            raise _NotHeard(f"{tenant.voice_notes} gave no answer within {self.limit:g} s.") from None
        except (PluginMissing, AccountUnusable, NoAnswer, PluginFailed) as error:
            raise _NotHeard(f"{tenant.voice_notes}: {error}") from None
        usage = heard.usage or {"seconds": max(ceil(voice.seconds), 1)}
        if any(usage.values()):
            await spending.spend(model, usage)
        return heard

    def _listener(self, entry: Entry) -> tuple[AnyAssistant, AnyAccount]:
        """Raises PluginMissing or AccountUnusable."""
        assistant = self.plugins.assistant(entry.tenant.voice_notes or "")
        return assistant, entry.assistant(assistant, self.vault)

    async def _keep(self, entry: Entry, claim: Claim, sound: Received, outcome: File) -> None:
        """Write it into the message, if that still has the note."""
        place = (entry.tenant.id, claim.conversation_id)
        async with acting_for(self.pool, entry.tenant.id) as scope:
            said = await messages.lock(scope.connection, (*place, sound.message_id))
            await messages.rewrite(scope.connection, said, lambda content: _with(content, sound, outcome))
            await feed.wake(scope.connection, *place)


def _is_open(file: File) -> bool:
    """Whether it is a sound of which nobody has said what is heard."""
    return file.kind == "audio" and not file.heard and not file.unheard


def _with(content: Content, sound: Received, outcome: File) -> Content:
    if not isinstance(content, Media):
        return content
    told = tuple(
        replace(each, heard=outcome.heard, unheard=outcome.unheard) if each.ref == sound.ref else each
        for each in content.files
    )
    return replace(content, files=told)
