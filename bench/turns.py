"""From a webhook to the call of the provider: how long it takes alone, and beside a flood."""

from __future__ import annotations

import asyncio
import time
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles

from bench import process, webhooks
from bench.postgres import Postgres
from bench.process import Failed, last_words
from bench.servers import Conserje
from bench.webhooks import Tenant
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from conserje_fakes import server, twilio
from conserje_fakes.twilio_messages import StandIn, TwilioAccount

AT_ONCE = "UPDATE tenants SET quiet_period = '0', assistant = 'echo'"
DATABASE = "turns"
PROVIDER_TAKES = 0.05  # seconds for a message, so that a flood's own share of the slots is in use
WARM_UP = 50
ALONE, ALONE_RATE = 500, 20.0  # messages, and how many a second
BESIDE, BESIDE_RATE = 300, 10.0
FLOOD, WAITING = 12_000, 10_000  # messages posted, and how many must wait when the measuring begins


@dataclass(frozen=True)
class Waits:
    """Times from webhook to provider call, in milliseconds."""

    messages: int
    p50: float
    p99: float


@dataclass(frozen=True)
class Flood:
    """One tenant's waits alone, and while another's flood waits: at its beginning and at the end."""

    alone: Waits
    beside: Waits
    waiting: tuple[int, int]
    void: str | None


@dataclass
class Installation:
    """`serve` and `work` with two tenants, and the stand-in that they send to."""

    port: int
    tenants: Sequence[Tenant]
    stand_in: StandIn
    work: Process
    log: Path  # of `work`
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
        called = await self._calls(tenant, posted)
        took = [(called[phone] - posted[phone]).total_seconds() * 1000 for phone in posted]
        percentiles = quantiles(took, n=100)
        return Waits(count, percentiles[49], percentiles[98])

    async def flood(self, tenant: Tenant, count: int) -> None:
        """Have `count` messages of as many contacts acknowledged, as fast as can be."""
        phones = iter(self._new_phones(count))

        async def pour() -> None:
            for phone in phones:
                await post(self.port, webhooks.webhook(tenant, phone, "Hola"))

        await asyncio.gather(*(pour() for _ in range(64)))

    def called(self, tenant: Tenant) -> dict[str, datetime]:
        """When the provider was called for each contact of the tenant."""
        taken = [message for message in self.stand_in.messages if message.sender == tenant.address]
        return {message.to.removeprefix("whatsapp:+"): message.created for message in taken}

    async def _calls(self, tenant: Tenant, posted: dict[str, datetime]) -> dict[str, datetime]:
        deadline = time.monotonic() + 60
        while not posted.keys() <= (called := self.called(tenant)).keys():
            if self.work.returncode is not None or time.monotonic() > deadline:
                missing = len(posted.keys() - called.keys())
                said = last_words(self.log.read_bytes())
                raise Failed(f"{missing} of {len(posted)} messages were not answered; work says: {said}")
            await asyncio.sleep(0.05)
        return called

    def _new_phones(self, count: int) -> list[str]:
        first, self._phones = self._phones, self._phones + count
        return [f"569{number:08d}" for number in range(first, self._phones)]


async def post(port: int, webhook: bytes) -> None:
    """Post one webhook. Raises Failed unless it is acknowledged."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(webhook)
            status = await reader.readline()
        finally:
            writer.close()
    except OSError as error:
        raise Failed(f"A webhook could not be posted ({error}).") from None
    if not status.startswith(b"HTTP/1.1 200 "):
        raise Failed(f"A webhook was answered with {status!r}.")


async def measure_reply(postgres: Postgres, conserje: Conserje, folder: Path) -> Waits:
    """An idle installation; the provider answers at once."""
    async with _installation(postgres, conserje, folder, provider_takes=0.0) as installation:
        tenant = installation.tenants[0]
        await installation.waits(tenant, WARM_UP, ALONE_RATE)
        return await installation.waits(tenant, ALONE, ALONE_RATE)


async def measure_flood(postgres: Postgres, conserje: Conserje, folder: Path) -> Flood:
    """One tenant's waits before and while another has thousands of messages waiting."""
    async with _installation(postgres, conserje, folder, provider_takes=PROVIDER_TAKES) as installation:
        quiet, flooded = installation.tenants
        await installation.waits(quiet, WARM_UP, BESIDE_RATE)
        alone = await installation.waits(quiet, BESIDE, BESIDE_RATE)
        await installation.flood(flooded, FLOOD)
        first = FLOOD - len(installation.called(flooded))
        beside = await installation.waits(quiet, BESIDE, BESIDE_RATE)
        last = FLOOD - len(installation.called(flooded))
    void = None
    if first < WAITING or not last:
        void = f"{first} messages waited when the measuring began, {last} when it ended"
    return Flood(alone, beside, (first, last), void)


@asynccontextmanager
async def _installation(
    postgres: Postgres, conserje: Conserje, folder: Path, provider_takes: float
) -> AsyncIterator[Installation]:
    tenants = webhooks.tenants(2)
    await conserje.install()
    await postgres.create(DATABASE, owner=conserje.owner)
    await conserje.fill(postgres, DATABASE, tenants)
    await postgres.execute(DATABASE, AT_ONCE)
    accounts = [TwilioAccount(t.account_sid, t.auth_token, [t.address]) for t in tenants]
    provider = twilio.create(accounts, habit="none")
    port = process.free_port()
    variables = conserje.variables(postgres, DATABASE, port, workers=2)
    async with AsyncExitStack() as running:
        url = await running.enter_async_context(server.serving(_answering_after(provider_takes, provider)))
        variables |= {"CONSERJE_TWILIO_BASE_URL": url}
        log, command = folder / "work.log", conserje.work()
        work = await running.enter_async_context(process.started(command, log, conserje.folder, variables))
        serve = process.serving(
            conserje.command(port, 2), port, folder / "serve.log", conserje.folder, variables
        )
        await running.enter_async_context(serve)
        yield Installation(port, tenants, provider.state.stand_in, work, log)
    await postgres.drop(DATABASE)


def _answering_after(seconds: float, app: ASGIApp) -> ASGIApp:
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def late(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(seconds)
            await send(message)

        await app(scope, receive, late)

    return answer
