"""Notices: a tenant is told once of a conversation that was handed over, by webhook and e-mail."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from certificates import private, signed
from cryptography.hazmat.primitives.asymmetric import ec
from scene import Scene
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from terminal import Terminal
from told import (
    LOOPBACK,
    WISH,
    change,
    desk_of,
    hand_over,
    kept,
    mailbox_of,
    make_due,
    set_up,
    until_sent,
    wishes,
)

from conserje.net.fetch import allow
from conserje.net.mail import MailFailed, MailServer
from conserje.notices import notifier
from conserje.notices import table as notices
from conserje.notices.notifier import PAUSES
from conserje.settings import SettingsError, read
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje_fakes.server import serving


@pytest.fixture
def _loopback() -> Iterator[None]:
    """The tenants' servers are on this machine."""
    allow(LOOPBACK)
    yield
    allow(())


@pytest.mark.usefixtures("_loopback")
async def test_a_hand_over_is_posted_once_signed_and_with_the_last_words(
    scene: Scene, terminal: Terminal
) -> None:
    async with desk_of(scene) as desk:
        for text in (*map(str, range(6)), "x" * 600, WISH):
            await scene.write(text)
        async with scene.working():
            await until_sent(scene)
            await scene.write("¿hola?")
            await scene.settled()
    assert len(scene.post.texts) == 1
    [(headers, body)] = desk.posted
    secret = (await terminal.read("tenant", "show", "acme", "--notice-secret", "--json"))["notice_secret"]
    told = Webhook(secret).verify(body, headers)  # Standard Webhooks' own code
    assert told["type"] == "conversation.handed_over"
    assert abs(datetime.now(UTC) - datetime.fromisoformat(told["timestamp"])) < timedelta(minutes=1)
    conversation = await scene.pool.fetchval("SELECT id FROM conversations")
    assert told["data"] == {
        "tenant": "acme",
        "conversation": conversation,
        "contact": {"name": "Ana", "address": "ana"},
        "channel": "post",
        "account": "+56 acme",
        "messages": ["3", "4", "5", "x" * 500, WISH],
        "reason": "person",
        "command": f'conserje message send acme {conversation} "..."',
    }
    [notice] = await kept(scene)
    assert notice["sent_at"] and notice["due_at"] is None and notice["cause"] is None
    [shown] = (await terminal.read("conversation", "show", "acme", str(conversation), "--json"))["notices"]
    assert (shown["notice"], shown["state"], shown["tries"]) == ("webhook", "sent", 1)


async def test_the_secret_is_the_tenant_s_and_shown_on_demand_only(scene: Scene, terminal: Terminal) -> None:
    await scene.add("bravo")
    assert "whsec_" not in (await terminal.type("tenant", "show", "acme")).stdout
    secrets = {
        (await terminal.read("tenant", "show", slug, "--notice-secret", "--json"))["notice_secret"]
        for slug in ("acme", "bravo", "acme")
    }
    assert len(secrets) == 2 and all(each.startswith("whsec_") for each in secrets)


@pytest.mark.usefixtures("_loopback")
async def test_a_notice_that_is_not_taken_comes_again_under_its_name_until_it_is_given_up(
    scene: Scene, terminal: Terminal
) -> None:
    async with desk_of(scene) as desk:
        job = await hand_over(scene)
        desk.answers = [Response(status_code=status) for status in (500, 404, 302, 429, 503, 500, 500)]
        for pause in PAUSES:
            await scene.notifier.notify(job)
            [notice] = await kept(scene)
            assert pause - timedelta(seconds=5) < notice["pause"] <= pause
            await scene.notifier.notify(job)  # not yet
            await make_due(scene)
        [again] = await scene.pool.fetch(
            "SELECT execute_after - now() AS delay FROM pgqueuer.pgqueuer WHERE entrypoint = 'notify'"
            " ORDER BY id DESC LIMIT 1"
        )
        assert timedelta(hours=5) < again["delay"] <= timedelta(hours=6)
        await scene.notifier.notify(job)
        await make_due(scene)
        await scene.notifier.notify(job)
    assert len(desk.posted) == 7 and len(set(desk.ids)) == 1
    assert len({body for _, body in desk.posted}) == 1
    [notice] = await kept(scene)
    assert (notice["due_at"], notice["sent_at"]) == (None, None)
    assert notice["cause"] == "The tenant's server answered 500."
    shown = (await terminal.type("conversation", "show", "acme", str(job.conversation_id))).stdout
    assert "given up" in shown and "answered 500" in shown


