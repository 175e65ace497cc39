"""`python -m crash.million`: a million events while Postgres is away, the edge killed in the middle.

Counts what was acknowledged, how fast, and what the edge's memory did; then lets Postgres come back
and compares what is stored with what was acknowledged.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

import uvloop
from installation import Installation
from processes import Serving, alive, family
from system.test_outage import hung, installed, stopped, until_on_replica
from waiting import until

CONNECTIONS = 64
OUTAGES = {"stopped": stopped, "hung": hung}
COUNT = "SELECT count(*), count(DISTINCT provider_id) FROM messages WHERE direction = 'in'"


@dataclass
class Posts:
    """Signed messages, each posted until it is acknowledged."""

    installation: Installation
    count: int
    taken: int = 0
    times: list[float] = field(default_factory=list)
    server: Serving | None = None

    def request(self, number: int) -> bytes:
        account = self.installation.accounts["acme"]
        port = self.installation.environment["CONSERJE_LISTEN"].rpartition(":")[2]
        host = f"acme.localhost:{port}"
        form = {
            "AccountSid": account.account_sid,
            "Body": f"mensaje {number}",
            "From": f"whatsapp:+569{number % 5000:08}",
            "MessageSid": f"SM{number:032x}",
            "NumMedia": "0",
            "To": account.numbers[0],
        }
        signed = f"http://{host}/bot/twilio/webhook" + "".join(name + form[name] for name in sorted(form))
        seal = hmac.new(account.auth_token.encode(), signed.encode(), hashlib.sha1).digest()
        body = urlencode(form)
        return (
            f"POST /bot/twilio/webhook HTTP/1.1\r\nHost: {host}\r\n"
            f"X-Twilio-Signature: {base64.b64encode(seal).decode()}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    async def send(self, numbers: range) -> None:
        """One connection; a lost one is opened again, and what was not acknowledged is posted again."""
        waiting = iter(numbers)
        number = next(waiting, None)
        while number is not None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                assert self.server
                reader, writer = await self.server.connect()
                try:
                    while number is not None:
                        began = time.perf_counter()
                        writer.write(self.request(number))
                        head = await reader.readuntil(b"\r\n\r\n")
                        if not head.startswith(b"HTTP/1.1 200"):
                            raise ConnectionError(head)
                        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
                        await reader.readexactly(length)
                        self.times.append(time.perf_counter() - began)
                        self.taken += 1
                        number = next(waiting, None)
                finally:
                    writer.close()
            if number is not None:
                await asyncio.sleep(0.05)

    def latency(self) -> str:
        times = sorted(self.times)
        shares = {share: times[int(len(times) * share / 100)] * 1000 for share in (50, 99, 99.9)}
        return ", ".join(f"p{share:g} {milliseconds:.1f} ms" for share, milliseconds in shares.items())


def memory(server: Serving) -> float:
    """Megabytes that the edge's processes hold."""
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in server.workers)
    return pages * os.sysconf("SC_PAGESIZE") / 1e6


@contextlib.asynccontextmanager
async def edge(installation: Installation, posts: Posts) -> AsyncIterator[Serving]:
    async with installation.serving() as server:
        posts.server = server
        yield server


async def run(count: int, how: str) -> None:
    with TemporaryDirectory(prefix="conserje-million-", dir="/var/tmp") as folder:
        async with installed(Path(folder), CONSERJE_WORKERS="2") as (server, installation, _):
            posts = Posts(installation, count)
            async with edge(installation, posts) as first:
                assert await first.status(posts.request(0)) == 200
                await until_on_replica(installation)
                begins = memory(first)
                async with OUTAGES[how](server):
                    began = time.perf_counter()
                    sending = [
                        asyncio.create_task(posts.send(range(1 + n, count, CONNECTIONS)))
                        for n in range(CONNECTIONS)
                    ]
                    await until(lambda: posts.taken > count // 2, 3600)
                    grown = memory(first) - begins
                    members = family(first.pid)
                    os.kill(first.pid, signal.SIGKILL)
                    await first.process.wait()
                    await until(lambda: not any(map(alive, members)))
                    async with edge(installation, posts) as second:
                        begins = memory(second)
                        await asyncio.gather(*sending)
                        seconds = time.perf_counter() - began
                        grown = max(grown, memory(second) - begins)
                        rate = posts.taken / seconds
                        print(
                            f"{how}: {posts.taken + 1:,} acknowledged, {rate:,.0f}/s, {posts.latency()},"
                            f" memory {grown:+.0f} MB",
                            flush=True,
                        )
            async with edge(installation, posts):
                began = time.perf_counter()
                stored = (0, 0)
                while stored[0] < count:
                    await asyncio.sleep(0.5)
                    stored = tuple(await installation.pool.fetchrow(COUNT))  # type: ignore[arg-type]
                seconds = time.perf_counter() - began
                print(
                    f"drained in {seconds:.0f} s, {count / seconds:,.0f}/s;"
                    f" stored {stored[0]:,}, distinct {stored[1]:,}"
                )
                assert stored == (count, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--how", choices=OUTAGES, default="stopped")
    given = parser.parse_args()
    uvloop.run(run(given.count, given.how))


if __name__ == "__main__":
    main()
