"""Notices of accounts that are ill: by webhook and by mail, in the tenant's language, once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from scene import Scene
from told import LOOPBACK, WISH, change, desk_of, kept, mailbox_of

from conserje import AccountFault
from conserje.net.fetch import allow
from conserje.storage import jobs
from conserje.storage.jobs import Job

CAUSE = "131042: there is no means of payment"


@pytest.fixture
def _loopback() -> Iterator[None]:
    """The tenants' servers are on this machine."""
    allow(LOOPBACK)
    yield
    allow(())


async def fall_ill(scene: Scene, text: str = "hola") -> Job:
    """A reply is not taken for the account's sake; the job that tells of it."""
    scene.post.does.append(AccountFault(CAUSE))
    await scene.write(text)
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    await scene.conversation.converse(Job(jobs.CONVERSE, *row))
    await scene.delivery.deliver(Job(jobs.DELIVER, *row))
    return Job(jobs.NOTIFY, *row)


@pytest.mark.usefixtures("_loopback")
async def test_it_is_posted_with_the_cause_and_what_to_do(scene: Scene) -> None:
    async with desk_of(scene) as desk:
        job = await fall_ill(scene)
        for _ in range(2):
            await scene.notifier.notify(job)
    [(_, body)] = desk.posted
    told = json.loads(body)
    assert told["type"] == "account.ill"
    assert told["data"] == {
        "tenant": "acme",
        "channel": "post",
        "account": "+56 acme",
        "cause": CAUSE,
        "command": "conserje account check acme post '+56 acme'",
    }
    [notice] = await kept(scene)
    assert notice["sent_at"]


@pytest.mark.parametrize(
    ("locale", "subject"),
    [
        ("es-CL", "acme no puede responder por post"),
        ("pt-BR", "acme não consegue responder por post"),
        ("en", "acme cannot answer by post"),
    ],
)
async def test_it_is_mailed_in_the_tenant_s_language(scene: Scene, locale: str, subject: str) -> None:
    await change(scene, locale=locale)
    async with mailbox_of(scene) as (mailbox, _):
        await scene.notifier.notify(await fall_ill(scene))
    [mail] = mailbox.messages
    assert mail["subject"] == subject
    assert f"> {CAUSE}" in mail.get_content()


async def test_a_hand_over_beside_it_has_a_mail_of_its_own(scene: Scene) -> None:
    async with mailbox_of(scene) as (mailbox, _):
        await scene.notifier.notify(await fall_ill(scene, WISH))
    assert sorted(mail["subject"] for mail in mailbox.messages) == [
        "Ana espera a una persona de acme",
        "acme no puede responder por post",
    ]
