"""Subscriptions are told what happened: signed, under one name at each try, in order where that is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from scene import Scene
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from told import Desk
from waiting import until

from conserje.net import fetch
from conserje.notices import hosts, posting, subscriptions, telling, tellings
from conserje.notices.hosts import Host, SubscriptionError
from conserje.notices.posting import Receiver
from conserje.notices.subscriptions import Change, Secrets, Subscription
from conserje.notices.tellings import Filter
from conserje.storage.database import Connection
from conserje.storage.jobs import Job, read_payload
from conserje.storage.notifications import MARK, Position
from conserje.tenants.keyring import VaultError, add_master_key
from conserje.tenants.vault import Vault
from conserje_fakes.server import serving


@dataclass
class Told:
    """A subscription, its secrets, and the server that it names."""

    scene: Scene
    desk: Desk
    subscription: Subscription
    secrets: Secrets

    @property
    def names(self) -> list[str]:
        """Of all that came, without the numbers."""
        return [name.rpartition("-")[0] for name in self.desk.ids]

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.desk.posted]

    async def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in await self.scene.pool.fetch("SELECT * FROM tellings ORDER BY id")]

    async def row(self) -> dict[str, Any]:
        """How the subscription stands."""
        row = await self.scene.pool.fetchrow(
            "SELECT * FROM subscriptions WHERE id = $1", self.subscription.id
        )
        return dict(row or {})


async def subscribe(scene: Scene, url: str, *kinds: str, **how: Any) -> tuple[Subscription, Secrets]:
    secrets, tenant = Secrets.new(), (await scene.entry()).tenant.id
    async with scene.pool.acquire() as connection, connection.transaction():
        await hosts.add(connection, tenant, Host.of(url))
        made = await subscriptions.add(connection, scene.vault, tenant, url, kinds, secrets, **how)
    return made, secrets


@asynccontextmanager
async def told_of(scene: Scene, *kinds: str, **how: Any) -> AsyncIterator[Told]:
    desk = Desk()
    async with serving(Starlette(routes=[Route("/n8n", desk.take, methods=["POST"])])) as url:
        yield Told(scene, desk, *(await subscribe(scene, f"{url}/n8n", *kinds, **how)))


async def look(scene: Scene) -> list[Job]:
    """Once all that has happened is kept to be told; the jobs that tell."""
    last = await scene.pool.fetchrow(MARK)
    assert last is not None
    wanted = await scene.pool.fetchval(tellings.ANY)
    while wanted and scene.teller._horizon.position < (last["message_id"], last["number"]):
        await scene.teller.look()
        await asyncio.sleep(0.01)
    await scene.teller.look()
    rows = await scene.pool.fetch("DELETE FROM pgqueuer.pgqueuer WHERE entrypoint = 'tell' RETURNING payload")
    return [Job("tell", *read_payload(row["payload"])) for row in rows]


async def tell(scene: Scene) -> None:
    for job in await look(scene):
        await scene.teller.tell(job)


async def make_due(scene: Scene) -> None:
    await scene.pool.execute("UPDATE tellings SET due_at = now() WHERE due_at IS NOT NULL")
    await scene.pool.execute("UPDATE subscriptions SET due_at = now()")


async def answer(scene: Scene, text: str = "hola", sender: str = "ana", slug: str = "acme") -> None:
    async with scene.working():
        await scene.write(text, sender, slug=slug)
        await scene.settled()


async def test_what_happens_is_told_by_a_worker_signed_twice(scene: Scene) -> None:
    async with told_of(scene) as receiver, scene.working():
        await scene.write("hola")
        await until(lambda: len(receiver.desk.posted) == 2)
        await until(lambda: scene.pool.fetchval("SELECT bool_and(told_at IS NOT NULL) FROM tellings"))
    assert receiver.names == ["message-received", "message-sent"]
    (headers, body), _ = receiver.desk.posted
    [secret] = receiver.secrets.signing
    assert Webhook(secret).verify(body, headers)["data"]["text"] == "hola"  # Standard Webhooks' own code
    bearer = headers["authorization"].removeprefix("Bearer ")
    host = urlsplit(receiver.subscription.url).hostname
    claims = jwt.decode(bearer, receiver.secrets.token, algorithms=["HS256"], audience=host)
    assert claims["jti"] == headers["webhook-id"] and claims["sub"] == str(receiver.subscription.id)
    assert claims["iss"] == "localhost" and claims["exp"] - claims["iat"] == 300
    assert headers["user-agent"].startswith("Mozilla/5.0 (compatible; Conserje/")
    [row, _] = await receiver.rows()
    assert (row["status"], row["answer"], row["tries"]) == (204, None, 1)


async def test_what_happened_before_is_not_told_and_of_other_kinds_nothing(scene: Scene) -> None:
    await answer(scene)
    async with told_of(scene, "message.sent") as receiver:
        await answer(scene, "otra")
        await tell(scene)
        assert receiver.names == ["message-sent"]
        assert await look(scene) == []


async def test_what_is_not_taken_comes_again_under_its_name_until_it_is_given_up(scene: Scene) -> None:
    async with told_of(scene, "message.received") as receiver:
        await scene.write("hola")
        receiver.desk.answers = [
            Response(status_code=status) for status in (500, 404, 302, 400, 503, 500, 403, 500)
        ]
        for pause in telling.PAUSES:
            await tell(scene)
            [row] = await receiver.rows()
            left = await scene.pool.fetchval("SELECT due_at - now() FROM tellings")
            assert pause - timedelta(seconds=5) < left <= pause and row["cause"]
            await make_due(scene)
        await tell(scene)
        assert await look(scene) == []
    assert len(receiver.desk.posted) == 8 and len(set(receiver.desk.ids)) == 1
    assert len({headers["webhook-signature"] for headers, _ in receiver.desk.posted}) >= 1
    [row] = await receiver.rows()
    assert (row["due_at"], row["told_at"], row["status"], row["tries"]) == (None, None, 500, 8)


async def test_a_receiver_that_asks_for_patience_gets_it(scene: Scene) -> None:
    async with told_of(scene, "message.received") as receiver:
        await scene.write("hola")
        receiver.desk.answers = [Response(status_code=429, headers={"retry-after": "600"})]
        await tell(scene)
        assert await scene.pool.fetchval("SELECT due_at > now() + interval '9 minutes' FROM tellings")


async def test_in_order_nothing_of_a_conversation_passes_what_was_not_taken(scene: Scene) -> None:
    async with told_of(scene, "message.received", ordered=True) as receiver:
        for text in ("uno", "dos"):
            await scene.write(text, "ana")
        receiver.desk.answers = [Response(status_code=500)]
        await tell(scene)
        due = "SELECT count(*) FROM tellings WHERE due_at <= now()"
        assert not await scene.pool.fetchval(due)  # nor is what follows looked at before
        await scene.write("tres", "eva")
        await tell(scene)
        assert [each["data"]["text"] for each in receiver.told] == ["uno", "tres"]
        while len(receiver.desk.posted) < 4:
            await make_due(scene)
            await tell(scene)
    assert [each["data"]["text"] for each in receiver.told][2:] == ["uno", "dos"]


async def test_after_five_days_of_failing_it_is_off_until_somebody_puts_it_on(scene: Scene) -> None:
    tenant = (await scene.entry()).tenant.id
    async with told_of(scene, "message.received") as receiver:
        await scene.write("hola")
        receiver.desk.answers = [Response(status_code=500)] * 2
        await tell(scene)
        assert (await receiver.row())["state"] == "on"
        await scene.pool.execute("UPDATE subscriptions SET failing_since = now() - interval '6 days'")
        await make_due(scene)
        await tell(scene)
        row = await receiver.row()
        assert row["state"] == "off" and "5 days" in row["cause"]
        async with scene.pool.acquire() as connection:
            [named] = await subscriptions.off(connection, 5)
            assert named.slug == "acme"
            await scene.write("otra")
            await make_due(scene)
            assert await look(scene) == []
            on = Change(state="on")
            await subscriptions.change(connection, scene.vault, tenant, receiver.subscription.id, on)
        await make_due(scene)
        await tell(scene)
    said = [each["data"]["text"] for each in receiver.told]
    assert said[:2] == ["hola", "hola"] and sorted(said[2:]) == ["hola", "otra"]


async def test_who_is_gone_is_told_nothing_more(scene: Scene) -> None:
    async with told_of(scene, "message.received") as receiver:
        await scene.write("hola")
        receiver.desk.answers = [Response(status_code=410)]
        await tell(scene)
        assert (await receiver.row())["state"] == "off"


async def test_one_that_takes_nothing_is_asked_for_one_at_a_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "LOST", 8)
    async with told_of(scene, "message.received") as receiver:
        for n in range(30):
            await scene.write(f"m{n}")
        receiver.desk.answers = [Response(status_code=500)] * 9
        await tell(scene)
        assert len(receiver.desk.posted) == 8
        assert await look(scene) == []  # it rests
        await scene.pool.execute("UPDATE subscriptions SET due_at = now()")
        await tell(scene)
        assert len(receiver.desk.posted) == 9
        await scene.pool.execute("UPDATE subscriptions SET due_at = now()")
        await tell(scene)
        assert len(receiver.desk.posted) == 30  # one was taken: the others follow


async def test_a_slow_receiver_delays_no_other(scene: Scene) -> None:
    heard = asyncio.Event()

    async def slow(request: object) -> Response:
        await heard.wait()
        return Response(status_code=204)

    async with (
        serving(Starlette(routes=[Route("/", slow, methods=["POST"])])) as url,
        told_of(scene, "message.sent") as receiver,
    ):
        await subscribe(scene, url, "message.received")
        async with scene.working():
            for n in range(30):
                await scene.write(f"m{n}", f"c{n}")
            await until(lambda: len(receiver.desk.posted) == 30)
            assert not await scene.pool.fetchval(
                "SELECT count(*) FROM tellings WHERE kind = 'message.received' AND told_at IS NOT NULL"
            )
            heard.set()
            await until(lambda: scene.pool.fetchval("SELECT bool_and(told_at IS NOT NULL) FROM tellings"))


async def test_the_operator_s_own_are_told_of_all_tenants(scene: Scene) -> None:
    await scene.add("bravo")
    desk, secrets = Desk(), Secrets.new()
    async with serving(Starlette(routes=[Route("/", desk.take, methods=["POST"])])) as url:
        async with scene.pool.acquire() as connection, connection.transaction():
            await subscriptions.add(connection, scene.vault, None, url, ["message.received"], secrets)
        for slug in ("acme", "bravo"):
            await scene.write("hola", slug=slug)
        await scene.add("charly")
        await scene.write("hola", slug="charly")
        await tell(scene)
    told = [Webhook(secrets.signing[0]).verify(body, headers) for headers, body in desk.posted]
    assert sorted(each["data"]["tenant"] for each in told) == ["acme", "bravo", "charly"]


async def test_the_operator_s_own_go_round_in_parts_and_rest_while_nothing_happens(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    news, looks = tellings.news, list[int]()

    async def noted(connection: Connection, known: Position, after: int, last: int) -> list[tuple[int, int]]:
        looks.append(max(last - after, 0))
        return await news(connection, known, after, last)

    monkeypatch.setattr(tellings, "news", noted)
    monkeypatch.setattr(telling, "TENANTS", 1)
    for slug in ("bravo", "charly"):
        await scene.add(slug)
    async with scene.pool.acquire() as connection, connection.transaction():
        await subscriptions.add(
            connection, scene.vault, None, "https://a.example/", ["message.received"], Secrets.new()
        )
    for slug in ("charly", "acme", "bravo"):
        await scene.write("hola", slug=slug)

    async def are_kept() -> bool:
        await look(scene)
        return bool(await scene.pool.fetchval("SELECT count(*) = 3 FROM tellings"))

    await until(are_kept)
    for _ in range(3):  # until the round has ended
        await scene.teller.look()
    looks.clear()
    await scene.teller.look()
    assert not any(looks)
    monkeypatch.setattr(telling, "SELDOM", 0.0)
    scene.teller._again = 0.0
    await scene.teller.look()
    assert any(looks)


async def test_both_secrets_sign_while_one_is_changed(scene: Scene) -> None:
    tenant = (await scene.entry()).tenant.id
    async with told_of(scene, "message.received") as receiver:
        new = Secrets.new()
        async with scene.pool.acquire() as connection:
            change = Change(secret=new.signing[0], token_secret=new.token)
            await subscriptions.change(connection, scene.vault, tenant, receiver.subscription.id, change)
        await scene.write("hola")
        await tell(scene)
        await scene.pool.execute("UPDATE subscriptions SET former_until = now()")
        await scene.write("otra")
        await tell(scene)
    (first, said), (second, later) = receiver.desk.posted
    for secret in (receiver.secrets.signing[0], new.signing[0]):
        Webhook(secret).verify(said, first)
    Webhook(new.signing[0]).verify(later, second)
    assert " " not in second["webhook-signature"]
    sealed = str(await receiver.row())
    assert new.token not in sealed and new.signing[0] not in sealed


async def test_secrets_open_in_their_row_alone_and_by_the_newest_master_key(scene: Scene) -> None:
    async with told_of(scene, "message.received") as receiver, scene.pool.acquire() as connection:
        old = scene.vault.sealing_key.id
        add_master_key(scene.vault.path)
        vault = Vault.read(scene.vault.path)
        assert await subscriptions.sealed_by(connection, old) == 1
        assert await subscriptions.reseal(connection, vault) == 1
        assert await subscriptions.sealed_by(connection, old) == 0
        assert await subscriptions.reseal(connection, vault) == 0
        found = await subscriptions.secrets(connection, vault, receiver.subscription)
        assert found == receiver.secrets
        await connection.execute("UPDATE subscriptions SET secret = token_secret")
        with pytest.raises(VaultError):
            await subscriptions.secrets(connection, vault, receiver.subscription)


async def test_a_private_address_is_told_where_the_operator_allows_it_alone(scene: Scene) -> None:
    tenant = (await scene.entry()).tenant.id
    async with told_of(scene, "message.received") as receiver:
        await scene.write("hola")
        async with scene.pool.acquire() as connection:
            await hosts.remove(connection, tenant, Host.of(receiver.subscription.url))
            with pytest.raises(SubscriptionError, match="begins with https"):
                await subscriptions.add(
                    connection, scene.vault, tenant, receiver.subscription.url, [], receiver.secrets
                )
        await tell(scene)
    assert receiver.desk.posted == []
    [row] = await receiver.rows()
    assert "does not allow" in row["cause"]
    hidden = Receiver(1, "https://127.0.0.1:1/", receiver.secrets, "x", private=False)
    said = await hidden.post("x", {})
    assert said.cause and "not in the public internet" in said.cause and said.status is None


async def test_of_a_public_answer_a_kilobyte_is_kept_and_no_redirect_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fetch, "is_public", lambda address: True)
    followed = Desk()

    async def long(request: object) -> Response:
        return PlainTextResponse("ñ" * 5000, status_code=500)

    async def away(request: object) -> Response:
        return RedirectResponse("/followed", 307)

    routes = [Route("/long", long, methods=["POST"]), Route("/away", away, methods=["POST"])]
    app = Starlette(routes=[*routes, Route("/followed", followed.take, methods=["POST"])])
    async with serving(app) as url:
        said = await Receiver(1, f"{url}/long", Secrets.new(), "x", private=False).post("x", {})
        hidden = await Receiver(1, f"{url}/long", Secrets.new(), "x", private=True).post("x", {})
        led = await Receiver(1, f"{url}/away", Secrets.new(), "x", private=False).post("x", {})
    assert said.status == 500 and said.said == "ñ" * 512
    assert hidden.status == 500 and hidden.said is None
    assert led.cause == "The receiver answered 307: name the address that it leads to."
    assert followed.posted == []


async def test_a_test_says_what_is_wrong_and_is_one_a_minute(scene: Scene) -> None:
    async with told_of(scene) as receiver:
        receiver.desk.answers = [Response(status_code=403)]
        said = await posting.test(scene.pool, scene.vault, scene.teller.settings, receiver.subscription)
        assert said.cause and "ignore no bots" in said.cause
        with pytest.raises(SubscriptionError, match="less than a minute"):
            await posting.test(scene.pool, scene.vault, scene.teller.settings, receiver.subscription)
        [told] = receiver.told
        assert told["type"] == "test" and told["data"]["tenant"] == "acme"


async def test_what_was_given_up_or_told_is_told_again_when_asked(scene: Scene) -> None:
    tenant = (await scene.entry()).tenant.id
    async with told_of(scene, "message.received") as receiver:
        for text in ("uno", "dos"):
            await scene.write(text)
        receiver.desk.answers = [Response(status_code=500)]
        await tell(scene)
        await scene.pool.execute("UPDATE tellings SET due_at = NULL WHERE due_at IS NOT NULL")  # given up
        async with scene.pool.acquire() as connection:
            failed = Filter(state="failed")
            assert await tellings.count(connection, tenant, failed) == {receiver.subscription.id: 1}
            assert await tellings.replay(connection, tenant, failed) == 1
            [shown] = await tellings.list_all(connection, tenant, Filter(state="waiting"), 10)
            assert shown.state == "waiting"
        await tell(scene)
        async with scene.pool.acquire() as connection:
            assert await tellings.replay(connection, tenant, Filter(name=receiver.desk.ids[0])) == 1
        await tell(scene)
    assert len(receiver.desk.posted) == 4 and len(set(receiver.desk.ids)) == 2


async def test_a_worker_that_dies_while_it_tells_has_it_told_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with told_of(scene, "message.received") as receiver:
        await scene.write("hola")
        [job] = await look(scene)

        async def dies(*_: object) -> None:
            raise asyncio.CancelledError

        with monkeypatch.context() as patch:
            patch.setattr(tellings, "note", dies)
            with pytest.raises(asyncio.CancelledError):
                await scene.teller.tell(job)
        assert await look(scene) == []  # its lease is not over
        await scene.pool.execute("UPDATE subscriptions SET due_at = now()")
        await tell(scene)
        await scene.teller.tell(job)  # of before
    assert len(receiver.desk.posted) == 2 and len(set(receiver.desk.ids)) == 1


async def test_nothing_is_written_or_asked_where_nobody_is_told(scene: Scene) -> None:
    await answer(scene)
    for _ in range(3):
        await scene.teller.look()
    assert scene.teller._horizon.position == (0, 0)
    assert not await scene.pool.fetchval("SELECT count(*) FROM tellings")


async def test_a_message_that_was_forgotten_meanwhile_is_told_without_its_words(scene: Scene) -> None:
    async with told_of(scene, "message.received") as receiver:
        await scene.write("secreto")
        jobs = await look(scene)
        await scene.pool.execute("DELETE FROM messages")
        for job in jobs:
            await scene.teller.tell(job)
    assert receiver.desk.posted == []
    [row] = await receiver.rows()
    assert (row["due_at"], row["told_at"], row["cause"]) == (None, None, telling.FORGOTTEN)


def test_the_agent_begins_as_browsers_begin() -> None:
    """isbot 3.6, by which n8n knows bots, takes `Name/1.0` for one and this for none."""
    assert posting.USER_AGENT.startswith("Mozilla/5.0 (compatible; ")
