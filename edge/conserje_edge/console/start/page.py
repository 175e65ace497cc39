"""The chat page: what it says and how it looks, which sites may show it, and the line that they need."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from conserje.contract.channel import AnyChannel, offers
from conserje.files import showcase
from conserje.files.showcase import PictureError
from conserje.operations import enrolment
from conserje.storage.database import Connection
from conserje.tenants import accounts
from conserje.tenants.entry import AccountUnusable
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import See, Seen, deed, view
from conserje_edge.console.refusal import Refusal

# In the order in which they are asked for; what else the channel has is set by commands.
ASKED: Mapping[str, tuple[str, str]] = {
    "title": (N_("Name of the page"), N_("Empty: the name of your shop.")),
    "colour": (N_("Colour"), ""),
    "greeting": (N_("Greeting"), N_("What is said before anybody writes. Empty: ours.")),
    "quick_answers": (
        N_("Buttons"),
        N_("What people may want to write, one a line, at most 8: they only have to press it."),
    ),
    "closed_text": (N_("While you are closed"), N_("What is said then. Empty: ours.")),
    "origins": (
        N_("Websites that may show it"),
        N_("One a line, like https://www.example.com. Only these may have the chat within their pages."),
    ),
    "privacy": (N_("What becomes of what is written"), N_("Empty: ours.")),
    "privacy_url": (N_("Address of your privacy page"), N_("It begins with https://.")),
}
WRONG: Mapping[str, str] = {
    "title": N_("Write at most 80 signs."),
    "colour": N_("Choose a colour."),
    "greeting": N_("Write at most 1000 signs."),
    "quick_answers": N_("Write at most 8 lines, each of at most 80 signs."),
    "closed_text": N_("Write at most 1000 signs."),
    "origins": N_("Write one website a line, like https://www.example.com, without what follows."),
    "privacy": N_("Write at most 1000 signs."),
    "privacy_url": N_("This is no address: it begins with https://."),
}
PICTURE: Mapping[str, str] = {
    "large": N_("The picture is too large: choose one of at most 5 MB."),
    "kind": N_("This is no picture: choose a JPEG, PNG, WebP or GIF."),
    "full": N_("There is no room for another picture: remove some products' pictures."),
}
_LINES = ("quick_answers", "origins")
_LONG = ("greeting", "closed_text", "privacy", *_LINES)


@view("tenant.read")
async def show(asked: Asked) -> Seen:
    channel = _channel(asked)
    async with asked.context.pool.acquire() as connection:
        there = await _settings(asked, connection, channel)
    return _form(asked, channel, there)


def _form(
    asked: Asked, channel: AnyChannel, there: Mapping[str, Any], errors: Mapping[str, str] | None = None
) -> Seen:
    url = asked.context.settings.tenant_url(asked.tenant.slug)
    shown = {
        "asked_for": [each for each in ASKED.items() if each[0] in channel.Settings.model_fields],
        "values": {name: asked.given(name) for name in ASKED} if errors else _written(channel, there),
        "errors": errors or {},
        "long": _LONG,
        "logo": _shown(url, there.get("logo")),
        "has_logo": bool(there.get("logo")),
        "url": url,
        "line": f'<script src="{url}/chat.js" async></script>',
        "sites": there.get("origins") or [],
    }
    return Seen("start/page.html", shown, 422 if errors else 200)


def _written(channel: AnyChannel, there: Mapping[str, Any]) -> dict[str, str]:
    """The settings as they are typed, with the defaults of those that have one."""
    found = {}
    for name, model_field in channel.Settings.model_fields.items():
        value = there.get(name, model_field.default)
        found[name] = "\n".join(map(str, value or ())) if name in _LINES else str(value or "")
    return found


def _shown(url: str, logo: str | None) -> str:
    """The picture's address; of one at another host nothing, since this page shows none of strangers'."""
    return f"{url}{logo}" if logo and logo.startswith("/") else ""


@deed("tenant.change", transaction="core", upload=showcase.LARGEST)
async def change(asked: Asked) -> See | Seen:
    channel = _channel(asked)
    there = await _settings(asked, asked.connection, channel)
    typed = {name: _read(asked, name) for name in ASKED if name in channel.Settings.model_fields}
    try:
        typed |= await _picture(asked)
        await enrolment.change(
            asked.context, asked.connection, asked.tenant, channel, channel.name, settings=typed
        )
    except PictureError as error:
        return _form(asked, channel, there, {"logo": asked._(PICTURE[error.of])})
    except AccountUnusable as error:
        return _form(asked, channel, there, _said(asked, error))
    changed = {name: value for name, value in typed.items() if value != there.get(name)}
    asked.of, asked.after = f"account {channel.name}", changed
    asked.before = {name: there.get(name) for name in changed}
    asked.flash(asked._("Your page is changed."))
    return See(asked.to("page"))


async def _picture(asked: Asked) -> dict[str, str | None]:
    """The new picture; None takes the one there is away. Raises PictureError."""
    if file := asked.file("logo"):
        return {"logo": await showcase.keep(asked.connection, asked.tenant.id, await file.read(), "")}
    return {"logo": None} if asked.given("no-logo") else {}


def _read(asked: Asked, name: str) -> Any:
    """None for what was left empty: it is taken away."""
    if name in _LINES:
        lines = (line.strip().removesuffix("/") for line in asked.given(name).splitlines())
        return [line for line in lines if line] or None
    return asked.given(name) or None


def _said(asked: Asked, error: AccountUnusable) -> dict[str, str]:
    name = error.of.partition(".")[2].partition(".")[0]
    return {name: asked._(WRONG[name])} if name in WRONG else {"": str(error)}


def _channel(asked: Asked) -> AnyChannel:
    """The one that is every tenant's page. Raises Refusal where there is none."""
    channels = asked.context.plugins.channels.values()
    found = next((each for each in channels if each.per_tenant and offers(each, "pages")), None)
    if found is None:
        raise Refusal(HTTPStatus.NOT_FOUND)
    return found


async def _settings(asked: Asked, connection: Connection, channel: AnyChannel) -> dict[str, Any]:
    listed = await accounts.list_all(connection, asked.tenant.id)
    return next((each.settings for each in listed if each.channel == channel.name), {})
