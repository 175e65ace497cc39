"""Browsers are told that somebody waits: once a minute, for their sign-in alone, by the keys they gave."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec
from push_service import CURVE, PushService, Subscribed, push_service, read
from scene import Scene
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from told import LOOPBACK, WISH
from waiting import LIMIT, until

from conserje.access import logins, sign_ins
from conserje.conversations import handling, reads
from conserje.notices import devices, push_keys, pushes, pushing, web_push
from conserje.notices.devices import NoDevice
from conserje.notices.web_push import Address
from conserje.storage.jobs import Job, read_payload
from conserje.storage.notifications import MARK
from conserje.tenants.keyring import add_master_key
from conserje.tenants.vault import Vault
from conserje_fakes.server import until_gone

PERSON = (
    "INSERT INTO people (tenant_id, name, email, role, login_id) VALUES ($1, $2, $2 || '@x.example', $3, $4)"
)
ENDPOINT = "UPDATE devices SET endpoint = $1 WHERE sign_in = $2"  # where the stand-in is, without TLS


@dataclass
class Agent:
    """Somebody of the shop's, signed in at a browser that is told."""

    login_id: int
    sign_in: bytes
    browser: Subscribed

    @property
    def told(self) -> list[str]:
        return [each["body"] for each in self.browser.shown]


@dataclass
class Shop:
    scene: Scene
    service: PushService
    key: str

    async def agent(self, name: str, role: str = "agent", slug: str = "acme") -> Agent:
        tenant_id = (await self.scene.entry(slug)).tenant.id
        async with self.scene.pool.acquire() as connection:
            login_id = await logins.add(connection, f"{name}@x.example", name)
            await logins.set_language(connection, login_id, "en")
            await connection.execute(PERSON, tenant_id, name, role, login_id)
        return await self.browser_of(login_id)

    async def browser_of(self, login_id: int) -> Agent:
        """One more browser of a login's."""
        async with self.scene.pool.acquire() as connection, connection.transaction():
            sign_in = sign_ins.hash_of(await sign_ins.begin(connection, login_id, None, ""))
            agent = Agent(login_id, sign_in, self.service.subscribe(self.key))
            address = agent.browser.address
            told = Address(address.endpoint.replace("http:", "https:"), address.p256dh, address.auth)
            await devices.keep(connection, login_id, sign_in, told)
            await connection.execute(ENDPOINT, address.endpoint, sign_in)
        return agent

    async def look(self) -> list[Job]:
        """The jobs that tell, once all that has happened is known."""
        last = await self.scene.pool.fetchrow(MARK)
        assert last is not None
        wanted = self.scene.pusher.settings.pushes and await self.scene.pool.fetchval(devices.ANY)
        while wanted and self.scene.pusher._horizon.position < (last["message_id"], last["number"]):
            await self.scene.pusher.look()
            await asyncio.sleep(0.01)
        await self.scene.pusher.look()
        rows = await self.scene.pool.fetch(
            "DELETE FROM pgqueuer.pgqueuer WHERE entrypoint = 'push' RETURNING payload"
        )
        return [Job("push", *read_payload(row["payload"])) for row in rows]

    async def tell(self) -> int:
        """How many were called for."""
        called = await self.look()
        await asyncio.gather(*(self.scene.pusher.push(job) for job in called))
        return len(called)

    async def rest(self) -> None:
        """As if a minute had gone."""
        await self.scene.pool.execute("UPDATE pushes SET rests_until = now()")

    async def hand_over(self, sender: str = "ana") -> int:
        """A contact who wishes for a person; their conversation."""
        await self.write(WISH, sender)
        found: int = await self.scene.pool.fetchval("SELECT max(id) FROM conversations")
        return found

    async def write(self, text: str, sender: str = "ana") -> None:
        await self.scene.write(text, sender)
        for row in await self.scene.pool.fetch("SELECT tenant_id, id FROM conversations"):
            await self.scene.conversation.converse(Job("converse", *row))

    async def take(self, agent: Agent, conversation_id: int) -> None:
        tenant = (await self.scene.entry()).tenant
        await handling.take(self.scene.pool, tenant, conversation_id, "Eva", agent.login_id)


