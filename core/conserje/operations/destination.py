"""Where an account's provider posts: to us, once it is told to; from elsewhere it takes a second word."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from conserje.contract.account import Finding, NotOffered
from conserje.contract.channel import AnyChannel, CannotTell, Refused
from conserje.installation import Opened
from conserje.operations import checkup
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.tenants.refusals import TenantError


class PostsElsewhere(TenantError):
    """The provider posts to somebody else, whom it would leave without; `posts_to` is where."""

    def __init__(self, posts_to: str) -> None:
        text = f"The provider posts to {posts_to} now: say that it shall post to us instead of there."
        super().__init__(text, "instead_of")
        self.posts_to = posts_to


class NotConfigured(TenantError):
    """The provider does not post to us, and could not be told to; the text says why."""


def elsewhere(findings: Iterable[Finding]) -> str | None:
    """Where the provider posts now, as far as `configure` can change it; None: all is well."""
    places = [each.posts_to for each in findings if each.posts_to is not None]
    return max(places, key=len, default=None)


async def take(
    opened: Opened, slug: str, plugin: AnyChannel, address: str, instead_of: str = ""
) -> Sequence[Finding]:
    """Have the provider post to us where it posts nowhere, or to `instead_of`; what is found then.

    Raises PostsElsewhere, NotConfigured, AccountUnusable or TenantError.
    """
    findings = await checkup.examine(opened, slug, plugin, address)
    place, ours = elsewhere(findings), checkup.urls(opened, slug, plugin).webhook
    is_wrong = elsewhere(each for each in findings if each.level == "error") is not None
    if place is None or not (is_wrong or place in (instead_of, ours)):  # a warning: it comes by another way
        return findings
    if place not in ("", instead_of, ours):
        raise PostsElsewhere(place)
    await _configure(opened, slug, plugin, address)
    return await checkup.examine(opened, slug, plugin, address)


async def _configure(opened: Opened, slug: str, plugin: AnyChannel, address: str) -> None:
    entry, account = await checkup.found(opened, slug, plugin.name, address)
    at_provider, urls = entry.opened(account, plugin, opened.vault), checkup.urls(opened, slug, plugin)
    try:
        async with asyncio.timeout(checkup.LIMIT):
            await guard.awaited(plugin, slug, "configure", given.nothing, at_provider, urls)
    except TimeoutError:
        raise NotConfigured(f"The provider gave no answer within {checkup.LIMIT:g} s.") from None
    except (NotOffered, Refused, CannotTell) as error:
        raise NotConfigured(str(error)) from None
    except PluginFailed as error:
        raise NotConfigured(f"It could not be configured: {plugin.name} {error.told}.") from None