@pytest.mark.usefixtures("_loopback")
async def test_a_server_that_is_gone_is_not_asked_again(scene: Scene) -> None:
    async with desk_of(scene) as desk:
        desk.answers = [Response(status_code=410)]
        await scene.notifier.notify(await hand_over(scene))
    [notice] = await kept(scene)
    assert notice["due_at"] is None and notice["cause"] == "The tenant's server answered 410."


@pytest.mark.usefixtures("_loopback")
async def test_whatever_a_server_says_with_its_yes_is_a_yes(scene: Scene) -> None:
    async with desk_of(scene) as desk:
        desk.answers = [Response(b"x" * 1_000_000, headers={"content-encoding": "gzip"})]
        await scene.notifier.notify(await hand_over(scene))
    [notice] = await kept(scene)
    assert notice["sent_at"]


@pytest.mark.usefixtures("_loopback")
async def test_a_slow_server_fails_that_notice_alone(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "LIMIT", 0.2)

    async def never(request: Request) -> Response:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response()

    set_up(scene, fetch_allow=LOOPBACK)
    async with serving(Starlette(routes=[Route("/", never, methods=["POST"])])) as url:
        await change(scene, notice_url=url + "/")
        await scene.notifier.notify(await hand_over(scene))
        [notice] = await kept(scene)
    assert notice["cause"] == "The answer did not come in time." and notice["due_at"]


async def test_no_notice_goes_to_an_address_inside(scene: Scene, terminal: Terminal) -> None:
    for url in ("https://127.0.0.1/", "https://169.254.169.254/latest"):
        await change(scene, notice_url=url)
        await scene.pool.execute("DELETE FROM conversations")
        await scene.notifier.notify(await hand_over(scene))
        [notice] = await kept(scene)
        assert "not in the public internet" in notice["cause"] and notice["due_at"] is None


async def test_without_tls_only_the_operator_s_own_networks_are_told(
    scene: Scene, terminal: Terminal
) -> None:
    set_url = ("tenant", "set", "acme", "--notice-url")
    refused = await terminal.type(*set_url, "http://127.0.0.1/n8n", code=1)
    assert "CONSERJE_FETCH_ALLOW" in refused.stderr
    await terminal.type(*set_url, "http://127.0.0.1/n8n", FETCH_ALLOW="127.0.0.0/8")
    assert (
        "notice url          http://127.0.0.1/n8n" in (await terminal.type("tenant", "show", "acme")).stdout
    )
    await change(scene, notice_url="http://127.0.0.1/n8n")
    await scene.notifier.notify(await hand_over(scene))  # this worker's operator allows nothing
    [notice] = await kept(scene)
    assert "CONSERJE_FETCH_ALLOW" in notice["cause"] and notice["due_at"] is None
    await terminal.type(*set_url, "")
    assert (await terminal.read("tenant", "show", "acme", "--json"))["notice_url"] is None


async def test_an_e_mail_tells_it_in_the_tenant_s_language(scene: Scene) -> None:
    async with mailbox_of(scene) as (mailbox, _), scene.working():
        await scene.write("¿hay pan?")
        await scene.write(WISH)
        await until_sent(scene)
    [message] = mailbox.messages
    assert message["To"] == "team@acme.example"
    assert message["From"] == "Conserje <bot@conserje.example>"
    assert message["Subject"] == "Ana espera a una persona de acme"
    [notice] = await kept(scene)
    assert message["Message-ID"] == f"<notice-{notice['id']}@conserje.example>"
    text = message.get_content()
    assert "> ¿hay pan?" in text and f"> {WISH}" in text and "conserje message send acme" in text


