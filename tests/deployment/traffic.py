"""What comes in while an operator works on the machine: webhooks and pages, through nginx with TLS."""

from __future__ import annotations

import asyncio
import itertools
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

from installation import Installation
from nginx.gate import BASE, Gate
from twilio.request_validator import RequestValidator
from waiting import LIMIT, until

PATH = "/bot/twilio/webhook"
CONTACTS = 6  # at once
TEXTS = 20  # of a contact: one that wrote on and on would be taken for a machine
PACE = 0.12  # seconds between two requests of a contact: a load, not an overload
VISITS = 0.1  # seconds between two looks at the page: nginx lets one address have twice as many


@dataclass
class Traffic:
    """Each request has a connection of its own, and nobody asks twice."""

    installation: Installation
    gate: Gate
    trust: ssl.SSLContext
    answers: Counter[str] = field(default_factory=Counter)
    written: Counter[tuple[str, str]] = field(default_factory=Counter)  # by contact and text
    over: bool = False
    _serial: itertools.count[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def going_on(self, slug: str) -> AsyncIterator[None]:
        host = f"{slug}.{BASE}:{self.gate.https_port}"
        async with asyncio.TaskGroup() as everybody:
            for _ in range(CONTACTS):
                everybody.create_task(self._go_on(PACE, lambda: self._write(slug, host)))
            everybody.create_task(self._go_on(VISITS, lambda: self._visit(host)))
            try:
                yield
            finally:
                self.over = True

    async def more(self, count: int = 30) -> None:
        """Until so many more requests are answered."""
        enough = self.answers.total() + count
        await until(lambda: self.answers.total() >= enough)

    async def _go_on(self, pace: float, ask: Callable[[], Awaitable[None]]) -> None:
        while not self.over:
            await ask()
            await asyncio.sleep(pace)

    async def _write(self, slug: str, host: str) -> None:
        number = next(self._serial)
        contact, text = f"whatsapp:+5697{number // TEXTS:07}", f"palabra {number}"
        account = self.installation.accounts[slug]
        form = self.installation.twilio.inbound(account.numbers[0], contact, text)
        validator = RequestValidator(account.auth_token)  # type: ignore[no-untyped-call]
        signature = validator.compute_signature(f"https://{host}{PATH}", form)  # type: ignore[no-untyped-call]
        body = urlencode(form)
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
            f"X-Twilio-Signature: {signature}\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        answer = await self._ask(head + body, host)
        self.answers[f"webhook {answer}"] += 1
        self.written[contact, text] += 1

    async def _visit(self, host: str) -> None:
        answer = await self._ask(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n", host)
        self.answers[f"page {answer}"] += 1

    async def _ask(self, request: str, host: str) -> str:
        """The status, or how the request was lost."""
        try:
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", self.gate.https_port, ssl=self.trust, server_hostname=host.partition(":")[0]
            )
            writer.write(request.encode())
            answer = await asyncio.wait_for(reader.read(), LIMIT)
            writer.close()
        except OSError as error:  # also the time limit
            return type(error).__name__
        return answer[9:12].decode() or "nothing"
