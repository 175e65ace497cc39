"""One tenant's webhooks in a flood, and another tenant's beside it."""

from __future__ import annotations

import asyncio
import itertools
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, ExitStack
from http.client import HTTPResponse
from pathlib import Path
from statistics import median

import pytest
from nginx.load import Twilio, behind_nginx, installed
from waiting import LIMIT

pytestmark = pytest.mark.long

RATE = "zone=conserje_providers:10m rate={}r/s"
SLOWER = {RATE.format(500): RATE.format(40)}  # a flood that a busy machine can make
CONNECTIONS = 80  # of the flood, each with a webhook under way: two seconds' worth
HANDS = 8  # threads that open them
POSTS, PAUSE = 50, 0.05  # of the other tenant, and seconds between them
STORED = """
SELECT slug, count(*) FROM messages JOIN tenants ON tenants.id = tenant_id
WHERE direction = 'in' GROUP BY slug
"""


@pytest.mark.timeout(300)
async def test_promise_6_a_flood_of_one_tenant_s_webhooks_waits_by_itself_and_is_all_taken(
    new_database: Callable[[], AbstractAsyncContextManager[str]], tmp_path: Path
) -> None:
    async with (
        installed(new_database, tmp_path) as installation,
        installation.serving() as server,
        behind_nginx(installation, tmp_path, server.listen, "acme", "bravo", instead=SLOWER) as [acme, bravo],
    ):
        begun, over = threading.Event(), threading.Event()
        flood = asyncio.create_task(asyncio.to_thread(pour, acme, begun, over))
        try:
            assert await asyncio.to_thread(begun.wait, LIMIT)
            waited = [await time_of_post(bravo, n) for n in range(POSTS)]
        finally:
            over.set()
            waited_in_flood = await flood
        assert bravo.answers == {200: POSTS}
        assert median(waited) * 4 < median(waited_in_flood)
        stored = {row["slug"]: row["count"] for row in await installation.pool.fetch(STORED)}
    assert stored == {"acme": len(waited_in_flood), "bravo": POSTS}


async def time_of_post(twilio: Twilio, number: int) -> float:
    """Seconds that a message takes with all of its connection."""
    await asyncio.sleep(PAUSE)
    began = time.monotonic()
    contact = f"whatsapp:+5692{number:07}"
    await twilio.post(twilio.message(contact, contact))
    return time.monotonic() - began


def pour(twilio: Twilio, begun: threading.Event, over: threading.Event) -> list[float]:
    """Post over many connections, each again once it is answered; the seconds that each post took."""
    waited: list[float] = []
    waiting: deque[tuple[ssl.SSLSocket, float]] = deque()
    serial = itertools.count()

    def post(connection: ssl.SSLSocket) -> None:
        contact = f"whatsapp:+5693{next(serial):07}"
        connection.sendall(twilio.message(contact, contact))
        waiting.append((connection, time.monotonic()))

    with ExitStack() as opened, ThreadPoolExecutor(HANDS) as hands:
        for connection in list(hands.map(lambda _: twilio.connect(), range(CONNECTIONS))):
            post(opened.enter_context(connection))
        while waiting:  # nginx lets them through in the order of their coming
            connection, sent = waiting.popleft()
            with HTTPResponse(connection, method="POST") as answer:
                answer.begin()
                answer.read()
            assert answer.status == 200
            waited.append(time.monotonic() - sent)
            if len(waited) == CONNECTIONS:
                begun.set()
            if not over.is_set():
                post(connection)
    return waited
