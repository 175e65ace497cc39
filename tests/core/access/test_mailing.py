"""Invitations are mailed by a worker, with a link that nothing stored gives away."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP
from core.access.conftest import Comes
from pydantic import SecretStr
from scene import Scene
from told import Mailbox
from waiting import until

from conserje.access import invitations, members
from conserje.access.invitations import LinkSpent
from conserje.access.mailing import PAUSES, Mailing
from conserje.settings import Settings
from conserje.storage.database import Pool
from conserje.storage.jobs import INVITE, Job
from conserje.storage.scope import acting_for_all

LINK = re.compile(r"http://console\.localhost:9101/(invitation|reset)/([\w-]{43})\b")


@pytest_asyncio.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, Settings]]:
    mailbox, loop = Mailbox(), asyncio.get_running_loop()
    async with await loop.create_server(lambda: SMTP(mailbox, loop=loop), "127.0.0.1", 0) as server:
        url = SecretStr(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        yield (
            mailbox,
            Settings(data_dir=Path("/nowhere"), smtp_url=url, mail_from="Conserje <bot@conserje.example>"),
        )


async def invited(pool: Pool, tenant_id: int) -> Job:
    async with pool.acquire() as connection:
        person = await members.add(connection, tenant_id, "Ana", "Ana@example.com", None, "owner")
        made = await invitations.invite_person(connection, tenant_id, person)
        return await invitations.due(connection, made, tenant_id)


async def test_the_link_that_is_mailed_leads_in(
    pool: Pool, tenants: tuple[int, int], mailbox: tuple[Mailbox, Settings]
) -> None:
    box, settings = mailbox
    await pool.execute("UPDATE tenants SET locale = 'es-CL'")
    job = await invited(pool, tenants[0])
    for _ in range(2):  # a job may come twice
        await Mailing(pool, settings).invite(job)
    [mail] = box.messages
    assert mail["To"] == "ana@example.com" and mail["Subject"] == "Te invitaron a Acme"
    text = mail.get_content().replace("\r\n", "\n")
    link = LINK.search(text)
    assert link and link[1] == "invitation" and "72 horas" in text
    assert (await invitations.find(pool, link[2])).role == "owner"
    [row] = await pool.fetch("SELECT invitations::text AS text FROM invitations")
    assert link[2] not in row["text"]


async def test_one_that_fails_comes_again_with_a_link_of_its_own(
    pool: Pool, tenants: tuple[int, int], mailbox: tuple[Mailbox, Settings]
) -> None:
    box, settings = mailbox
    job = await invited(pool, tenants[0])
    box.refusals = ["451 later"]
    await Mailing(pool, settings).invite(job)
    row = await pool.fetchrow("SELECT due_at - now() AS pause, cause FROM invitations")
    assert row and PAUSES[0] * 0.5 < row["pause"] <= PAUSES[0] and "451" in row["cause"]
    assert await pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer WHERE entrypoint = 'invite'") == 1
    await Mailing(pool, settings).invite(job)
    assert not box.messages  # not before its time
    await pool.execute("UPDATE invitations SET due_at = now()")
    await Mailing(pool, settings).invite(job)
    assert len(box.messages) == 1
    assert await pool.fetchval("SELECT due_at IS NULL AND cause IS NULL FROM invitations")


async def test_one_that_fails_again_and_again_is_given_up(
    pool: Pool, tenants: tuple[int, int], mailbox: tuple[Mailbox, Settings]
) -> None:
    box, settings = mailbox
    job = await invited(pool, tenants[0])
    for _ in range(len(PAUSES) + 1):
        box.refusals = ["550 no"]
        await pool.execute("UPDATE invitations SET due_at = now()")
        await Mailing(pool, settings).invite(job)
    assert await pool.fetchval("SELECT due_at IS NULL AND cause LIKE '%550%' FROM invitations")


async def test_a_reset_is_mailed_to_a_login_and_to_nobody_else(
    pool: Pool, comes: Comes, mailbox: tuple[Mailbox, Settings]
) -> None:
    box, settings = mailbox
    await comes("Ana", "owner")
    for email in ("nobody@example.com", "ana@example.com"):
        async with pool.acquire() as connection:
            job = await invitations.due(connection, await invitations.offer_reset(connection, email), None)
        await Mailing(pool, settings).invite(job)
    [mail] = box.messages
    link = LINK.search(mail.get_content())
    assert mail["To"] == "ana@example.com" and link and link[1] == "reset"
    assert (await invitations.find(pool, link[2])).kind == "reset"
    assert await pool.fetchval("SELECT count(*) FROM invitations") == 1


async def test_a_worker_mails_what_is_due_also_where_its_job_was_lost(
    scene: Scene, mailbox: tuple[Mailbox, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    box, settings = mailbox
    monkeypatch.setattr(scene, "mailing", Mailing(scene.pool, settings))
    tenant_id = (await scene.entry("acme")).tenant.id
    await invited(scene.pool, tenant_id)
    await scene.pool.execute("UPDATE invitations SET due_at = now() - interval '2 minutes'")
    async with acting_for_all(scene.pool) as scope:
        reset = await invitations.offer_reset(scope.connection, "nobody@example.com")
        scope.due.append(await invitations.due(scope.connection, reset, None))
    async with scene.working():
        await until(lambda: bool(box.messages))
        await until(lambda: scene.pool.fetchval("SELECT count(*) = 1 FROM invitations"))
    with pytest.raises(LinkSpent):
        await invitations.find(scene.pool, "x")


async def test_without_a_mail_server_it_is_given_up_with_the_reason(
    pool: Pool, tenants: tuple[int, int]
) -> None:
    job = await invited(pool, tenants[0])
    await Mailing(pool, Settings(data_dir=Path("/nowhere"))).invite(job)
    assert "CONSERJE_SMTP_URL" in await pool.fetchval("SELECT cause FROM invitations")
    assert job.entrypoint == INVITE
