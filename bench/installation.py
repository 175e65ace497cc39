"""A whole installation: `serve`, as many `work` as wanted, and the provider's stand-in in this process."""

from __future__ import annotations

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from bench import process, webhooks
from bench.place import Place
from bench.posting import post, post_all
from bench.process import Failed, last_words
from bench.webhooks import Tenant
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conserje_fakes import server, twilio
from conserje_fakes.twilio_messages import StandIn, TwilioAccount

DATABASE = "installation"
BEATING = "SELECT count(*) FROM heartbeats WHERE kind = 'work' AND seen_at > now() - interval '8 seconds'"


@dataclass(frozen=True)
class Waits:
    """Times from webhook to provider call, in milliseconds."""

    messages: int
    p50: float
    p99: float


@dataclass
class Installation:
    """`serve` with its tenants, and the stand-in that they send to."""

    place: Place
    port: int
    tenants: Sequence[Tenant]
    stand_in: StandIn
    variables: Mapping[str, str]
    serve: Process
    working: list[Process] = field(default_factory=list)
    _phones: int = 0

    async def waits(self, tenant: Tenant, count: int, rate: float) -> Waits:
        """Post `count` messages of as many contacts, `rate` a second, and wait for the calls."""
        posted: dict[str, datetime] = {}
        posts = []
        for phone in self._new_phones(count):
            posted[phone] = datetime.now(UTC)
            webhook = webhooks.webhook(tenant, phone, "Hola, ¿atienden hoy?")
            posts.append(asyncio.create_task(post(self.port, webhook)))
            await asyncio.sleep(1 / rate)
        await asyncio.gather(*posts)
        await self.until(lambda: posted.keys() <= self.called(tenant).keys(), f"{count} messages")
        called = self.called(tenant)
        took = [(called[phone] - posted[phone]).total_seconds() * 1000 for phone in posted]
        percentiles = quantiles(took, n=100)
        return Waits(count, percentiles[49], percentiles[98])

    async def flood(self, tenant: Tenant, count: int) -> None:
        """Have `count` messages of as many contacts acknowledged, as fast as can be."""
        await post_all(
            self.port, (webhooks.webhook(tenant, phone, "Hola") for phone in self._new_phones(count))
        )

    def called(self, tenant: Tenant) -> dict[str, datetime]:
        """When the provider was called for each contact of the tenant."""
        taken = [message for message in self.stand_in.messages if message.sender == tenant.address]
        return {message.to.removeprefix("whatsapp:+"): message.created for message in taken}

    async def until(self, done: Callable[[], bool], what: str, limit: float = 60.0) -> None:
        """Wait until it is done what workers do. Raises Failed."""
        deadline = time.monotonic() + limit
        while not done():
            self._require_working()
            if time.monotonic() > deadline:
                raise Failed(f"{what} were not answered in time; work says: {self._said(0)}")
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def workers(self, count: int, sockets: Path | None = None) -> AsyncIterator[None]:
        """So many `work` processes for as long as the block takes, from when all of them beat.

        Their way to Postgres may be another socket than its own.
        """
        conserje, postgres = self.place.conserje, self.place.postgres
        url = postgres.url(DATABASE, conserje.owner, sockets)
        variables = {**self.variables, "CONSERJE_DATABASE_URL": url}
        async with AsyncExitStack() as running:
            self.working = [
                await running.enter_async_context(
                    process.started(conserje.work(), self._log(n), conserje.folder, variables)
                )
                for n in range(count)
            ]
            while (await postgres.row(DATABASE, BEATING))[0] < count:
                self._require_working()
                await asyncio.sleep(0.05)
            yield

    def _require_working(self) -> None:
        for n, each in enumerate(self.working):
            if each.returncode is not None:
                raise Failed(f"work ended: {self._said(n)}")

    def _said(self, number: int) -> str:
        return last_words(self._log(number).read_bytes())

    def _log(self, number: int) -> Path:
        return self.place.folder / f"work-{number}.log"

    def _new_phones(self, count: int) -> list[str]:
        first, self._phones = self._phones, self._phones + count
        return [f"569{number:08d}" for number in range(first, self._phones)]


@asynccontextmanager
async def installed(
    place: Place, tenants: Sequence[Tenant], settings: str, provider_takes: float = 0.0
) -> AsyncIterator[Installation]:
    """Two processes that serve `tenants`, whose rows the statement `settings` changed; no worker yet."""
    postgres, conserje = place.postgres, place.conserje
    await conserje.install()
    await postgres.create(DATABASE, owner=conserje.owner)
    await conserje.fill(postgres, DATABASE, list(tenants))
    await postgres.execute(DATABASE, settings)
    accounts = [TwilioAccount(t.account_sid, t.auth_token, [t.address]) for t in tenants]
    provider = twilio.create(accounts, habit="none")
    port = process.free_port()
    variables = conserje.variables(postgres, DATABASE, port, workers=2)
    async with AsyncExitStack() as running:
        url = await running.enter_async_context(server.serving(answering_after(provider_takes, provider)))
        variables |= {"CONSERJE_TWILIO_BASE_URL": url}
        log, command = place.folder / "serve.log", conserje.command(port, 2)
        serve = await running.enter_async_context(
            process.serving(command, port, log, conserje.folder, variables)
        )
        yield Installation(place, port, tenants, provider.state.stand_in, variables, serve)
    await postgres.drop(DATABASE)


def answering_after(seconds: float, app: ASGIApp) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def late(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(seconds)
            await send(message)

        await app(scope, receive, late)

    return answer