async def test_a_refused_e_mail_comes_again(scene: Scene) -> None:
    async with mailbox_of(scene) as (mailbox, _):
        mailbox.refusals = ["451 4.3.0 later"]
        job = await hand_over(scene)
        await scene.notifier.notify(job)
        [notice] = await kept(scene)
        assert notice["cause"] == "The mail server refuses the message (451)."
        await make_due(scene)
        await scene.notifier.notify(job)
    [notice] = await kept(scene)
    assert len(mailbox.messages) == 1 and notice["sent_at"] and notice["tries"] == 2


async def test_without_a_mail_server_none_is_promised(scene: Scene, terminal: Terminal) -> None:
    refused = await terminal.type("tenant", "set", "acme", "--notice-email", "team@acme.example", code=1)
    assert "CONSERJE_SMTP_URL" in refused.stderr and "CONSERJE_MAIL_FROM" in refused.stderr
    await terminal.type(
        "tenant", "set", "acme", "--notice-email", "team@acme.example",
        SMTP_URL="smtp://mail.example", MAIL_FROM="bot@conserje.example",
    )  # fmt: skip
    await change(scene, notice_email="team@acme.example")
    await scene.notifier.notify(await hand_over(scene))  # this worker has no such settings
    [notice] = await kept(scene)
    assert "CONSERJE_SMTP_URL" in notice["cause"]


@pytest.mark.parametrize(
    ("locale", "subject"),
    [("pt-BR", "espera uma pessoa de"), ("en", "waits for a person of"), ("fr", "waits for a person of")],
)
async def test_what_a_contact_calls_himself_adds_no_header(scene: Scene, locale: str, subject: str) -> None:
    await change(scene, locale=locale)
    async with mailbox_of(scene) as (mailbox, _):
        job = await hand_over(scene)
        await scene.pool.execute("UPDATE contacts SET name = $1", "{tenant}\r\nBcc: eva@example.com\n\nx")
        await scene.notifier.notify(job)
    [message] = mailbox.messages
    assert message["Subject"] == f"{{tenant}} Bcc: eva@example.com x {subject} acme"
    assert message["Bcc"] is None and message["To"] == "team@acme.example"


