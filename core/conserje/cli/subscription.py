"""`conserje subscription`: which systems are told what happens."""

from __future__ import annotations

from typing import Any

import click

from conserje.cli.failure import Failed
from conserje.cli.table import json_option, show_fields, show_json, show_rows
from conserje.installation import Installation, with_installation
from conserje.notices import hosts, signing, subscriptions
from conserje.notices.hosts import Host
from conserje.notices.subscriptions import Change, Secrets, Subscription
from conserje.storage.notifications import KINDS
from conserje.tenants import tenants

id_argument = click.argument("id", metavar="ID", type=click.IntRange(1, 2**63 - 1))
kinds_option = click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    metavar="KIND",
    help="What is told, like lead.created; may be given more than once. All, if not given.",
)


@click.group()
def subscription() -> None:
    """Say which systems are told what happens, and by which secrets.

    What is told is signed as Standard Webhooks wants it, and has a token (HS256) that n8n checks by itself.
    """


@subscription.command()
@click.argument("url")
@click.option("--tenant", "slug", help="The tenant of whom is told; of all, if not given.")
@kinds_option
@click.option("--ordered", is_flag=True, help="Tell in order, within a conversation.")
@json_option
@with_installation
async def add(
    installation: Installation,
    url: str,
    slug: str | None,
    kinds: tuple[str, ...],
    ordered: bool,
    as_json: bool,
) -> None:
    """Tell what happens from now on to URL, and show the two secrets, this once.

    \b
    Example:
      conserje subscription add https://n8n.acme.example/webhook/x --tenant acme --kind message.received
    """
    secrets = Secrets.new()
    async with installation.pool.acquire() as connection, connection.transaction():
        tenant_id = (await tenants.get(connection, slug)).id if slug else None
        made = await subscriptions.add(
            connection, installation.vault, tenant_id, url, kinds, secrets, ordered=ordered
        )
    _show_secrets(made, {"secret": secrets.signing[0], "token_secret": secrets.token}, as_json)


def _show_secrets(made: Subscription, secrets: dict[str, str], as_json: bool) -> None:
    if as_json:
        show_json(_fields(made) | secrets)
        return
    show_fields({"id": str(made.id)} | secrets)
    click.echo("Keep them: they are not shown again. `conserje subscription test` tries it.", err=True)


@subscription.command("list")
@click.option("--tenant", "slug", help="Only this tenant's.")
@json_option
@with_installation
async def list_subscriptions(installation: Installation, slug: str | None, as_json: bool) -> None:
    """List who is told what, and how that goes; without a tenant it is yours, of all.

    \b
    Example:
      conserje subscription list --tenant acme
    """
    async with installation.pool.acquire() as connection:
        if slug:
            found = await subscriptions.list_all(connection, (await tenants.get(connection, slug)).id)
        else:
            found = await subscriptions.of_all(connection)
    rows = [_fields(each) for each in found]
    none = "Nobody is told yet: `conserje subscription add` adds one."
    show_rows(rows, as_json, none, lambda row: row["state"] == "off" or row["failing_since"])


@subscription.command()
@id_argument
@json_option
@with_installation
async def show(installation: Installation, id: int, as_json: bool) -> None:
    """Show one, without its secrets.

    \b
    Example:
      conserje subscription show 3
    """
    async with installation.pool.acquire() as connection:
        fields = _fields(await subscriptions.find(connection, id))
    show_json(fields) if as_json else show_fields(fields)


@subscription.command()
@id_argument
@click.option("--url", help="Where it is told from now on.")
@kinds_option
@click.option("--all-kinds", is_flag=True, help="Tell everything.")
@click.option("--ordered/--unordered", default=None, help="In order, within a conversation, or not.")
@click.option("--on", "state", flag_value="on", help="Go on where it stopped.")
@click.option("--off", "state", flag_value="off", help="Tell nothing until it is on again.")
@click.option("--new-secret", is_flag=True, help="Sign by another secret, for a day beside the one before.")
@click.option("--new-token-secret", is_flag=True, help="Make tokens by another secret, at once.")
@json_option
@with_installation
async def change(
    installation: Installation,
    id: int,
    url: str | None,
    kinds: tuple[str, ...],
    all_kinds: bool,
    ordered: bool | None,
    state: subscriptions.State | None,
    new_secret: bool,
    new_token_secret: bool,
    as_json: bool,
) -> None:
    """Change what is given, and keep the rest; new secrets are shown, this once.

    \b
    Example:
      conserje subscription change 3 --kind lead.created --kind lead.given
      conserje subscription change 3 --new-secret
    """
    if kinds and all_kinds:
        raise click.UsageError("Give --kind or --all-kinds.")
    made: dict[str, str] = {}
    if new_secret:
        made["secret"] = signing.new_secret()
    if new_token_secret:
        made["token_secret"] = Secrets.new().token
    wanted = Change(url, kinds or ([] if all_kinds else None), ordered, state, **made)
    if wanted == Change():
        raise click.UsageError("Nothing is to be changed: see `conserje subscription change --help`.")
    async with installation.pool.acquire() as connection, connection.transaction():
        there = await subscriptions.find(connection, id)
        changed = await subscriptions.change(connection, installation.vault, there.tenant_id, id, wanted)
    if made:
        _show_secrets(changed, made, as_json)
    elif as_json:
        show_json(_fields(changed))
    else:
        click.echo(f"Subscription {id} is changed.")


