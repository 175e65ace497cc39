"""`conserje say`: writes to a tenant as a contact would, and prints what comes back."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from datetime import timedelta, tzinfo
from itertools import takewhile
from typing import Any
from urllib.parse import urlsplit

import click
import httpx2

from conserje.cli.failure import Failed
from conserje.cli.message import as_data, shorten
from conserje.cli.table import json_option, show_json, terminal_width
from conserje.cli.times import written, zone
from conserje.contract.account import NotOffered
from conserje.contract.channel import AnyChannel, Malformed, Webhook, offers
from conserje.contract.message import Content, File, InboundMessage, Location, Media, Pressed
from conserje.contract.plain import plain
from conserje.conversations import listing
from conserje.conversations.listing import Exchange, Message, Turn
from conserje.conversations.rows import digest
from conserje.installation import Installation, with_installation
from conserje.net.listen import dialled, host_and_port
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.storage.database import Connection
from conserje.storage.deadline import looks
from conserje.storage.scope import acting_for
from conserje.tenants import accounts, tenants
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import Entry
from conserje.tenants.tenants import Tenant

RULES = ("consent", "late rule", "loop-breaker", "machine")  # that answer in place of an assistant
SENDER = "+56900000001"
LOOK_EVERY = 0.1  # seconds
POST_LIMIT = 20.0  # seconds
ON_ITS_WAY = frozenset({"queued", "sending", "uncertain"})
NOT_SENT = frozenset({"refused", "held", "failed"})


class Place(click.ParamType[Location]):
    """A place on the map, by its degrees."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Location:
        try:
            latitude, longitude = map(float, str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no place like -33.4489,-70.6693.", param, ctx)
        if not (abs(latitude) <= 90 and abs(longitude) <= 180):
            self.fail(f"{value!r} is nowhere: at most 90 degrees, and 180.", param, ctx)
        return Location(latitude, longitude)


@click.command()
@click.argument("slug")
@click.argument("text", default="")
@click.option("--picture", metavar="ADDRESS", help="A picture, TEXT below it; at Meta, its id.")
@click.option("--place", type=Place(), metavar="LATITUDE,LONGITUDE", help="A place on the map.")
@click.option("--button", metavar="ID[=TITLE]", help="A button or a row of a list, pressed.")
@click.option("--from", "sender", default=SENDER, show_default=True, help="The contact who writes.")
@click.option(
    "--channel", "channel_name", metavar="NAME", help="The channel to write by, if the tenant has several."
)
@click.option(
    "--timeout",
    default=20.0,
    show_default=True,
    type=click.FloatRange(min=0, min_open=True),
    help="The seconds to wait for the reply.",
)
@json_option
@with_installation
async def say(
    installation: Installation,
    slug: str,
    text: str,
    picture: str | None,
    place: Location | None,
    button: str | None,
    sender: str,
    channel_name: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Write to a tenant as a contact, and print the reply.

    Posts the signed webhook that the provider would post to `conserje serve`; the reply goes the whole way
    and is sent to the provider. A tenant without a provider is written to as its page or a program would.

    \b
    Example:
      conserje say acme "wena loco"
      conserje say acme --place -33.4489,-70.6693
      conserje say acme --button pan-1="Pan amasado"
    """
    said = _said(text, picture, place, button)
    async with installation.pool.acquire() as connection:
        entry = await _entry(connection, slug)
        channel = _simulated(entry, installation.plugins, channel_name)
        if channel.per_tenant:
            await accounts.ensure(connection, installation.vault, entry.tenant.id, channel)
            entry = await _entry(connection, slug)
    tenant, account = entry.tenant, _active(entry, channel)[0]
    hook, key = _compose(installation, entry, account, channel, sender, said)
    await _post(installation.settings.listen, slug, hook)
    if not as_json:
        click.secho(f"{sender} to {tenant.name} ({account.channel} {account.address})", dim=True)
        shown = said if isinstance(said, str) else plain(said)
        click.echo(_indented(shown))
    show = _ignore if as_json else _show_reply
    exchange = await _answered(installation, tenant, account, key, timeout, show)
    if as_json:
        show_json(_as_data(exchange, zone(tenant)))
    _end(exchange, tenant, as_json)


def _said(text: str, picture: str | None, place: Location | None, button: str | None) -> str | Content:
    """The one thing that is said. Raises UsageError."""
    if sum(each is not None for each in (picture, place, button)) > 1:
        raise click.UsageError("Give one of --picture, --place and --button.")
    if picture:
        return Media((File(picture),), text)
    if text and (place or button):
        raise click.UsageError("A place and a button have no TEXT beside them.")
    if button:
        id, _, title = button.partition("=")
        return Pressed(id, title or id)
    if place is None and not text.strip():
        raise click.UsageError("Give a TEXT, --picture, --place or --button.")
    return place or text


async def _entry(connection: Connection, slug: str) -> Entry:
    """Raises TenantError."""
    tenant = await tenants.get(connection, slug)
    return Entry(tenant, tuple(await accounts.list_all(connection, tenant.id)))


def _active(entry: Entry, channel: AnyChannel) -> list[AccountRow]:
    return [account for account in entry.accounts_of(channel.name) if account.active]


def _simulated(entry: Entry, plugins: Plugins, wanted: str | None) -> AnyChannel:
    """The channel by which to simulate a contact: of a provider, else one that every tenant has.

    Raises Failed.
    """
    tenant = entry.tenant
    if not tenant.active:
        raise Failed(
            f"{tenant.slug} is suspended: `conserje tenant resume {tenant.slug}` lets it answer again."
        )
    if wanted:
        plugins.channel(wanted)
    able = [each for _, each in sorted(plugins.channels.items()) if offers(each, "compose")]
    for channel in sorted(able, key=lambda channel: channel.per_tenant):
        made_on_demand = channel.per_tenant and not entry.accounts_of(channel.name)
        if wanted in (None, channel.name) and (made_on_demand or _active(entry, channel)):
            return channel
    raise Failed(_add_one(tenant.slug, able, wanted))


def _add_one(slug: str, able: Sequence[AnyChannel], wanted: str | None) -> str:
    """What to do where no account can be used."""
    if wanted in [channel.name for channel in able if channel.per_tenant]:
        again = f"conserje account set {slug} {wanted} {wanted} --status active"
        return f"The account {wanted} of {slug} is suspended: `{again}` lets it answer again."
    name = wanted or next((channel.name for channel in able if not channel.per_tenant), "CHANNEL")
    return (
        f"{slug} has no account{f' of {wanted}' if wanted else ''} by which to simulate a contact:"
        f" `conserje account add {slug} {name} ADDRESS --credentials FILE` adds one."
    )


def _compose(
    installation: Installation,
    entry: Entry,
    account: AccountRow,
    channel: AnyChannel,
    sender: str,
    said: str | Content,
) -> tuple[Webhook, bytes]:
    """The provider's request, and the key under which its message will be stored. Raises Failed."""
    url = f"{installation.settings.tenant_url(entry.tenant.slug)}/bot/{channel.name}/webhook"
    opened = entry.opened(account, channel, installation.vault)
    slug = entry.tenant.slug
    try:
        hook = guard.called(channel, slug, "compose", given.webhook, opened, url, sender, said)
        events = guard.parsed(channel, slug, hook, opened)
    except (NotOffered, Malformed) as error:
        raise Failed(str(error)) from None
    except PluginFailed as error:
        raise Failed(f"The channel {channel.name} cannot write as a contact: {error.place}.") from None
    for event in events:
        if isinstance(event, InboundMessage):
            return hook, digest(event.key)
    raise Failed(f"{channel.name} reads no message from {sender}: write --from as its senders are written.")


async def _post(listen: str, slug: str, hook: Webhook) -> None:
    """Post to `conserje serve` as nginx would: Python does not resolve *.localhost. Raises Failed."""
    public = urlsplit(hook.url)
    headers = {**hook.headers, "host": public.netloc, "x-forwarded-proto": public.scheme}
    path = hook.url.partition(public.netloc)[2]
    try:
        async with _client(listen) as client:
            answer = await client.request(hook.method, path, headers=headers, content=hook.body)
    except httpx2.ConnectError:
        raise Failed(
            f"Nobody listens on {listen}: start `conserje serve`, or `conserje up` for all."
        ) from None
    except httpx2.TransportError as error:
        raise Failed(
            f"`conserje serve` on {listen} does not answer ({type(error).__name__}): see what it logs."
        ) from None
    if not answer.is_success:
        raise Failed(_refusal(answer.status_code, listen, slug, public.netloc))


def _client(listen: str) -> httpx2.AsyncClient:
    place = host_and_port(listen)
    return httpx2.AsyncClient(
        base_url=f"http://{dialled(*place)}" if place else "http://socket",
        transport=httpx2.AsyncHTTPTransport(uds=None if place else listen, trust_env=False),
        timeout=POST_LIMIT,
        trust_env=False,
    )


def _refusal(status: int, listen: str, slug: str, host: str) -> str:
    match status:
        case 403:
            what = (
                "finds the signature wrong (403): compare its CONSERJE_DOMAINS, CONSERJE_PUBLIC_URL, "
                "CONSERJE_TRUSTED_PROXIES and CONSERJE_DATABASE_URL with those here"
            )
        case 404:
            what = (
                f"has no {slug} at {host} (404): compare its CONSERJE_DOMAINS and CONSERJE_DATABASE_URL "
                "with those here"
            )
        case 503:
            what = "cannot store the message now (503): see what it logs"
        case _:
            what = f"answers {status}: see what it logs"
    return f"`conserje serve` on {listen} {what}."


async def _answered(
    installation: Installation,
    tenant: Tenant,
    account: AccountRow,
    key: bytes,
    timeout: float,
    show: Callable[[Message], None],
) -> Exchange:
    """The message with its whole answer; each reply is shown as it leaves. Raises Failed."""
    shown, exchange = 0, None
    async for _ in looks(timeout, LOOK_EVERY):
        async with acting_for(installation.pool, tenant.id) as scope:
            exchange = await listing.exchange(scope.connection, tenant.id, account.id, key)
        if exchange:
            left = list(takewhile(lambda reply: reply.state not in ON_ITS_WAY, exchange.replies))
            for reply in left[shown:]:
                show(reply)
            shown = len(left)
            if _over(exchange):
                return exchange
    raise Failed(_standing(exchange, timeout))


def _over(exchange: Exchange) -> bool:
    return exchange.message.state not in ("waiting", "thinking") and not any(
        reply.state in ON_ITS_WAY for reply in exchange.replies
    )


def _standing(exchange: Exchange | None, timeout: float) -> str:
    """What a reply waits for, when the time is over."""
    after = f"after {timeout:g} s"
    if exchange is None:
        return f"The message is not stored {after}: give `conserje serve` the same CONSERJE_DATABASE_URL."
    waiting = next((reply for reply in exchange.replies if reply.state in ON_ITS_WAY), exchange.message)
    what = "message" if waiting is exchange.message else "reply"
    if waiting.cause:
        return f"The {what} is {waiting.state} {after}: {shorten(waiting.cause, None)}"
    if waiting.state in ("thinking", "sending"):
        who = "assistant" if waiting.state == "thinking" else "provider"
        return f"The {what} is still with the {who} {after}: give a longer --timeout."
    return f"The {what} is {waiting.state} {after}: see that `conserje work` runs."


def _show_reply(reply: Message) -> None:
    click.echo()
    click.echo(_indented(plain(reply.content)))
    if reply.state in NOT_SENT:
        click.secho(f"  {reply.state}: {shorten(reply.cause or 'no cause is known', None)}", fg="red")


def _ignore(_: Message) -> None:
    """For --json, which prints all at the end."""


def _indented(text: str) -> str:
    """`text` with its lines kept, wrapped where a terminal would break them in the middle of a word."""
    columns = terminal_width()
    width = min(columns, 100) - 2 if columns else None
    lines = [shorten(line, None) for line in text.splitlines()]
    wrapped = [part for line in lines for part in (textwrap.wrap(line, width) if width else [line]) or [""]]
    return "\n".join(f"  {line}".rstrip() for line in wrapped)


def _end(exchange: Exchange, tenant: Tenant, as_json: bool) -> None:
    """Say how the message was answered. Raises Failed where it was not."""
    message, turn = exchange.message, exchange.turn
    match message.state:
        case "held":
            raise Failed(
                f"The conversation is held ({(message.cause or 'no cause is known').rstrip('.')}): "
                f"see `conserje held show t{message.conversation_id}`."
            )
        case "dropped":
            raise Failed("The message was dropped by an operator: say it again.")
        case "noted":
            click.echo("The message is kept, and nobody answers it.", err=True)
        case "with a person":
            click.echo(f"The conversation is with a person of {tenant.name}: no assistant answers.", err=True)
    if turn and not as_json:
        _show_turn(exchange, turn)
    if failed := [reply.state for reply in exchange.replies if reply.state in NOT_SENT]:
        raise Failed(f"The reply is {failed[0]}: see its cause above.")


def _show_turn(exchange: Exchange, turn: Turn) -> None:
    sure = "" if turn.confidence is None else f" {turn.confidence:.2f}"
    sent = _sent_after(exchange)
    facts = [
        f"{turn.intent or 'no intent'}{sure}, by {turn.assistant}",
        f"waited {written(turn.waited)}",
        f"thought {written(turn.thought)}",
        f"sent after {written(sent)}" if sent else "said nothing",
    ]
    click.secho("\n  " + " · ".join(facts), dim=True)
    if turn.cause:
        why = shorten(turn.cause, None)
        click.echo(f"  {why if turn.assistant in RULES else f'The fallback answered: {why}'}")


def _sent_after(exchange: Exchange) -> timedelta | None:
    """From the message's taking until the last of the reply was with the provider."""
    sent = [reply.at + reply.took for reply in exchange.replies if reply.took is not None]
    return max(sent) - exchange.message.at if sent else None


def _as_data(exchange: Exchange, zone: tzinfo) -> dict[str, Any]:
    sent = _sent_after(exchange)
    return {
        "message": as_data(exchange.message, zone),
        "turn": as_data(exchange.turn, zone) if exchange.turn else None,
        "replies": [as_data(reply, zone) for reply in exchange.replies],
        "sent_after": sent.total_seconds() if sent else None,
    }