async def test_a_mail_server_is_trusted_by_its_certificate_and_gets_the_password_under_tls_only(
    scene: Scene, tmp_path: Path
) -> None:
    key, file = ec.generate_private_key(ec.SECP256R1()), tmp_path / "server.pem"
    file.write_bytes(private(key) + signed(key, ["localhost"]))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    logins: list[Any] = []

    def check(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        logins.append(data)
        return AuthResult(success=data.password == b"s3cret", handled=False)

    how = {"tls_context": context, "require_starttls": True, "authenticator": check, "auth_required": True}
    async with mailbox_of(scene, **how) as (mailbox, port):
        trust = ssl.create_default_context(cafile=str(file))
        server = MailServer("localhost", port, False, "bot@conserje.example", "user", "s3cret", trust)
        await server.send("team@acme.example", "hola", "texto", "<1@x>")
        assert mailbox.encrypted == [True]
        wrong = replace(server, password="wr0ng")
        with pytest.raises(MailFailed, match="user") as refused:
            await wrong.send("team@acme.example", "hola", "texto", "<1@x>")
        assert "wr0ng" not in str(refused.value)
        logins.clear()
        with pytest.raises(MailFailed, match=rf"localhost:{port} could not be asked"):
            await replace(server, trust=None).send("team@acme.example", "hola", "texto", "<1@x>")
        assert not logins


def test_the_mail_server_s_settings_are_read_and_its_password_is_shown_nowhere() -> None:
    url = "smtps://user%40acme:p%2Fw@mail.example"
    settings = read({"CONSERJE_SMTP_URL": url, "CONSERJE_MAIL_FROM": "Conserje <bot@conserje.example>"})
    server = MailServer.of(settings)
    assert (server.host, server.port, server.tls) == ("mail.example", 465, True)
    assert (server.user, server.password) == ("user@acme", "p/w")
    assert "p/w" not in repr(server) and "p%2Fw" not in repr(settings)
    assert MailServer.of(read({"CONSERJE_SMTP_URL": "smtp://h", "CONSERJE_MAIL_FROM": "a@b"})).port == 587
    for wrong in ("mail.example:587", "https://user:p%2Fw@mail.example", "smtp://", "smtp://h:99999"):
        with pytest.raises(SettingsError, match="smtp://user:password@host") as refused:
            read({"CONSERJE_SMTP_URL": wrong})
        assert "p%2Fw" not in str(refused.value)
    with pytest.raises(SettingsError, match="CONSERJE_MAIL_FROM"):
        read({"CONSERJE_MAIL_FROM": "a@b\nBcc: c@d"})


async def test_one_hand_over_notices_once_and_the_next_one_again(scene: Scene) -> None:
    """By both ways, and not when a person takes over."""
    await change(scene, notice_url="https://example.com/n8n", notice_email="team@acme.example")
    job = await hand_over(scene)
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now()")
    await hand_over(scene, "an agent please")
    found = await kept(scene)
    assert [notice["kind"] for notice in found] == ["webhook", "email", "webhook", "email"]
    assert len({notice["turn_id"] for notice in found}) == 2
    async with scene.pool.acquire() as connection:
        entry = await scene.entry()
        await notices.note(connection, entry.tenant, job.conversation_id, found[0]["turn_id"])
    assert len(await kept(scene)) == 4


async def test_an_assistant_s_hand_over_and_the_late_rule_s_notice_too_and_a_take_does_not(
    scene: Scene, terminal: Terminal
) -> None:
    await change(scene, notice_email="team@acme.example")
    scene.parrot.hand_over = True
    job = await hand_over(scene, "hola")
    assert len(await kept(scene)) == 1
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now()")
    await change(scene, late_rule="hand_over")
    await scene.write("¿hola?")
    await scene.pool.execute(
        "UPDATE messages SET created_at = created_at - interval '1 hour', late_by = '1 hour'"
        " WHERE turn_id IS NULL"
    )
    await scene.conversation.converse(Job(jobs.CONVERSE, job.tenant_id, job.conversation_id))
    assert len(await kept(scene)) == 2
    await scene.pool.execute("UPDATE conversations SET hand_back_at = now()")
    await terminal.type("conversation", "take", "acme", str(job.conversation_id))
    assert len(await kept(scene)) == 2


@pytest.mark.usefixtures("_loopback")
async def test_two_workers_send_a_notice_once(scene: Scene) -> None:
    async with desk_of(scene) as desk:
        job = await hand_over(scene)
        await asyncio.gather(*(scene.notifier.notify(job) for _ in range(4)))
    assert len(desk.posted) == 1


@pytest.mark.usefixtures("_loopback")
async def test_a_notice_whose_worker_died_is_sent_by_another(scene: Scene) -> None:
    async with desk_of(scene) as desk:
        job = await hand_over(scene)
        assert await notices.claim(scene.pool, job)  # and its worker is gone
        await scene.pool.execute("DELETE FROM pgqueuer.pgqueuer")
        await notices.recover(scene.pool)
        assert (
            await scene.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 0
        )  # its time is not over
        await scene.pool.execute("UPDATE notices SET due_at = now() - interval '1 minute'")
        await notices.recover(scene.pool)
        async with scene.working():
            await until_sent(scene)
    assert len(desk.posted) == 1
    [notice] = await kept(scene)
    assert notice["tries"] == 2


async def test_a_tenant_that_wants_no_notices_any_more_gets_none(scene: Scene) -> None:
    await change(scene, notice_email="team@acme.example")
    job = await hand_over(scene)
    await change(scene, notice_email=None)
    await scene.notifier.notify(job)
    [notice] = await kept(scene)
    assert notice["due_at"] is None and "wants no such notices" in notice["cause"]


async def test_the_queue_knows_of_a_notice_nothing_but_where_it_is(scene: Scene) -> None:
    """Promise 7."""
    await change(scene, notice_email="team@acme.example")
    job = await hand_over(scene)
    payload = await scene.pool.fetchval("SELECT payload FROM pgqueuer.pgqueuer WHERE entrypoint = 'notify'")
    assert jobs.read_payload(payload) == (job.tenant_id, job.conversation_id, 0)


@pytest.mark.usefixtures("_loopback")
async def test_a_webhook_is_posted_for_each_conversation(scene: Scene) -> None:
    async with desk_of(scene) as desk:
        for job in await wishes(scene, "a", "b", "c"):
            await scene.notifier.notify(job)
    assert len(desk.posted) == 3
