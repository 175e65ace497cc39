"""`/livez` (or `/health`) and `/readyz`: whether this process lives, and the installation can work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conserje.conversations import illness, retention
from conserje.notices import subscriptions
from conserje.operations import journal, shelf
from conserje.plugins import fences, running
from conserje.settings import SettingsError
from conserje.storage import silence
from conserje.storage.database import CANNOT_ASK, DatabaseError, describe
from conserje.storage.deadline import within
from conserje.storage.pool import ping
from conserje.storage.schema import refuse_other_schema
from conserje.storage.sqlite import NodeFileError
from conserje.storage.stillness import explained
from conserje.telemetry import heartbeat
from conserje.tenants import accounts, assistants, tenants
from conserje.tenants.data_keys import check_keyring
from conserje.tenants.keyring import VaultError
from conserje.tenants.vault import Vault
from conserje_edge.operator.auth import ALIVE, caller
from conserje_edge.operator.context import OperatorContext
from conserje_edge.wire.addresses import Address, address

LIMIT = 2.0  # seconds for all checks, which run beside each other
EDGE_LIMIT = 1.5
SHOWN = 5  # accounts that are ill
MOST_NAMED = 5  # tenants whose assistants cannot answer
QUESTION = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Unready(Exception):
    """A check fails; the text says what to do."""


class Odd(Exception):
    """A check found what hurts some tenants only; the text says what to do."""


def alive_routes() -> list[Route]:
    """What each listener answers of itself."""
    return [Route(path, _livez) for path in sorted(ALIVE)]


def routes(context: OperatorContext) -> list[Route]:
    async def readyz(request: Request) -> Response:
        caller(request).require("read")
        return await ready(context)

    return [*alive_routes(), Route("/readyz", readyz)]


async def _livez(request: Request) -> Response:
    return JSONResponse({"alive": True})


async def ready(context: OperatorContext) -> Response:
    """200 or 503, and what each check says."""
    said = await asyncio.gather(*(_checked(check, context) for check in CHECKS.values()))
    fine = all(each["ok"] for each in said)
    return JSONResponse({"ready": fine, "checks": dict(zip(CHECKS, said, strict=True))}, 200 if fine else 503)


async def _checked(
    check: Callable[[OperatorContext], Awaitable[None]], context: OperatorContext
) -> dict[str, Any]:
    async def run() -> None:
        await check(context)

    try:
        await within(LIMIT, run())
    except Odd as odd:
        return {"ok": True, "warning": str(odd)}
    except (Unready, DatabaseError, NodeFileError, VaultError, SettingsError) as error:
        return {"ok": False, "detail": str(error)}
    except (*CANNOT_ASK, asyncpg.PostgresError) as error:
        if check in (
            _processes,
            _assistants,
            _tools,
            _subscriptions,
            _keeping,
            _silence,
        ):  # the other checks say so
            return {"ok": True}
        away = f"Postgres cannot be asked ({describe(error)}): see that it runs at CONSERJE_DATABASE_URL"
        return {"ok": False, "detail": f"{explained(error, away)}."}
    return {"ok": True}


async def _postgres(context: OperatorContext) -> None:
    await ping(context.pool)


async def _migrations(context: OperatorContext) -> None:
    async with context.pool.acquire() as connection:
        await silence.refuse_unfinished(connection)
        await refuse_other_schema(connection)


async def _keyring(context: OperatorContext) -> None:
    vault = Vault.read(context.settings.keyring)  # as a process that starts now would read it
    async with context.pool.acquire() as connection:
        await check_keyring(connection, vault)


async def _plugins(context: OperatorContext) -> None:
    if odd := [*_broken(context), *_fenced(context)]:
        raise Odd(" ".join(odd))


async def _processes(context: OperatorContext) -> None:
    """What others go without, and this one does not: what did not start there."""
    here = context.plugins.broken
    for process in await running.processes(context.pool):
        if wrong := [each for each in process.plugins or () if each.wrong and each.name not in here]:
            without = "; ".join(f"{each.name} {each.wrong}" for each in wrong)
            raise Odd(f"{process.name} goes without plugins: mend that, and start it again ({without}).")


async def _assistants(context: OperatorContext) -> None:
    async with context.pool.acquire() as connection:
        if found := await assistants.unready(connection, context.plugins, MOST_NAMED):
            raise Odd("Assistants cannot answer, and the fallback does: " + " ".join(found))


async def _tools(context: OperatorContext) -> None:
    async with context.pool.acquire() as connection:
        if found := await assistants.unready_tools(connection, context.plugins, MOST_NAMED):
            raise Odd("Assistants go without tools that are switched on: " + " ".join(found))


def _broken(context: OperatorContext) -> Iterator[str]:
    if context.plugins.broken:
        broken = "; ".join(f"{name} {why}" for name, why in sorted(context.plugins.broken.items()))
        yield f"Plugins are broken: install them again, or remove them ({broken})."


def _fenced(context: OperatorContext) -> Iterator[str]:
    if standing := fences.of_node(context.settings.data_dir).standing():
        fenced = "; ".join(f"{fence.plugin} is {fence}" for fence in standing)
        yield f"Plugins stood still: mend them, then `conserje plugin resume NAME` ({fenced})."


async def _accounts(context: OperatorContext) -> None:
    async with context.pool.acquire() as connection:
        ill = await illness.of_all(connection, SHOWN + 1)
        withheld = await accounts.withheld(connection, SHOWN)
    odd = [f"Tools withhold something ({each})." for each in withheld]
    if ill:
        named = "; ".join(f"{each.slug} {each.channel} {each.address}: {each.cause}" for each in ill[:SHOWN])
        more = "; and more" if len(ill) > SHOWN else ""
        odd.append(f"Accounts are ill: mend them, then `conserje account check` ({named}{more}).")
    if odd:
        raise Odd(" ".join(odd))


async def _subscriptions(context: OperatorContext) -> None:
    async with context.pool.acquire() as connection:
        off = await subscriptions.off(connection, SHOWN + 1)
    if off:
        named = "; ".join(f"{each.id} of {each.slug or 'all'}: {each.cause}" for each in off[:SHOWN])
        more = "; and more" if len(off) > SHOWN else ""
        raise Odd(
            f"Subscriptions are off: mend their receivers, then `conserje subscription change ID --on`"
            f" ({named}{more})."
        )


async def _keeping(context: OperatorContext) -> None:
    async with context.pool.acquire() as connection:
        keeping_all, first = await tenants.keeping_all(connection)
        going = await retention.rejects_going(connection)
    odd = []
    if keeping_all:
        odd.append(
            f"Nobody has said how long messages are kept, so they stay for ever ({keeping_all} tenants,"
            f" {first} first): `conserje tenant set {first} --keep-messages 365d`, or `ever`."
        )
    if going:
        odd.append(f"What nobody could read goes within 7 days ({going}): see `conserje held list`.")
    if odd:
        raise Odd(" ".join(odd))


async def _backups(context: OperatorContext) -> None:
    if folder := context.settings.backups:
        node = shelf.node_of(context.settings.data_dir)
        said = (
            await asyncio.to_thread(shelf.warning, folder, node),
            await asyncio.to_thread(journal.warning, folder),
        )
        if odd := list(filter(None, said)):
            raise Odd(" ".join(odd))


async def _silence(context: OperatorContext) -> None:
    if standing := await silence.standing(context.pool):
        raise Odd(str(standing))


async def _spool(context: OperatorContext) -> None:
    if spool := context.intake.spool:
        await spool.check()


async def _edge(context: OperatorContext) -> None:
    where = address(context.settings.listen)
    try:
        async with asyncio.timeout(EDGE_LIMIT):
            answered = await _answers(where)
    except OSError:  # also the time limit
        answered = False
    if not answered:
        raise Unready(f"Nobody answers at {where} (CONSERJE_LISTEN): see what `conserje serve` logs.")


async def _answers(where: Address) -> bool:
    """Whether somebody speaks HTTP there."""
    if where.path:
        reader, writer = await asyncio.open_unix_connection(where.path)
    else:
        reader, writer = await asyncio.open_connection(where.host, where.port)
    try:
        writer.write(QUESTION)
        return (await reader.read(5)).startswith(b"HTTP/")
    finally:
        writer.close()


async def _worker(context: OperatorContext) -> None:
    if not any(process.kind == "work" for process in await heartbeat.living(context.pool)):
        seconds = heartbeat.LIVING.total_seconds()
        raise Unready(f"`conserje work` was not seen for {seconds:g} s: start one.")


CHECKS: dict[str, Callable[[OperatorContext], Awaitable[None]]] = {
    "postgres": _postgres,
    "migrations": _migrations,
    "keyring": _keyring,
    "plugins": _plugins,
    "processes": _processes,
    "accounts": _accounts,
    "subscriptions": _subscriptions,
    "assistants": _assistants,
    "tools": _tools,
    "keeping": _keeping,
    "backups": _backups,
    "silence": _silence,
    "spool": _spool,
    "edge": _edge,
    "worker": _worker,
}
