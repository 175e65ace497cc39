"""Marked secrets in every place that holds one, and a search for the marks wherever something is written."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import get_args

import asyncpg
import pytest
from installation import Installation, until_taken
from processes import Serving, family
from terminal import Terminal
from waiting import until

from conserje.tenants import accounts, tenants
from conserje.tenants.keyring import read_keyring
from conserje_fakes import server as stand_in_server
from conserje_fakes.openai import Fault as OpenAIFault
from conserje_fakes.openai import StandIn as OpenAI
from conserje_fakes.twilio import Fault
from conserje_fakes.twilio_messages import TwilioAccount

ANA = "whatsapp:+56911111111"
TABLES = """
SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname IN ('public', 'pgqueuer')
"""
ON_ITS_WAY = """
SELECT count(*) FROM messages WHERE direction = 'in' AND turn_id IS NULL OR state IN ('queued', 'sending')
"""
TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = session_user AND pid <> pg_backend_pid()
"""


def disguises(secret: bytes) -> Iterator[bytes]:
    """The secret in clear, in hex, and as it may stand inside of base64."""
    yield secret
    yield secret.hex().encode()
    for offset in range(3):
        # Without the characters that hold bits of what stands before and after.
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(b"\0" * offset + secret)[-(-offset * 8 // 6) : -4]


def found(planted: dict[str, bytes], text: bytes) -> set[str]:
    return {name for name, secret in planted.items() for look in disguises(secret) if look in text}


def test_the_search_finds_a_secret_in_every_disguise() -> None:
    planted = {"token": secrets.token_bytes(16)}
    for before in (b"", b"a", b"ab", b"abc"):
        text = before + planted["token"] + b"and more"
        for written in (text, text.hex().encode(), base64.b64encode(text)):
            assert found(planted, b"..." + written) == {"token"}
    assert found(planted, secrets.token_bytes(16).hex().encode()) == set()


@pytest.mark.new_database
async def test_promise_7_no_secret_is_in_logs_tables_answers_or_arguments(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "conserje.telemetry.log.set_up", lambda level: None
    )  # the log of this process is pytest's
    planted = await plant(installation)
    terminal = Terminal(installation.environment)
    openai = OpenAI(frozenset({planted["openai key"].decode()}))
    async with stand_in_server.serving(openai.app()) as url:
        installation.environment["CONSERJE_OPENAI_BASE_URL"] = url + "/v1"
        installation.environment["CONSERJE_OPENAI_MODE"] = "responses"
        async with installation.serving() as server, installation.working() as worker:
            written = [await server.raw(request) for request in requests(installation, planted)]
            assert {int(answer.split(b" ")[1]) for answer in written} == {200, 204, 400, 403, 404, 503}
            await fail(installation, server, openai)
            written += [(await terminal.type(*command)).output.encode() for command in COMMANDS]
            members = [*family(server.pid), *family(worker.pid)]
            assert len(members) >= 3  # a server, its worker, a worker for turns
            written += [Path(f"/proc/{member}/cmdline").read_bytes() for member in members]
        written += [server.log.read_bytes(), worker.log.read_bytes()]
        for command, wrong in mistakes(planted):
            written.append((await terminal.type(*command, code=1, **wrong)).output.encode())
    written += [row async for row in rows(installation)]
    assert found(planted, b"\n".join(written)) == set()


COMMANDS = (
    ("message", "list", "shop", "--json"),
    ("message", "list", "model", "--json"),
    ("held", "list", "--json"),
    ("tenant", "show", "shop"),
    ("account", "list", "shop", "--json"),
    ("plugin", "list", "--json"),
)


async def plant(installation: Installation) -> dict[str, bytes]:
    """Put a marked secret wherever one is kept; what was planted, by name."""
    [master] = read_keyring(Path(installation.environment["CONSERJE_MASTER_KEYS_FILE"]))
    planted = {name: secrets.token_hex(16) for name in NAMES}
    installation.environment |= {
        "CONSERJE_DATABASE_URL": installation.url.replace("@", f":{planted['database password']}@", 1),
        "CONSERJE_LOG_LEVEL": "debug",
        "CONSERJE_SEND_LIMIT": "4",
        "CONSERJE_TWILIO_ACCOUNT_SID": "AC" + "5" * 32,
        "CONSERJE_TWILIO_AUTH_TOKEN": planted["shared token"],
        "CONSERJE_OPENAI_API_KEY": planted["shared openai key"],
    }
    token, next_token = planted["auth token"], planted["next token"]
    account = TwilioAccount("AC" + "6" * 32, next_token, ["whatsapp:+56900000001"])
    both = {"account_sid": account.account_sid, "auth_token": token, "next_auth_token": next_token}
    await add(installation, "shop", "echo", account, both)
    own = TwilioAccount("AC" + "7" * 32, token, ["whatsapp:+56900000002"])
    await add(installation, "model", "openai", own, {"account_sid": own.account_sid, "auth_token": token})
    await add_account(installation, "model", "openai", "own", {"api_key": planted["openai key"]})
    # One whose key is refused, one of no shape, one sealed for somebody else.
    shared = TwilioAccount("AC" + "5" * 32, planted["shared token"], ["whatsapp:+56900000003"])
    await add(installation, "poor", "openai", shared, None)
    odd = TwilioAccount("AC" + "8" * 32, token, ["whatsapp:+56900000004"])
    await add(installation, "odd", "echo", odd, {"account_sid": token, "auth_token": token, token: token})
    moved = TwilioAccount("AC" + "9" * 32, token, ["whatsapp:+56900000005"])
    await add(installation, "moved", "echo", moved, {"account_sid": moved.account_sid, "auth_token": token})
    await installation.pool.execute(
        "UPDATE accounts SET credentials = (SELECT credentials FROM accounts WHERE address LIKE '%01')"
        " WHERE address LIKE '%05'"
    )
    return {
        **{name: secret.encode() for name, secret in planted.items()},
        "master key": master.key,
        "the beginning of a refused key": planted["shared openai key"][:8].encode(),
    }


NAMES = (
    "auth token",
    "next token",
    "openai key",
    "shared token",
    "shared openai key",
    "database password",
    "forged signature",
    "authorization",
    "mistyped",
)


async def add(
    installation: Installation,
    slug: str,
    assistant: str,
    account: TwilioAccount,
    plain: dict[str, str] | None,
) -> None:
    """A tenant with an account at Twilio, and credentials as they are given."""
    await installation.pool.execute(
        "INSERT INTO tenants (slug, name, assistant, quiet_period) VALUES ($1, $1, $2, '0')", slug, assistant
    )
    await add_account(installation, slug, "twilio", account.numbers[0], plain)
    installation.know(slug, account)


async def add_account(
    installation: Installation, slug: str, channel: str, address: str, plain: dict[str, str] | None
) -> None:
    async with installation.pool.acquire() as connection:
        tenant = await tenants.get(connection, slug)
        sealed = plain and await accounts.seal_credentials(
            connection, installation.vault, tenant.id, channel, address, json.dumps(plain).encode()
        )
        await accounts.add(connection, tenant.id, channel, address, credentials=sealed or None)


def requests(installation: Installation, planted: dict[str, bytes]) -> Iterator[bytes]:
    """Good ones and bad ones; every signature that is used becomes a secret, too."""
    for slug in ("shop", "model", "poor", "odd", "moved"):
        yield installation.message(slug, ANA, f"hola {slug}")
    good = installation.message("shop", ANA, "hola")
    account = installation.accounts["shop"]
    signature = re.search(rb"X-Twilio-Signature: (.*)\r\n", good)
    assert signature
    planted["signature"] = signature[1]
    yield good
    yield good.replace(signature[1], planted["forged signature"])
    bearer = b"Authorization: Bearer " + planted["authorization"] + b"\r\nX-Twilio"
    yield good.replace(b"X-Twilio", bearer, 1)
    yield good.replace(b"x-www-form-urlencoded", b"json").replace(b"X-Twilio", bearer, 1)
    yield good.replace(b"/bot/twilio/", b"/bot/nobody/").replace(b"X-Twilio", bearer, 1)
    status = {"AccountSid": account.account_sid, "From": account.numbers[0], "MessageStatus": "none"}
    yield installation.request("shop", status, "status")  # kept as unreadable


async def fail(installation: Installation, server: Serving, openai: OpenAI) -> None:
    """Let everything go wrong that a provider, a model and Postgres can do."""
    await until_nothing_is_on_its_way(installation)
    for number, fault in enumerate(get_args(Fault)):
        installation.faults.append(fault)
        assert await server.status(installation.message("shop", f"{ANA[:-1]}{number}", fault)) == 200
        await until(lambda: not installation.faults)
    flaws: list[tuple[OpenAIFault, ...]] = [("500", "500"), ("html",), ("shapeless",)]  # one is tried again
    for flaw in flaws:
        openai.faults.extend(flaw)
        assert await server.status(installation.message("model", ANA, flaw[0])) == 200
        await until(lambda: not openai.faults)
        await until_nothing_is_on_its_way(installation)
    administrator = await asyncpg.connect(installation.url)
    await administrator.execute(TERMINATE)
    await administrator.close()
    await until_taken(server, installation.message("shop", ANA, "despierta"))
    await until(lambda: "despierta" in [message.body for message in installation.twilio.messages])


async def until_nothing_is_on_its_way(installation: Installation) -> None:
    async def none() -> bool:
        return not await installation.pool.fetchval(ON_ITS_WAY)

    await until(none)


def mistakes(planted: dict[str, bytes]) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
    """Commands that cannot work, with the settings that are wrong."""
    elsewhere = f"postgresql://conserje:{planted['database password'].decode()}@127.0.0.1:1/conserje"
    for command in (("serve",), ("work",), ("up",), ("migrate",), ("tenant", "list")):
        yield command, {"DATABASE_URL": elsewhere}
    yield ("plugin", "list"), {"TWILIO_ACCOUNT_SID": ""}
    yield ("tenant", "list"), {"TWILIO_AUTHTOKEN": planted["mistyped"].decode()}
    yield ("tenant", "list"), {"WORKERS": planted["mistyped"].decode()}


async def rows(installation: Installation) -> AsyncIterator[bytes]:
    """Every row of every table, the queue's and its log's as well."""
    tables = [row[0] for row in await installation.pool.fetch(TABLES)]
    assert {"public.messages", "public.rejects", "pgqueuer.pgqueuer_log"} <= set(tables)
    for table in tables:
        for row in await installation.pool.fetch(f"SELECT t::text FROM {table} AS t"):
            yield row[0].encode()
