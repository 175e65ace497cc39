"""What routes work with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from conserje.access.issuer import Issuer
from conserje.conversations.feed import Feed
from conserje.files.folder import Folder
from conserje.intake.intake import Intake
from conserje.plugins.plugins import Plugins
from conserje.rules.budget import Bounds
from conserje.settings import Settings
from conserje.storage.database import Pool
from conserje.tenants.directory import Directory
from conserje.tenants.vault import Vault
from conserje.turns.thinking import Thinking
from conserje.turns.turn import Conversation
from conserje_edge.tenant.reception import Reception
from conserje_edge.tenant.webhooks import Webhooks


@dataclass
class Context:
    """One installation, as a listener for those with a key has it open."""

    settings: Settings
    pool: Pool
    directory: Directory
    vault: Vault
    plugins: Plugins

    @cached_property
    def issuer(self) -> Issuer | None:
        """Who vouches for people at the console."""
        return Issuer.of(self.settings)

    @cached_property
    def thinking(self) -> Thinking:
        """How assistants are tried."""
        given = (self.pool, self.directory, self.plugins, self.vault, self.settings.turn_limit)
        return Conversation(*given, Folder(self.settings.files), Bounds.of(self.settings)).thinking


@dataclass
class OperatorContext(Context):
    """The same where contacts' messages are taken, too."""

    intake: Intake
    feed: Feed
    reception: Reception
    webhooks: Webhooks
