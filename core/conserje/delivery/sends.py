"""Sends: what a business says of its own accord, judged before it is stored."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from conserje.contract.channel import AnyChannel
from conserje.contract.fit import fit
from conserje.contract.limits import Limits
from conserje.contract.message import Content, File, Media, Template
from conserje.conversations import handling, paces, whom
from conserje.conversations.paces import Said, Standing
from conserje.conversations.sending import State
from conserje.delivery.addressees import Addressee, SendUnfit, Whom, find
from conserje.delivery.pacing import pace_of
from conserje.errors import OperatorError
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.rules import consent, window
from conserje.storage.database import Connection
from conserje.storage.scope import Scope
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import Entry

Keep = Callable[[Connection, int], Awaitable[None]]


class SendRefused(OperatorError):
    """Consent or the provider's window forbids it; `code` says which, `template` is one that may leave."""

    def __init__(self, code: str, text: str, template: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.template = template


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be said, to whom and in whose name: an API key's id, or `operator`.

    `quotes` is a message of the same conversation; with `take` the assistant is silent from then on.
    """

    content: Content
    whom: Whom
    by: str
    quotes: int | None = None
    take: bool = False


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that waits for its account's pace."""

    id: int
    state: State
    conversation: int
    contact: int


async def send(
    scope: Scope, entry: Entry, plugins: Plugins, wanted: Wanted, keep: Keep | None = None
) -> Sent:
    """Store a message, in the caller's transaction; `keep` writes of its file there.

    Raises SendUnfit, SendRefused, ContactError or PersonError: then the transaction must not be committed,
    which may have made a contact.
    """
    connection, tenant = scope.connection, entry.tenant
    if not tenant.active:
        text = f"{tenant.slug} is suspended: `conserje tenant resume {tenant.slug}` lets it send again."
        raise SendRefused("suspended", text)
    to = await find(connection, entry, plugins, wanted.whom)
    channel = plugins.channel(to.account.channel)
    content = _fitted(wanted.content, channel, entry, to.account)
    standing = await paces.lock(connection, tenant.id, to.conversation)
    if standing is None:
        raise SendRefused("forgotten", consent.IS_FORGOTTEN)
    await _judge(connection, entry, channel, to, standing, content)
    said = Said(content, wanted.by, await _quoted(connection, entry, to, wanted.quotes))
    if wanted.take:
        await handling.take_in(connection, tenant, to.conversation)
    place = (tenant.id, to.conversation, to.account.id)
    id, due = await paces.tell(connection, *place, said, pace_of(plugins, entry, to.account))
    if keep:
        await keep(connection, id)
    scope.due.extend(due)
    return Sent(id, "paced", to.conversation, standing.contact)


def _fitted(content: Content, channel: AnyChannel, entry: Entry, account: AccountRow) -> Content:
    """The content as the one message that it is on the channel. Raises SendUnfit."""
    limits = guard.limits_of(channel, entry.tenant.slug, account.address)
    if isinstance(content, Template) and "template" not in limits.carries and not content.text.strip():
        raise SendUnfit("no-templates", f"The channel {channel.name} has no templates: send words.")
    if isinstance(content, Media):
        for file in content.files:
            _require_taken(file, limits)
    said = fit(content, limits, entry.tenant.locale)
    if not said:
        raise SendUnfit("empty", "The message says nothing: give it words.")
    if len(said) > 1:
        text = f"It would be {len(said)} messages on the channel {channel.name}: shorten it, or send each."
        raise SendUnfit("too-long", text)
    return said[0]


def _require_taken(file: File, limits: Limits) -> None:
    if file.media_type and limits.largest(file.media_type) is None:
        taken = ", ".join(sorted(limits.takes))
        raise SendUnfit("file-not-taken", f"It is {file.media_type}, and the channel takes {taken}.")


async def _judge(
    connection: Connection,
    entry: Entry,
    channel: AnyChannel,
    to: Addressee,
    standing: Standing,
    content: Content,
) -> None:
    """Raises SendRefused for what consent or the window forbids."""
    if why := consent.refusal(standing.contact_address, standing.opted_out, content):
        raise SendRefused("opted-out" if standing.contact_address else "forgotten", why)
    slug, address = entry.tenant.slug, to.account.address
    try:
        limit = guard.called(channel, slug, "window", given.window, address)
    except PluginFailed as error:
        raise SendUnfit("no-window", f"The channel {channel.name} knows no window ({error}).") from None
    if limit is None or isinstance(content, Template):
        return
    place = (entry.tenant.id, to.conversation)
    if await window.heard_since(connection, *place, standing.now - limit):
        return
    code = "window-closed" if await window.heard_since(connection, *place, None) else "template-needed"
    template = to.account.window_template
    way = f"send the template {template.name}" if template else "send a template"
    hours = f"{limit.total_seconds() / 3600:g}"
    why = f"The contact has written nothing in the last {hours} h, so {channel.name} takes only templates"
    raise SendRefused(code, f"{why}: {way}.", template.name if template else "")


async def _quoted(connection: Connection, entry: Entry, to: Addressee, message_id: int | None) -> str | None:
    if message_id is None:
        return None
    found = await whom.quoted(connection, entry.tenant.id, to.conversation, message_id)
    if found is None:
        text = f"The conversation has no message {message_id} that can be quoted: leave `quotes` out."
        raise SendUnfit("unknown-quote", text)
    return found
