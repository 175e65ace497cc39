"""Who is told of a hand-over: a tenant's own server, a mail server, and the hand-overs themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_network
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr
from scene import Scene
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from waiting import until

from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje_fakes.server import serving

LOOPBACK = (ip_network("127.0.0.0/8"),)
WISH = "quiero hablar con una persona"


class Desk:
    """A tenant's own server: keeps what is posted to it, and answers as it was told."""

    def __init__(self) -> None:
        self.posted: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[Response] = []

    async def take(self, request: Request) -> Response:
        self.posted.append((dict(request.headers), await request.body()))
        return self.answers.pop(0) if self.answers else Response(status_code=204)

    @property
    def ids(self) -> list[str]:
        return [headers["webhook-id"] for headers, _ in self.posted]


class Mailbox:
    """A mail server: keeps what is handed in, and refuses as it was told."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.refusals: list[str] = []
        self.encrypted: list[bool] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.refusals:
            return self.refusals.pop(0)
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.messages.append(message)
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


@asynccontextmanager
async def desk_of(scene: Scene) -> AsyncIterator[Desk]:
    """The tenant's server, to which its notices are posted."""
    desk = Desk()
    set_up(scene, fetch_allow=LOOPBACK)
    async with serving(Starlette(routes=[Route("/n8n", desk.take, methods=["POST"])])) as url:
        await change(scene, notice_url=f"{url}/n8n?token=x")
        yield desk


@asynccontextmanager
async def mailbox_of(scene: Scene, **how: Any) -> AsyncIterator[tuple[Mailbox, int]]:
    """The operator's mail server with its port, by which the tenant gets its notices."""
    mailbox, loop = Mailbox(), asyncio.get_running_loop()
    async with await loop.create_server(lambda: SMTP(mailbox, loop=loop, **how), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = SecretStr(f"smtp://127.0.0.1:{port}")
        set_up(scene, smtp_url=url, mail_from="Conserje <bot@conserje.example>")
        await change(scene, notice_email="team@acme.example")
        yield mailbox, port


def set_up(scene: Scene, **settings: Any) -> None:
    changed = scene.notifier.settings.model_copy(update=settings)
    object.__setattr__(scene.notifier, "settings", changed)


async def change(scene: Scene, **columns: str | None) -> None:
    """Change the tenant, and wait until its directory has heard of it."""
    for name, value in columns.items():
        await scene.pool.execute(f"UPDATE tenants SET {name} = $1 WHERE slug = 'acme'", value)
    await scene.heard()


async def hand_over(scene: Scene, text: str = WISH) -> Job:
    """The contact asks for a person, and the turn is settled; the conversation's job."""
    await scene.write(text)
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    return Job(jobs.NOTIFY, *row)


async def kept(scene: Scene) -> list[dict[str, Any]]:
    rows = await scene.pool.fetch("SELECT *, due_at - now() AS pause FROM notices ORDER BY id")
    return [dict(row) for row in rows]


async def until_sent(scene: Scene) -> None:
    """Until nothing is left to be told of what was handed over."""
    await until(lambda: scene.pool.fetchval("SELECT bool_and(sent_at IS NOT NULL) FROM notices"))


async def make_due(scene: Scene) -> None:
    await scene.pool.execute("UPDATE notices SET due_at = now() WHERE due_at IS NOT NULL")


async def wishes(scene: Scene, *senders: str) -> list[Job]:
    """These contacts wish for a person; the jobs that tell of it."""
    for sender in senders:
        await scene.write(WISH, sender)
    rows = await scene.pool.fetch("SELECT tenant_id, id FROM conversations ORDER BY id")
    for row in rows:
        await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    return [Job(jobs.NOTIFY, *row) for row in rows]
