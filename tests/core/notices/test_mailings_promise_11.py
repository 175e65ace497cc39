"""Mails of hand-overs: one in five minutes to an address, which tells of all that came meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from plans import ACCOUNTS, analyze, pages
from scene import Scene
from told import (
    change,
    kept,
    mailbox_of,
    make_due,
    wishes,
)

from conserje.notices.table import COLLECT, COLLECTED, LEASE
from conserje.storage.database import Connection

TOLD = """
INSERT INTO notices (tenant_id, conversation_id, turn_id, kind, due_at)
SELECT tenant_id, id, n, 'email', CASE WHEN n <= $1 + 500 THEN now() END
FROM conversations, generate_series($1::int, $2) AS n
"""
MAILED = "UPDATE notices SET due_at = NULL WHERE turn_id % 100 <> 0 AND due_at IS NOT NULL"


async def test_a_mailing_costs_the_same_whatever_was_told_before(connection: Connection) -> None:
    """Also where Postgres still believes that many are due."""
    await connection.execute(ACCOUNTS, 1, 1)
    collect = COLLECT, await connection.fetchval("SELECT id FROM tenants"), LEASE, COLLECTED
    touched = []
    for told in ((1, 1000), (1001, 20_000)):
        await connection.execute(TOLD, *told)
        await analyze(connection, "notices")
        await connection.execute(MAILED)
        touched.append(await pages(connection, *collect))
    few, many = touched
    assert many <= 3 * few, touched  # twice as many are due by then


async def five_minutes_later(scene: Scene) -> None:
    await scene.pool.execute("UPDATE mailings SET mailed_at = mailed_at - interval '5 minutes'")
    await make_due(scene)


async def test_seventy_hand_overs_are_two_mails_promise_11(scene: Scene) -> None:
    """Whichever workers tell of them."""
    async with mailbox_of(scene) as (mailbox, _):
        told = await wishes(scene, *(f"c{n}" for n in range(70)))
        await asyncio.gather(*map(scene.notifier.notify, told))
        assert len(mailbox.messages) == 1
        waiting = [notice["pause"] for notice in await kept(scene) if notice["due_at"]]
        assert all(timedelta(minutes=4) < pause <= timedelta(minutes=5) for pause in waiting)
        await five_minutes_later(scene)
        await asyncio.gather(*map(scene.notifier.notify, told))
    assert len(mailbox.messages) <= 2
    assert all(notice["sent_at"] for notice in await kept(scene))


@pytest.mark.parametrize(
    ("locale", "subject", "line"),
    [
        ("es-CL", "B espera a una persona de acme (y 12 más)", "Esperan también 12 más:"),
        ("pt-BR", "B espera uma pessoa de acme (e mais 12)", "Esperam também mais 12:"),
        ("en", "B waits for a person of acme (and 12 more)", "12 more wait, too:"),
    ],
)
async def test_what_came_meanwhile_is_one_mail_that_names_some(
    scene: Scene, locale: str, subject: str, line: str
) -> None:
    await change(scene, locale=locale)
    async with mailbox_of(scene) as (mailbox, _):
        for job in await wishes(scene, "a"):
            await scene.notifier.notify(job)
        [_, *later] = await wishes(scene, "b", *(f"c{n}" for n in range(12)))
        for job in later:
            await scene.notifier.notify(job)
        assert len(mailbox.messages) == 1
        await five_minutes_later(scene)
        await scene.notifier.notify(later[5])
    [_, mail] = mailbox.messages
    text = mail.get_content()
    assert mail["Subject"] == subject
    assert line in text and f'- C9: conserje message send acme {later[10].conversation_id} "..."' in text
    assert "- C10: " not in text and "conversation list acme --with-person" in text
    assert all(notice["sent_at"] for notice in await kept(scene))


async def test_the_next_job_finds_what_was_postponed(scene: Scene) -> None:
    async with mailbox_of(scene) as (mailbox, _):
        first, second = await wishes(scene, "a", "b")
        await scene.notifier.notify(first)
        await wishes(scene, "c")
        await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
        [*_, third] = await wishes(scene)
        await scene.notifier.notify(third)
    [again] = await scene.pool.fetch(
        "SELECT execute_after - now() AS delay FROM pgqueuer.pgqueuer WHERE entrypoint = 'notify'"
    )
    assert timedelta(minutes=4) < again["delay"] <= timedelta(minutes=5)
    assert second and len(mailbox.messages) == 1


async def test_a_mail_that_did_not_leave_keeps_none_waiting(scene: Scene) -> None:
    async with mailbox_of(scene) as (mailbox, _):
        mailbox.refusals = ["451 4.3.0 later"]
        [job] = await wishes(scene, "a")
        await scene.notifier.notify(job)
        [*_, other] = await wishes(scene, "b")
        await scene.notifier.notify(other)
        assert [mail["Subject"] for mail in mailbox.messages] == ["B espera a una persona de acme"]


async def test_another_address_is_mailed_to_at_once(scene: Scene) -> None:
    async with mailbox_of(scene) as (mailbox, _):
        for job in await wishes(scene, "a"):
            await scene.notifier.notify(job)
        await change(scene, notice_email="boss@acme.example")
        [*_, other] = await wishes(scene, "b")
        await scene.notifier.notify(other)
    assert [mail["To"] for mail in mailbox.messages] == ["team@acme.example", "boss@acme.example"]
