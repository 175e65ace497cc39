"""An installation as its operator has it: processes of its own, tenants at a stand-in for Twilio."""

from __future__ import annotations

import asyncio
import itertools
import json
import secrets
import sqlite3
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from processes import Running, Serving, bare_environment, free_port, run_to_end, running, serving
from twilio.request_validator import RequestValidator
from waiting import LIMIT, SETTLED, until

from conserje.contract.message import File, Media
from conserje.conversations.rows import stored
from conserje.files.folder import path_of
from conserje.storage.database import Pool
from conserje.tenants import accounts, tenants
from conserje.tenants.vault import Vault
from conserje_fakes import server as stand_in_server
from conserje_fakes.twilio import Fault, create
from conserje_fakes.twilio_messages import StandIn, TwilioAccount

KEEP = """
INSERT INTO files (tenant_id, account_id, conversation_id, message_id, position, ref,
                   name, content_type, state, bytes, sha256, kept_at)
SELECT tenant_id, account_id, conversation_id, messages.id, 0, 'x', $2, $3, 'kept', $4, '', now()
FROM messages JOIN tenants ON tenants.id = tenant_id WHERE slug = $1 AND direction = 'in'
RETURNING tenant_id, id, message_id
"""


@dataclass
class Installation:
    """What the processes share, and what the test does from outside."""

    url: str
    pool: Pool
    vault: Vault
    environment: dict[str, str]
    twilio: StandIn
    faults: deque[Fault]
    accounts: dict[str, TwilioAccount] = field(default_factory=dict)
    _serial: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def folder(self) -> Path:
        return Path(self.environment["CONSERJE_DATA_DIR"])

    def serving(self) -> AbstractAsyncContextManager[Serving]:
        return serving(self.environment)

    def working(self, **more: str) -> AbstractAsyncContextManager[Running]:
        return running(self.environment | more, "work", log=self.folder / "work.log")

    async def read(self, *command: str) -> Any:
        """What a command prints as JSON."""
        code, output, errors = await run_to_end(self.environment, *command, "--json")
        assert code == 0, errors
        return json.loads(output)

    async def add(
        self, slug: str, assistant: str = "echo", quiet: str = "0", prefix: str = "whatsapp:"
    ) -> None:
        """A tenant with an account at Twilio."""
        number = f"{prefix}+5690{next(self._serial):07}"
        account = TwilioAccount("AC" + secrets.token_hex(16), secrets.token_hex(16), [number])
        async with self.pool.acquire() as connection, connection.transaction():
            tenant = await tenants.add(connection, slug, slug.title(), assistant=assistant)
            await connection.execute(
                "UPDATE tenants SET quiet_period = $2::text::interval WHERE id = $1", tenant.id, quiet
            )
            sealed = await accounts.seal_credentials(
                connection, self.vault, tenant.id, "twilio", number, credentials(account)
            )
            await accounts.add(connection, tenant.id, "twilio", number, credentials=sealed)
        self.know(slug, account)

    async def add_at_meta(self, slug: str, number: str, access_token: str, app_secret: str) -> None:
        """A tenant with a number at Meta, and an app of its own."""
        held = json.dumps({"access_token": access_token, "app_secret": app_secret}).encode()
        async with self.pool.acquire() as connection, connection.transaction():
            tenant = await tenants.add(connection, slug, slug.title())
            sealed = await accounts.seal_credentials(connection, self.vault, tenant.id, "meta", number, held)
            await accounts.add(connection, tenant.id, "meta", number, credentials=sealed)

    def know(self, slug: str, account: TwilioAccount) -> None:
        """Let Twilio have the tenant's account."""
        self.accounts[slug] = self.twilio.accounts[account.account_sid] = account

    def message(self, slug: str, sender: str, text: str, **fields: str) -> bytes:
        """The request that Twilio posts when `sender` writes `text`."""
        account = self.accounts[slug]
        form = self.twilio.inbound(account.numbers[0], sender, text, **fields)
        return self.request(slug, form)

    def request(self, slug: str, form: dict[str, str], path: str = "webhook", token: str = "") -> bytes:
        """A form as Twilio posts it, signed by the account's token or by another."""
        port = self.environment["CONSERJE_LISTEN"].rpartition(":")[2]
        host, target = f"{slug}.localhost:{port}", f"/bot/twilio/{path}"
        validator = RequestValidator(token or self.accounts[slug].auth_token)  # type: ignore[no-untyped-call]
        signature = validator.compute_signature(f"http://{host}{target}", form)  # type: ignore[no-untyped-call]
        body = urlencode(form)
        return (
            f"POST {target} HTTP/1.1\r\nHost: {host}\r\nX-Twilio-Signature: {signature}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    async def keep(self, slug: str, name: str, content_type: str, content: bytes) -> Path:
        """Make of the tenant's only message from a contact a file that is kept; where it lies."""
        row = await self.pool.fetchrow(KEEP, slug, name, content_type, len(content))
        assert row is not None
        said = stored(Media((File(f"kept:{row['id']}", content_type, name),)))
        await self.pool.execute("UPDATE messages SET content = $1 WHERE id = $2", said, row["message_id"])
        path = path_of(self.folder / "files", row["tenant_id"], row["id"])
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
        return path

    @property
    def replies(self) -> Counter[tuple[str, str]]:
        """How often Twilio was handed which text for whom."""
        return Counter((message.to, message.body) for message in self.twilio.messages)

    def is_spooled(self) -> bool:
        """Whether a node still has events that Postgres has not."""
        return any(map(_holds_events, self.folder.rglob("events.sqlite")))

    async def states(self) -> dict[str, str]:
        """The state of each reply, by its text."""
        rows = await self.pool.fetch("SELECT content, state FROM messages WHERE direction = 'out'")
        return {json.loads(row["content"])["text"]: row["state"] for row in rows}

    async def until_settled(self, limit: float = LIMIT) -> None:
        """Until nothing waits for an answer or for its fate, nor in a node's spool."""

        async def settled() -> bool:
            return not self.is_spooled() and bool(await self.pool.fetchval(SETTLED))

        await until(settled, limit)


def _holds_events(spool: Path) -> bool:
    with closing(sqlite3.connect(spool, timeout=LIMIT)) as connection:
        return bool(connection.execute("SELECT EXISTS (SELECT 1 FROM events)").fetchone()[0])


def credentials(account: TwilioAccount) -> bytes:
    return json.dumps({"account_sid": account.account_sid, "auth_token": account.auth_token}).encode()


async def until_taken(server: Serving, request: bytes) -> None:
    """Post as a patient provider does: again, until it is acknowledged."""
    while True:
        try:
            if 200 <= await server.status(request) < 300:
                return
        except (OSError, IndexError):  # refused, reset, or closed without an answer
            pass
        await asyncio.sleep(0.05)


@asynccontextmanager
async def install(
    pool: Pool, url: str, keyring: Path, *, edge_workers: int = 1
) -> AsyncIterator[Installation]:
    """An installation on this database, with nothing running yet but Twilio."""
    app = create((), late=0.5)
    async with stand_in_server.serving(app) as base_url:
        environment = bare_environment() | {
            "CONSERJE_DATABASE_URL": url,
            "CONSERJE_MASTER_KEYS_FILE": str(keyring),
            "CONSERJE_DATA_DIR": str(keyring.parent.parent),
            "CONSERJE_LISTEN": f"127.0.0.1:{free_port()}",
            "CONSERJE_OPERATOR_LISTEN": str(keyring.parent.parent / "operator.sock"),
            "CONSERJE_CONSOLE_LISTEN": str(keyring.parent.parent / "console.sock"),
            "CONSERJE_WORKERS": str(edge_workers),
            "CONSERJE_TWILIO_BASE_URL": base_url,
        }
        yield Installation(url, pool, Vault.read(keyring), environment, app.state.stand_in, app.state.faults)
