"""Pictures of a turn's messages, made small for an assistant that sees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from conserje.contract.assistant import AnyAssistant, Picture, Utterance
from conserje.files import scaling
from conserje.files import table as files
from conserje.files.folder import Folder
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.storage.database import Pool
from conserje.storage.scope import acting_for
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.vault import Vault
from conserje.turns import arrivals
from conserje.turns.lease import Claim

MOST = 3  # of one turn, the newest


@dataclass(frozen=True)
class Pictures:
    """Shows pictures to this process's plugins."""

    pool: Pool
    folder: Folder
    plugins: Plugins
    vault: Vault

    async def come(self, entry: Entry, claim: Claim) -> Claim:
        """Wait for those that are on their way, if the tenant's assistant sees."""
        coming = [
            each.id
            for each in claim.unanswered
            if any(file.kind == "image" and not _is_kept(file.ref) for file in arrivals.named(each.content))
        ]
        assistant = self.plugins.assistants.get(entry.tenant.assistant)
        if not coming or assistant is None or not self._sees(entry, assistant):
            return claim
        await arrivals.arrived(self.pool, entry.tenant.id, claim.conversation_id, coming, "image")
        return await arrivals.read_anew(self.pool, entry.tenant.id, claim)

    async def shown(
        self, entry: Entry, claim: Claim, assistant: AnyAssistant, said: Sequence[Utterance]
    ) -> Sequence[Utterance]:
        """What is to be answered, as `said`, with the pictures in it, if the assistant sees."""
        ids = [each.id for each in claim.unanswered if arrivals.named(each.content)]
        if not ids or not self._sees(entry, assistant):
            return said
        place = (entry.tenant.id, claim.conversation_id)
        pictures = defaultdict[int, list[Picture]](list)
        async with acting_for(self.pool, entry.tenant.id) as scope:
            received = await files.received(scope.connection, *place, ids)
        there = [each for each in received if each.kept and each.kind == "image"]
        for each in there[-MOST:]:
            held = await self.folder.read(entry.tenant.id, each.id)
            if held and (small := await scaling.scaled(held)):
                pictures[each.message_id].append(Picture(small))
        answered = zip(claim.unanswered, said, strict=True)
        return [replace(each, pictures=tuple(pictures[message.id])) for message, each in answered]

    def _sees(self, entry: Entry, assistant: AnyAssistant) -> bool:
        try:
            settings = entry.assistant(assistant, self.vault).settings
            return guard.called(assistant, entry.tenant.slug, "sees", given.truth, settings)
        except (AccountUnusable, PluginFailed):  # it cannot be asked either, which says why
            return False


def _is_kept(ref: str) -> bool:
    return ref.startswith("kept:")
