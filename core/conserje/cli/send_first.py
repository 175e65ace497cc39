"""`conserje message send --to`: what the business says of its own accord."""

from __future__ import annotations

import click

from conserje.contract.message import Content, Template, Text
from conserje.installation import Installation
from conserje.storage.scope import acting_for
from conserje.tenants import accounts
from conserje.tenants.tenants import Tenant

BY = "operator"


def written(text: str, template: str | None, language: str, params: tuple[str, ...]) -> Content:
    """What is said: a template, TEXT being what it says then, or words."""
    if template is None:
        if language or params:
            raise click.UsageError("--language and --param go with --template.")
        return Text(text)
    return Template(template, language, params, text)


async def say_first(
    installation: Installation,
    tenant: Tenant,
    to: tuple[str | None, int | None, int | None],
    account: str,
    content: Content,
    *,
    take: bool,
) -> tuple[int, list[int]]:
    """Write to a phone, a contact or a conversation, by the account that is named, if one is.

    The conversation, and the message in it. Raises what `delivery.sends.send` raises.
    """
    from conserje.delivery.addressees import Whom
    from conserje.delivery.sends import Wanted, send
    from conserje.tenants.entry import Entry

    channel, _, address = account.partition(" ")
    async with installation.pool.acquire() as connection:
        listed = tuple(await accounts.list_all(connection, tenant.id))
    async with acting_for(installation.pool, tenant.id) as scope:
        wanted = Wanted(content, Whom(*to, channel, address.strip()), BY, take=take)
        sent = await send(scope, Entry(tenant, listed), installation.plugins, wanted)
    return sent.conversation, [sent.id]
