"""Twilio in front of nginx: signed webhooks over TLS, and what became of each try."""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from installation import Installation, install
from nginx.gate import BASE, Gate, certify, nginx
from twilio.request_validator import RequestValidator
from waiting import LIMIT, until

from conserje.storage.pool import connect_pool
from conserje.tenants.keyring import create_keyring
from conserje_fakes.twilio_messages import TwilioAccount

PATH = "/bot/twilio/webhook"
PAUSE = 0.1  # seconds between the tries
WRITERS = 4
PACE = 0.1  # seconds between a writer's messages: a load, not an overload


@dataclass
class Twilio:
    """Posts as Twilio does that was told to try again for any reason (`#rc=5&rp=all`): on new connections."""

    installation: Installation
    slug: str
    gate: Gate
    context: ssl.SSLContext
    answers: Counter[int] = field(default_factory=Counter)
    tries_without_answer: int = 0
    taken: list[str] = field(default_factory=list)
    _over: bool = False
    _serial: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def name(self) -> str:
        return f"{self.slug}.{BASE}"

    @property
    def host(self) -> str:
        return f"{self.name}:{self.gate.https_port}"

    @property
    def account(self) -> TwilioAccount:
        return self.installation.accounts[self.slug]

    def message(self, sender: str, text: str) -> bytes:
        """The request that is posted when `sender` writes `text`."""
        form = self.installation.twilio.inbound(self.account.numbers[0], sender, text)
        return signed(self.account, self.host, form)

    async def post(self, request: bytes) -> int | None:
        """The status of one try; None where there was no answer."""
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.gate.https_port, ssl=self.context, server_hostname=self.name
            )
            try:
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
            finally:
                writer.close()
        except (OSError, EOFError):
            self.tries_without_answer += 1
            return None
        status = int(head.split(b" ", 2)[1])
        assert status != 503 or b"\r\nRetry-After: " in head, head
        self.answers[status] += 1
        return status

    async def write(self) -> None:
        """A message of somebody new, posted until it is taken."""
        contact = f"whatsapp:+5698{next(self._serial):07}"
        request = self.message(contact, contact)
        async with asyncio.timeout(LIMIT):
            while await self.post(request) != 200:
                await asyncio.sleep(PAUSE)
        self.taken.append(contact)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """People write for as long as the block runs."""

        async def go_on() -> None:
            while not self._over:
                await self.write()
                await asyncio.sleep(PACE)

        async with asyncio.TaskGroup() as writers:
            for _ in range(WRITERS):
                writers.create_task(go_on())
            try:
                yield
            finally:
                self._over = True

    async def more(self, count: int) -> None:
        """Until so many more messages are taken."""
        enough = len(self.taken) + count
        await until(lambda: len(self.taken) >= enough)

    async def see_all_answered(self) -> None:
        """Each message that was taken is answered once, and none else."""
        # Where Postgres was slow for a second, some are still in the node's spool.
        await until(lambda: len(self.answered) >= len(self.taken))
        await self.installation.until_settled()
        assert sorted(self.answered) == sorted(self.taken)

    @property
    def answered(self) -> list[str]:
        """Who was sent a reply by this tenant."""
        numbers = self.account.numbers
        return [each.to for each in self.installation.twilio.messages if each.sender in numbers]

    def connect(self, address: str = "127.0.0.1", session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        """A connection to keep, which costs far less than asyncio's."""
        plain = socket.create_connection(
            ("127.0.0.1", self.gate.https_port), timeout=LIMIT, source_address=(address, 0)
        )
        return self.context.wrap_socket(plain, server_hostname=self.name, session=session)


def signed(account: TwilioAccount, host: str, form: dict[str, str]) -> bytes:
    """The request by which Twilio posts a form to a tenant's host."""
    validator = RequestValidator(account.auth_token)  # type: ignore[no-untyped-call]
    signature = validator.compute_signature(f"https://{host}{PATH}", form)  # type: ignore[no-untyped-call]
    body = urlencode(form)
    return (
        f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nX-Twilio-Signature: {signature}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


@asynccontextmanager
async def installed(
    new_database: Callable[[], AbstractAsyncContextManager[str]], folder: Path
) -> AsyncIterator[Installation]:
    """An installation for the hosts below BASE, with nothing running yet."""
    keyring = folder / "keys" / "master.json"
    create_keyring(keyring)
    async with (
        new_database() as url,
        await connect_pool(url) as pool,
        install(pool, url, keyring) as installation,
    ):
        installation.environment["CONSERJE_DOMAINS"] = BASE
        installation.twilio.habit = "none"  # it cannot find the hosts
        yield installation


@asynccontextmanager
async def behind_nginx(
    installation: Installation,
    folder: Path,
    upstream: str,
    *slugs: str,
    instead: Mapping[str, str] | None = None,
) -> AsyncIterator[list[Twilio]]:
    """nginx in front of these listeners, and in front of it Twilio, for each of these new tenants."""
    for slug in slugs:
        await installation.add(slug)
    certificates = folder / "certificates"
    context = certify(certificates)
    async with nginx(folder / "nginx", upstream, "127.0.0.1:9", certificates, instead=instead) as gate:
        yield [Twilio(installation, slug, gate, context) for slug in slugs]


def read_until(connection: ssl.SSLSocket, end: bytes) -> bytes:
    """What comes up to and with `end`, and perhaps more. Raises EOFError."""
    seen = b""
    while end not in seen:
        if not (part := connection.recv(65536)):
            raise EOFError(seen)
        seen += part
    return seen