@subscription.command()
@id_argument
@json_option
@with_installation
async def remove(installation: Installation, id: int, as_json: bool) -> None:
    """Tell nothing more, and forget what was told.

    \b
    Example:
      conserje subscription remove 3
    """
    async with installation.pool.acquire() as connection, connection.transaction():
        there = await subscriptions.find(connection, id)
        await subscriptions.remove(connection, there.tenant_id, id)
    if as_json:
        show_json({"id": id, "removed": True})
    else:
        click.echo(f"Subscription {id} is removed.")


@subscription.command()
@id_argument
@json_option
@with_installation
async def test(installation: Installation, id: int, as_json: bool) -> None:
    """Tell it something that says nothing, and say what is wrong; once a minute.

    \b
    Example:
      conserje subscription test 3
    """
    from conserje.notices import posting  # which loads the client of other machines

    async with installation.pool.acquire() as connection:
        there = await subscriptions.find(connection, id)
    answer = await posting.test(installation.pool, installation.vault, installation.settings, there)
    if as_json:
        show_json({"id": id, "status": answer.status, "answer": answer.said, "cause": answer.cause})
    if answer.cause:
        raise Failed(answer.cause)
    if not as_json:
        click.echo(f"Subscription {id} has taken it ({answer.status}).")


@subscription.group()
def host() -> None:
    """Say which hosts outside the public internet a tenant's subscriptions may name."""


@host.command("add")
@click.argument("slug")
@click.argument("url")
@json_option
@with_installation
async def add_host(installation: Installation, slug: str, url: str, as_json: bool) -> None:
    """Let the tenant name the scheme, host and port of URL, wherever that is.

    \b
    Example:
      conserje subscription host add acme http://n8n.internal:5678
    """
    place = Host.of(url)
    async with installation.pool.acquire() as connection:
        await hosts.add(connection, (await tenants.get(connection, slug)).id, place)
    show_json({"tenant": slug, "host": str(place)}) if as_json else click.echo(f"{slug} may name {place}.")


@host.command("list")
@click.argument("slug")
@json_option
@with_installation
async def list_hosts(installation: Installation, slug: str, as_json: bool) -> None:
    """List the hosts that a tenant may name although they are not public.

    \b
    Example:
      conserje subscription host list acme
    """
    async with installation.pool.acquire() as connection:
        found = await hosts.list_all(connection, (await tenants.get(connection, slug)).id)
    rows = [{"scheme": each.scheme, "host": each.host, "port": each.port} for each in found]
    show_rows(rows, as_json, f"{slug} may name public hosts alone.")


@host.command("remove")
@click.argument("slug")
@click.argument("url")
@json_option
@with_installation
async def remove_host(installation: Installation, slug: str, url: str, as_json: bool) -> None:
    """Let the tenant name it no more; what it is still to be told there is told no more, either.

    \b
    Example:
      conserje subscription host remove acme http://n8n.internal:5678
    """
    place = Host.of(url)
    async with installation.pool.acquire() as connection:
        await hosts.remove(connection, (await tenants.get(connection, slug)).id, place)
    show_json({"tenant": slug, "host": str(place)}) if as_json else click.echo(
        f"{slug} may not name {place}."
    )


def _fields(each: Subscription) -> dict[str, Any]:
    return {
        "id": each.id,
        "tenant": each.slug,
        "url": each.url,
        "kinds": list(each.kinds),
        "ordered": each.ordered,
        "state": each.state,
        "failing_since": each.failing_since and each.failing_since.isoformat(timespec="seconds"),
        "cause": each.cause,
    }
