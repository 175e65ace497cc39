"""Notices of leads: each is mailed to its own person, and posted to the tenant's server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from scene import Scene
from told import LOOPBACK, WISH, change, desk_of, hand_over, kept, mailbox_of

from conserje import Lead
from conserje.net.fetch import allow
from conserje.storage.jobs import Job
from conserje.tenants import people
from conserje.turns.errands import ContactLeads

LEAD = Lead("pan\r\nBcc: eva@example.com", phone="+56911110009", when="mañana a las 10")


@pytest.fixture
def _loopback() -> Iterator[None]:
    """The tenants' servers are on this machine."""
    allow(LOOPBACK)
    yield
    allow(())


async def lead_of(scene: Scene, *names: str) -> Job:
    """A contact who waits for a person, too, and wants something; the job that tells of it."""
    tenant = (await scene.entry()).tenant
    async with scene.pool.acquire() as connection:
        for name in names:
            await people.add(connection, tenant.id, name, f"{name.lower()}@acme.example", None)
    job = await hand_over(scene, WISH)
    tenant = (await scene.entry()).tenant
    assert await ContactLeads(scene.pool, tenant, job.conversation_id, "1-1").open(LEAD)
    return job


async def test_a_lead_is_mailed_to_its_person_by_itself(scene: Scene) -> None:
    async with mailbox_of(scene) as (mailbox, _):
        await scene.notifier.notify(await lead_of(scene, "Luis"))
    by_person = {str(message["To"]): message for message in mailbox.messages}
    assert by_person.keys() == {"luis@acme.example", "team@acme.example"}  # this one of the hand-over
    mail = by_person["luis@acme.example"]
    assert mail["Subject"] == "Ana quiere: pan Bcc: eva@example.com" and mail["Bcc"] is None
    text = mail.get_content()
    assert "Teléfono: +56911110009" in text and "Cuándo: mañana a las 10" in text
    assert "conserje lead close acme" in text and "conserje message send acme" in text
    assert all(each["sent_at"] for each in await kept(scene))


async def test_without_people_the_tenant_is_told_in_its_language(scene: Scene) -> None:
    await change(scene, locale="pt-BR")
    async with mailbox_of(scene) as (mailbox, _):
        await scene.notifier.notify(await lead_of(scene))
    assert {str(message["To"]) for message in mailbox.messages} == {"team@acme.example"}
    assert any("quer: pan" in message["Subject"] for message in mailbox.messages)


async def test_without_a_mail_server_its_person_is_not_tried_again(scene: Scene) -> None:
    await scene.notifier.notify(await lead_of(scene, "Luis"))
    [notice] = await kept(scene)
    assert notice["due_at"] is None and "CONSERJE_SMTP_URL" in notice["cause"]


@pytest.mark.usefixtures("_loopback")
async def test_a_lead_is_posted(scene: Scene) -> None:
    async with desk_of(scene) as desk:
        await scene.notifier.notify(await lead_of(scene, "Luis"))
    told = [json.loads(body) for _, body in desk.posted]
    [lead] = [each["data"] for each in told if each["type"] == "lead.given"]
    assert (lead["wanted"], lead["person"]) == ("pan Bcc: eva@example.com", "Luis")
    assert lead["contact"] == {"name": "Ana", "address": "ana"}