@pytest_asyncio.fixture
async def shop(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setattr(pushing, "LIMIT", LIMIT)
    scene.pusher.settings = scene.pusher.settings.model_copy(update={"fetch_allow": LOOPBACK})
    async with push_service() as service, scene.pool.acquire() as connection:
        yield Shop(scene, service, await push_keys.public(connection, scene.vault))


async def rows(shop: Shop, what: str = "failures") -> list[object]:
    return [row[0] for row in await shop.scene.pool.fetch(f"SELECT {what} FROM pushes ORDER BY id")]


async def test_who_answers_is_told_of_a_hand_over_without_a_word_of_it(shop: Shop) -> None:
    eva, luis, rita = (
        await shop.agent("eva"),
        await shop.agent("luis", "owner"),
        await shop.agent("rita", "reader"),
    )
    await shop.hand_over()
    await shop.tell()
    shown = {"title": "acme", "body": "1 conversation waits for you.", "url": "/t/acme/desk", "tag": "acme"}
    assert eva.browser.shown == luis.browser.shown == [shown]
    assert rita.browser.shown == []
    assert await shop.tell() == 0


async def test_who_has_a_conversation_is_told_of_it_and_nobody_else(shop: Shop) -> None:
    eva, luis = await shop.agent("eva"), await shop.agent("luis")
    talk = await shop.hand_over()
    await shop.take(eva, talk)
    await shop.tell()
    assert eva.told == ["1 conversation waits for you."]  # what was written before she took it
    assert luis.told == []
    await shop.rest()
    await shop.write("¿hola?")
    await shop.tell()
    assert (len(eva.told), luis.told) == (2, [])


async def test_what_is_read_or_answered_by_then_is_not_told(shop: Shop) -> None:
    eva = await shop.agent("eva")
    talk = await shop.hand_over()
    await shop.take(eva, talk)
    tenant_id = (await shop.scene.entry()).tenant.id
    async with shop.scene.pool.acquire() as connection:
        await reads.mark(connection, tenant_id, eva.login_id, talk, 10**9)
    await shop.tell()
    assert eva.told == [] and await rows(shop, "due_at") == [None]


async def test_one_is_told_once_a_minute_and_then_of_all(shop: Shop) -> None:
    eva = await shop.agent("eva")
    await shop.hand_over()
    await shop.tell()
    for sender in ("leo", "mia"):
        await shop.hand_over(sender)
    assert await shop.tell() == 0
    await shop.rest()
    await shop.tell()
    assert eva.told == ["1 conversation waits for you.", "3 conversations wait for you."]


async def test_a_worker_does_it(shop: Shop) -> None:
    eva = await shop.agent("eva")
    async with shop.scene.working():
        await shop.scene.write(WISH)
        await until(lambda: eva.told)


async def test_a_job_that_comes_twice_tells_once(shop: Shop) -> None:
    eva = await shop.agent("eva")
    await shop.hand_over()
    [job] = await shop.look()
    await asyncio.gather(shop.scene.pusher.push(job), shop.scene.pusher.push(job))
    await shop.scene.pusher.push(job)
    assert len(eva.told) == 1


async def test_where_no_browser_is_told_nothing_is_asked(scene: Scene) -> None:
    await scene.pusher.look()
    assert scene.pusher._horizon.position == (0, 0)


async def test_without_https_nobody_is_told(shop: Shop) -> None:
    await shop.agent("eva")
    open_http = {"public_url": "http://{slug}.shops.example"}
    shop.scene.pusher.settings = shop.scene.pusher.settings.model_copy(update=open_http)
    await shop.hand_over()
    assert await shop.tell() == 0


@pytest.mark.parametrize(
    "end",
    [
        "UPDATE people SET role = 'reader' WHERE login_id = $1",
        "UPDATE people SET active = false WHERE login_id = $1",
        "DELETE FROM people WHERE login_id = $1",
        "DELETE FROM sign_ins WHERE login_id = $1",
        "DELETE FROM logins WHERE id = $1",
        "UPDATE tenants SET status = 'suspended' WHERE $1 > 0",
    ],
)
async def test_who_is_not_signed_in_or_of_the_shop_any_more_is_told_nothing(shop: Shop, end: str) -> None:
    eva = await shop.agent("eva")
    await shop.hand_over()
    called = await shop.look()
    await shop.scene.pool.execute(end, eva.login_id)
    await shop.scene.heard()
    for job in [*called, *await shop.look()]:
        await shop.scene.pusher.push(job)
    assert shop.service.asked == []


@pytest.mark.parametrize(
    "since", ["seen_at = now() - interval '13 hours'", "created_at = now() - interval '15 days'"]
)
async def test_who_was_not_there_for_long_is_told_that_they_are_signed_out(shop: Shop, since: str) -> None:
    eva, luis = await shop.agent("eva"), await shop.agent("luis")
    bravo = (await shop.scene.add("bravo")).tenant.id
    await shop.scene.pool.execute(PERSON, bravo, "eva", "agent", eva.login_id)
    await shop.look()
    await shop.scene.pool.execute(f"UPDATE sign_ins SET {since} WHERE login_id = $1", eva.login_id)
    for _ in range(2):
        await shop.rest()
        await shop.tell()
        await shop.hand_over()
    assert eva.told == ["You are signed out here. Sign in again to be told."]
    assert luis.told == ["1 conversation waits for you."]


@pytest.mark.parametrize("status", [404, 410])
async def test_a_browser_that_is_gone_is_asked_once(shop: Shop, status: int) -> None:
    await shop.agent("eva")
    shop.service.answers = [status]
    await shop.hand_over()
    await shop.tell()
    assert await shop.scene.pool.fetchval("SELECT count(*) FROM devices") == 0


async def _endless(request: Request) -> Response:
    """Ten gigabytes, of which it sends as much as anybody takes."""

    async def body() -> AsyncIterator[bytes]:
        yield bytes(2**16)
        await until_gone(request)

    return StreamingResponse(body(), 201, headers={"content-length": str(10 * 2**30)})


async def test_an_answer_without_end_is_not_read(shop: Shop) -> None:
    await shop.agent("eva")
    shop.service.answers = [_endless]
    await shop.hand_over()
    await shop.tell()
    assert await rows(shop, "due_at") == [None]


async def _elsewhere(request: Request) -> Response:
    return RedirectResponse(str(request.url.replace(path="/push/elsewhere")), 307)


async def _hangs(request: Request) -> Response:
    await until_gone(request)
    return Response()


@pytest.mark.parametrize("fails", [_elsewhere, _hangs, 500, 429, 401])
async def test_a_service_that_takes_nothing_is_asked_less_and_less_often(
    shop: Shop, fails: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "LIMIT", 1.0 if fails is _hangs else LIMIT)
    eva = await shop.agent("eva")
    shop.service.answers = [fails, fails]
    await shop.hand_over()
    await shop.tell()
    assert len(shop.service.asked) <= 1  # nothing is followed
    await shop.rest()
    await shop.tell()
    monkeypatch.setattr(pushing, "LIMIT", LIMIT)
    shop.service.answers.clear()
    assert await rows(shop) == [2]
    assert await rows(shop, "rests_until > now() + interval '4 minutes'") == [True]
    await shop.write("¿hola?")
    assert await shop.tell() == 0  # who writes meanwhile hastens nothing
    await shop.rest()
    await shop.tell()
    assert eva.told == ["1 conversation waits for you."] and await rows(shop) == [0]


async def test_a_service_that_is_out_is_left_alone_for_all_of_its_browsers(shop: Shop) -> None:
    agents = [await shop.agent(name) for name in ("eva", "luis", "mia", "leo", "pia")]
    shop.service.answers = [500] * pushing.SILENT
    await shop.hand_over()
    for job in await shop.look():
        await shop.scene.pusher.push(job)
    assert len(shop.service.asked) == pushing.SILENT
    shop.scene.pusher._failures.clear()  # as if a minute had gone
    await shop.rest()
    await shop.tell()
    assert all(len(each.told) == 1 for each in agents)


async def test_what_one_browser_is_refused_keeps_nobody_else_from_it(shop: Shop) -> None:
    agents = [await shop.agent(name) for name in ("eva", "luis", "mia", "leo", "pia")]
    shop.service.answers = [400] * 4
    await shop.hand_over()
    for job in await shop.look():
        await shop.scene.pusher.push(job)
    assert sum(len(each.told) for each in agents) == 1


async def test_an_address_within_is_never_asked(shop: Shop) -> None:
    await shop.agent("eva")
    shop.scene.pusher.settings = shop.scene.pusher.settings.model_copy(update={"fetch_allow": ()})
    await shop.hand_over()
    await shop.tell()
    assert shop.service.asked == []
    assert await shop.scene.pool.fetchval("SELECT count(*) FROM devices") == 0


@pytest.mark.parametrize(
    "url",
    ["http://push.example/1", "https://", "https://a:b@push.example/", "https://push.example/#x", "file:///etc",
     "https://push.example:0/", "https://[::1/", "https://push.example/" + "x" * 1000, "https://púsh.example/"],
)  # fmt: skip
async def test_what_is_no_push_service_s_address_is_refused(shop: Shop, url: str) -> None:
    eva = await shop.agent("eva")
    address = eva.browser.address
    async with shop.scene.pool.acquire() as connection:
        with pytest.raises(NoDevice):
            await devices.keep(
                connection, eva.login_id, eva.sign_in, Address(url, address.p256dh, address.auth)
            )
        for point, auth in ((b"\4" + bytes(64), address.auth), (address.p256dh, b"x"), (b"", address.auth)):
            with pytest.raises(NoDevice):
                given = Address("https://push.example/1", point, auth)
                await devices.keep(connection, eva.login_id, eva.sign_in, given)


async def test_a_login_has_so_many_browsers_and_no_more(shop: Shop) -> None:
    eva = await shop.agent("eva")
    last = [await shop.browser_of(eva.login_id) for _ in range(devices.MOST)]
    await shop.hand_over()
    await shop.tell()
    assert eva.told == [] and all(each.told for each in last)


async def test_a_browser_is_told_for_whoever_signed_in_there_last(shop: Shop) -> None:
    eva, luis = await shop.agent("eva"), await shop.agent("luis")
    address = eva.browser.address
    https = Address("https" + address.endpoint.removeprefix("http"), address.p256dh, address.auth)
    await shop.scene.pool.execute(ENDPOINT, https.endpoint, eva.sign_in)
    async with shop.scene.pool.acquire() as connection, connection.transaction():
        await devices.keep(connection, luis.login_id, luis.sign_in, https)
        assert not await devices.is_kept(connection, eva.sign_in)
        assert await devices.is_kept(connection, luis.sign_in)


async def test_a_stolen_endpoint_takes_nothing_from_whose_it_is(shop: Shop) -> None:
    eva, thief = await shop.agent("eva"), await shop.agent("thief")
    await shop.scene.pool.execute(ENDPOINT, eva.browser.url, thief.sign_in)  # with keys of their own
    await shop.scene.pool.execute("DELETE FROM pushes WHERE sign_in = $1", thief.sign_in)
    await shop.hand_over()
    await shop.tell()
    assert eva.told == ["1 conversation waits for you."]


async def test_a_login_of_two_shops_is_told_of_each(shop: Shop) -> None:
    eva = await shop.agent("eva")
    bravo = (await shop.scene.add("bravo")).tenant.id
    await shop.scene.pool.execute(PERSON, bravo, "eva", "agent", eva.login_id)
    await shop.look()
    await shop.scene.write(WISH, slug="bravo")
    await shop.hand_over()
    await shop.tell()
    assert sorted(each["title"] for each in eva.browser.shown) == ["acme", "bravo"]


async def test_the_key_is_made_once_and_sealed_anew(shop: Shop) -> None:
    async with shop.scene.pool.acquire() as connection:
        assert await push_keys.public(connection, shop.scene.vault) == shop.key
        old = shop.scene.vault.sealing_key.id
        before = await push_keys.get(connection, shop.scene.vault)
        add_master_key(shop.scene.vault.path)
        vault = Vault.read(shop.scene.vault.path)
        assert await push_keys.is_sealed_by(connection, old)
        await push_keys.reseal(connection, vault)
        assert not await push_keys.is_sealed_by(connection, old)
        after = await push_keys.get(connection, vault)
        assert after.private.private_numbers() == before.private.private_numbers()
        sealed = await connection.fetchval("SELECT private FROM push_keys")
    number = before.private.private_numbers().private_value.to_bytes(32, "big")
    assert base64.urlsafe_b64encode(number).rstrip(b"=").decode() not in sealed


async def test_a_look_waits_for_nobody_who_signs_out(shop: Shop) -> None:
    eva = await shop.agent("eva")
    await shop.agent("luis")
    await shop.scene.pool.execute("DELETE FROM pushes WHERE sign_in = $1", eva.sign_in)
    await shop.scene.pool.execute("UPDATE sign_ins SET seen_at = now() - interval '13 hours'")
    async with shop.scene.pool.acquire() as leaving, leaving.transaction():
        await leaving.execute("DELETE FROM sign_ins")
        await shop.scene.pusher.look()
        assert await rows(shop, "due_at") == [None]
    await shop.scene.pusher.look()
    assert await rows(shop) == []


async def test_what_a_restored_installation_would_tell_is_told_by_the_other(shop: Shop) -> None:
    await shop.agent("eva")
    await shop.hand_over()
    await shop.look()
    async with shop.scene.pool.acquire() as connection:
        await pushes.end_all(connection)
    await shop.rest()
    assert await shop.tell() == 0


# RFC 8291, appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
RECEIVER = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK"
    "6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_stand_in_reads_as_the_standard_says_and_so_do_we_write() -> None:
    private = ec.derive_private_key(int.from_bytes(read(RECEIVER), "big"), CURVE)
    browser = Subscribed("https://push.example/1", private=private, auth=read(AUTH))
    assert browser.opened(read(BODY)) == PLAIN
    assert browser.opened(web_push.encrypted(browser.address, PLAIN)) == PLAIN
