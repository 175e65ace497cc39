"""The Meta stand-in refuses what Meta refuses, and posts as Meta posts."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from waiting import LIMIT, until

from conserje_fakes.meta import Number, StandIn, Template, create
from conserje_fakes.server import serving

NUMBER, OTHER, PHONE, USER = "106540352242922", "206540352242922", "56922222222", "CL.134912"
SEND = f"/v26.0/{NUMBER}/messages"


@dataclass
class Receiver:
    """Somebody's webhook: keeps what is posted, answers what it is told to."""

    answers: list[int] = field(default_factory=list)  # then 200
    posted: list[tuple[bytes, str]] = field(default_factory=list)
    challenge: str = ""

    async def __call__(self, request: Request) -> Response:
        if request.method == "GET":
            return Response(self.challenge or request.query_params["hub.challenge"])
        self.posted.append((await request.body(), request.headers["x-hub-signature-256"]))
        return Response(status_code=self.answers.pop(0) if self.answers else 200)

    async def values(self, count: int) -> list[dict[str, Any]]:
        """The changes of the first `count` posts, as soon as there are so many."""
        await until(lambda: len(self.posted) >= count)
        bodies = [json.loads(body) for body, _ in self.posted]
        return [c["value"] for body in bodies for entry in body["entry"] for c in entry["changes"]]


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    receiver = Receiver()

    async def endpoint(request: Request) -> Response:
        return await receiver(request)

    async with serving(Starlette(routes=[Route("/{path:path}", endpoint, methods=["GET", "POST"])])) as url:
        yield receiver, url.replace("127.0.0.1", "tienda.localhost") + "/bot/meta/webhook"


@dataclass
class Meta:
    http: httpx2.AsyncClient
    stand_in: StandIn

    async def send(self, **fields: Any) -> httpx2.Response:
        plain = {"messaging_product": "whatsapp", "to": PHONE, "type": "text", "text": {"body": "Hola"}}
        body = {name: value for name, value in {**plain, **fields}.items() if value is not None}
        return await self.http.post(SEND, json=body)

    async def code(self, **fields: Any) -> int:
        """The error's code; 0: it was taken."""
        return code_of(await self.send(**fields))


def code_of(answer: httpx2.Response) -> int:
    return int(answer.json().get("error", {}).get("code", 0))


@asynccontextmanager
async def meta(webhook: str = "", token: str = "EAAficha", **ways: Any) -> AsyncIterator[Meta]:
    templates = {
        ("aviso", "es"): Template(1),
        ("oferta", "es"): Template(0, "MARKETING"),
        ("pedido", "es"): Template(names=["nombre"], header="image", buttons={0: "url"}),
        ("clave", "es"): Template(0, "AUTHENTICATION"),
    }
    numbers = [
        Number(NUMBER, "EAAficha", "s3creto", webhook, templates=templates),
        Number(OTHER, "EAAotra", "s3creto", webhook),
    ]
    ways = {"window": None, "habit": "none", **ways}
    app = create(numbers, **ways)
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with (
        serving(app) as url,
        httpx2.AsyncClient(base_url=url, headers=headers, timeout=LIMIT, trust_env=False) as http,
    ):
        yield Meta(http, app.state.stand_in)


async def test_a_message_is_taken_as_meta_takes_it() -> None:
    async with meta() as at:
        answer = await at.send()
        named = await at.send(to=None, recipient=USER)
    taken = answer.json()
    assert answer.status_code == 200
    assert taken["contacts"] == [{"input": PHONE, "wa_id": PHONE}]
    assert taken["messages"][0]["id"].startswith("wamid.")
    assert named.json()["contacts"] == [{"input": USER, "user_id": USER}]
    assert at.stand_in.sent(NUMBER, PHONE) == ["Hola"]


@pytest.mark.parametrize("token", ["", "EAAajena"])
async def test_who_has_no_token_of_the_number_s_is_refused(token: str) -> None:
    async with meta(token=token) as at:
        answer = await at.send()
        assert (answer.status_code, code_of(answer)) == (401, 190)
        assert not at.stand_in.taken


async def test_another_number_s_token_does_not_do() -> None:
    async with meta(token="EAAotra") as at:
        assert await at.code() == 100


def buttons(*choices: tuple[str, str], text: str = "¿?") -> dict[str, Any]:
    listed = [{"type": "reply", "reply": {"id": id, "title": title}} for id, title in choices]
    interactive = {"type": "button", "body": {"text": text}, "action": {"buttons": listed}}
    return {"type": "interactive", "interactive": interactive}


def rows(*choices: tuple[str, str, str], button: str = "Ver") -> dict[str, Any]:
    listed = [{"id": id, "title": title, "description": said} for id, title, said in choices]
    action = {"button": button, "sections": [{"rows": listed}]}
    return {"type": "interactive", "interactive": {"type": "list", "body": {"text": "¿?"}, "action": action}}


def template(name: str, *values: str) -> dict[str, Any]:
    parameters = [{"type": "text", "text": value} for value in values]
    components = [{"type": "body", "parameters": parameters}] if values else []
    return {
        "type": "template",
        "template": {"name": name, "language": {"code": "es"}, "components": components},
    }


LINK = "https://a.example/1"
PICTURE = {"type": "image", "image": {"link": LINK}}
URL = (0, "url", {"type": "text", "text": "7"})
NAMED = {"type": "text", "text": "Ana", "parameter_name": "nombre"}


def filled(
    header: dict[str, Any] | None = None,
    value: dict[str, Any] = NAMED,
    button: tuple[int, str, dict[str, Any]] = URL,
    name: str = "pedido",
) -> dict[str, Any]:
    """A message by a template with a picture above its words, a place with a name, and a link."""
    index, sub_type, parameter = button
    components = [
        *([{"type": "header", "parameters": [header]}] if header else []),
        {"type": "body", "parameters": [value]},
        {"type": "button", "sub_type": sub_type, "index": str(index), "parameters": [parameter]},
    ]
    said = {"name": name, "language": {"code": "es"}, "components": components}
    return {"type": "template", "template": said}


def card(name: str = "Ana", phone: str = "+56 9", wa_id: str = "56912345678") -> dict[str, Any]:
    names = {"formatted_name": name, "first_name": name}
    return {"type": "contacts", "contacts": [{"name": names, "phones": [{"phone": phone, "wa_id": wa_id}]}]}


TOO_MUCH: list[tuple[int, dict[str, Any]]] = [
    (100, {"messaging_product": None}),
    (131008, {"to": None}),
    (100, {"recipient": USER}),
    (131009, {"to": "ana"}),
    (131009, {"to": None, "recipient": "ana"}),
    (131051, {"type": "poll", "poll": {}}),
    (131008, {"type": "image"}),
    (100, {"text": {"body": ""}}),
    (100, {"text": {"body": "a" * 4097}}),
    (100, {"text": {"body": " \n"}}),
    (100, {"biz_opaque_callback_data": "a" * 513}),
    (131009, buttons()),
    (131009, buttons(*((str(n), str(n)) for n in range(4)))),
    (100, buttons(("1", "a" * 21))),
    (100, buttons(("1" * 257, "a"))),
    (131009, buttons(("1", "a"), ("1", "b"))),
    (131009, buttons(("1", "a"), ("2", "a"))),
    (131009, buttons(("1", "a"), ("2", "a "))),
    (131009, buttons((" 1", "a"))),
    (131009, buttons(("1", "a\nb"))),
    (100, buttons(("1", " "))),
    (100, buttons(("1", "a"), text=" ")),
    (100, buttons(("1", "a"), text="a" * 1025)),
    (131009, rows(*((str(n), str(n), "") for n in range(11)))),
    (100, rows(("1", "a" * 25, ""))),
    (100, rows(("1", "a", "d" * 73))),
    (100, rows(("1", "a", ""), button="")),
    (131008, {"type": "interactive", "interactive": {"type": "button", "body": {"text": "¿?"}}}),
    (131008, {"type": "image", "image": {}}),
    (131009, {"type": "image", "image": {"link": "kept:1"}}),
    (100, {"type": "image", "image": {"link": LINK, "caption": "a" * 1025}}),
    (100, {"type": "image", "image": {"link": LINK, "filename": "a.jpg"}}),
    (100, {"type": "audio", "audio": {"link": LINK, "caption": "a"}}),
    (131009, {"type": "location", "location": {"latitude": 91, "longitude": 0}}),
    (100, {"type": "document", "document": {"link": LINK, "filename": "a" * 241}}),
    (131008, {"type": "contacts", "contacts": [{"name": {}}]}),
    (131008, card(name=" ")),
    (131009, card(wa_id="+569")),
    (131008, card(phone="")),
    (131009, {"type": "reaction", "reaction": {"message_id": "wamid.nobody", "emoji": "👍"}}),
    (132001, template("nadie")),
    (132000, template("aviso")),
    (132012, template("aviso", "a\nb")),
    (132012, template("aviso", " ")),
    (132005, template("aviso", "a" * 1025)),
    (132000, template("pedido", "Ana")),
    (132000, filled(header={"type": "text", "text": "a"}, name="aviso")),
    (132000, filled()),
    (132012, filled(header={"type": "text", "text": "a"})),
    (131009, filled(header={"type": "image", "image": {"link": "kept:1"}})),
    (132012, filled(header=PICTURE, button=(1, "url", {"type": "text", "text": "a"}))),
    (132012, filled(header=PICTURE, button=(0, "quick_reply", {"type": "payload", "payload": "a"}))),
    (132012, filled(header=PICTURE, button=(0, "url", {"type": "payload", "payload": "a"}))),
    (132012, filled(header=PICTURE, value={"type": "text", "text": "Ana"})),
    (131062, {**template("clave"), "to": None, "recipient": USER}),
]


@pytest.mark.parametrize(("code", "fields"), TOO_MUCH)
async def test_what_meta_does_not_take_is_refused_with_its_code(code: int, fields: dict[str, Any]) -> None:
    async with meta() as at:
        assert await at.code(**fields) == code
        assert not at.stand_in.taken


async def test_what_is_at_its_limit_is_taken() -> None:
    async with meta() as at:
        assert not await at.code(text={"body": "a" * 4096})
        assert not await at.code(**buttons(*((str(n) * 256, str(n) * 20) for n in range(3)), text="a" * 1024))
        assert not await at.code(**rows(*((str(n) * 200, str(n) * 24, "d" * 72) for n in range(10))))
        assert not await at.code(**template("aviso", "Ana"))
        assert not await at.code(**filled(PICTURE))
        assert not await at.code(**card())
        assert not await at.code(type="document", document={"link": LINK, "filename": "a.pdf"})


async def test_outside_the_window_only_templates_are_taken() -> None:
    clock = {"ahead": 0.0}
    async with meta(window=24 * 3600.0, now=lambda: time.time() + clock["ahead"]) as at:
        assert await at.code() == 131047
        at.stand_in.receive(NUMBER, PHONE, {"type": "text", "text": {"body": "hola"}})
        assert not await at.code()
        clock["ahead"] = 24 * 3600.0 + 1
        assert await at.code() == 131047
        assert not await at.code(**template("aviso", "Ana"))


async def test_a_contact_gets_a_burst_and_then_one_message_in_six_seconds() -> None:
    clock = {"ahead": 0.0}
    async with meta(pair_burst=2, now=lambda: time.time() + clock["ahead"]) as at:
        assert [await at.code() for _ in range(3)] == [0, 0, 131056]
        assert not await at.code(to="56933333333")
        clock["ahead"] = 6.1
        assert [await at.code() for _ in range(2)] == [0, 131056]


async def test_a_number_sends_no_more_than_its_rate() -> None:
    async with meta(rate=2) as at:
        answers = [await at.send() for _ in range(3)]
    assert [code_of(answer) for answer in answers] == [0, 0, 130429]
    assert answers[2].status_code == 429


async def test_marketing_does_not_go_to_who_stopped_it() -> None:
    async with meta() as at:
        at.stand_in.stopped_marketing.add((NUMBER, PHONE))
        assert await at.code(**template("oferta")) == 131050
        assert not await at.code(**template("aviso", "Ana"))


async def test_a_file_needs_the_bearer_and_its_address_lives_five_minutes() -> None:
    clock = {"ahead": 0.0}
    async with meta(now=lambda: time.time() + clock["ahead"]) as at:
        id = at.stand_in.keep_file(NUMBER, b"bytes", "image/jpeg")
        found = (await at.http.get(f"/v26.0/{id}")).json()
        assert found["sha256"] == hashlib.sha256(b"bytes").hexdigest()
        assert (await at.http.get(found["url"])).content == b"bytes"
        assert (await at.http.get(found["url"], headers={"authorization": ""})).status_code == 401
        clock["ahead"] = 301
        assert (await at.http.get(found["url"])).status_code == 404
        assert code_of(await at.http.get("/v26.0/77")) == 100


async def test_a_contact_s_file_is_asked_for_by_its_id_alone() -> None:
    async with meta() as at:
        id = at.stand_in.keep_file(NUMBER, b"bytes", "image/jpeg")
        asked = await at.http.get(f"/v26.0/{id}", params={"phone_number_id": NUMBER})
        assert code_of(asked) == 100
        assert "error_subcode" not in asked.json()["error"]
        foreign = await at.http.get(f"/v26.0/{at.stand_in.keep_file(OTHER, b'x', 'image/png')}")
        assert foreign.json()["error"]["error_subcode"] == 33


async def test_a_read_mark_names_a_message_that_came() -> None:
    async with meta() as at:
        mark = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.nobody"}
        assert code_of(await at.http.post(SEND, json=mark)) == 100
        id, _ = at.stand_in.receive(NUMBER, PHONE, {"type": "text", "text": {"body": "hola"}})
        assert not code_of(await at.http.post(SEND, json={**mark, "message_id": id}))


async def test_a_webhook_is_set_where_it_says_the_challenge_again(receiver: tuple[Receiver, str]) -> None:
    endpoint, url = receiver
    order = {"webhook_configuration": {"override_callback_uri": url, "verify_token": "palabra"}}
    async with meta() as at:
        endpoint.challenge = "something else"
        assert code_of(await at.http.post(f"/v26.0/{NUMBER}", json=order)) == 100
        assert at.stand_in.numbers[NUMBER].webhook == ""
        endpoint.challenge = ""
        assert not code_of(await at.http.post(f"/v26.0/{NUMBER}", json=order))
        assert at.stand_in.numbers[NUMBER].webhook == url


async def test_webhooks_are_signed_over_bytes_in_which_nothing_but_ascii_is(
    receiver: tuple[Receiver, str],
) -> None:
    endpoint, url = receiver
    async with meta(url) as at:
        await at.stand_in.write(NUMBER, PHONE, "¿Qué tal? ☕")
    ((body, signature),) = endpoint.posted
    assert signature == "sha256=" + hmac.new(b"s3creto", body, hashlib.sha256).hexdigest()
    assert b"\\u00bfQu\\u00e9 tal? \\u2615" in body


async def test_a_batch_is_posted_again_as_a_whole_until_it_is_answered_with_200(
    receiver: tuple[Receiver, str],
) -> None:
    endpoint, url = receiver
    endpoint.answers = [500, 403, 204, 302]
    async with meta(url, pauses=(0.01, 0.02)) as at:
        await asyncio.gather(at.stand_in.write(NUMBER, PHONE, "1", "2"), at.stand_in.write(OTHER, USER, "3"))
        assert at.stand_in.posts == [500, 403, 204, 302, 200]
    assert len({body for body, _ in endpoint.posted}) == 1
    assert len(await endpoint.values(1)) == 5 * 3  # two numbers of one app go together


async def test_the_pauses_between_two_posts_grow(receiver: tuple[Receiver, str]) -> None:
    endpoint, url = receiver
    endpoint.answers = [503] * 4
    async with meta(url, pauses=(0.05, 0.2)) as at:
        began = time.monotonic()
        await at.stand_in.write(NUMBER, PHONE, "1")
        assert time.monotonic() - began >= 0.05 + 0.1 + 0.2 + 0.2


async def test_a_user_without_a_phone_is_told_by_user_id(receiver: tuple[Receiver, str]) -> None:
    endpoint, url = receiver
    async with meta(url) as at:
        await at.stand_in.write(NUMBER, USER, "hola")
    (value,) = await endpoint.values(1)
    assert value["contacts"] == [{"profile": {"name": "Ana"}, "user_id": USER}]
    assert "from" not in value["messages"][0]


async def statuses(endpoint: Receiver, count: int) -> list[str]:
    """The statuses told, once there are `count` of them."""
    posts = 1
    while len(values := await endpoint.values(posts)) < count:
        posts += 1
    return [value["statuses"][0]["status"] for value in values]


HABITS = [
    ("in order", ["sent", "delivered"]),
    ("out of order", ["delivered", "sent"]),
    ("doubled", ["sent", "sent", "delivered", "delivered"]),
    ("late", ["sent", "delivered"]),
    ("before the answer", ["sent", "delivered"]),
]


@pytest.mark.parametrize(("habit", "steps"), HABITS)
async def test_what_becomes_of_a_message_is_told_in_the_way_of_the_habit(
    receiver: tuple[Receiver, str], habit: str, steps: list[str]
) -> None:
    endpoint, url = receiver
    async with meta(url, habit=habit, late=1) as at:
        answer = await at.send(biz_opaque_callback_data="mark")
        if habit == "before the answer":
            assert endpoint.posted
        if habit == "late":
            assert not endpoint.posted
        assert await statuses(endpoint, len(steps)) == steps
    value, *_ = await endpoint.values(1)
    (status,) = value["statuses"]
    assert status["id"] == answer.json()["messages"][0]["id"]
    assert status["biz_opaque_callback_data"] == "mark"
    assert status["pricing"] == {"billable": True, "pricing_model": "PMP", "category": "service"}


async def test_a_message_outside_the_window_may_fail_by_status(receiver: tuple[Receiver, str]) -> None:
    endpoint, url = receiver
    async with meta(url, habit="in order", window=24 * 3600.0, refuse_late=True) as at:
        assert not await at.code()
        assert await statuses(endpoint, 1) == ["failed"]
    (value,) = await endpoint.values(1)
    assert value["statuses"][0]["errors"][0]["code"] == 131047


@pytest.mark.parametrize(
    ("kind", "content_type", "content", "code"),
    [
        ("image", "image/jpeg", b"\xff\xd8\xff", None),
        ("image", "image/jpeg", b"\xff\xd8\xff" + bytes(5 * 1024 * 1024), 131053),
        ("document", "image/jpeg", b"\xff\xd8\xff" + bytes(5 * 1024 * 1024), None),
        ("image", "image/png", b"\xff\xd8\xff", 131053),
        ("image", "image/gif", b"GIF8", 131053),
        ("audio", "audio/ogg", b"OggS", None),
        ("audio", "audio/wav", b"RIFF", 131053),
        ("sticker", "image/webp", bytes(512_001), 131053),
        ("document", "application/pdf", b"", 131053),
    ],
)
async def test_a_file_that_meta_cannot_use_fails_by_status(
    receiver: tuple[Receiver, str], kind: str, content_type: str, content: bytes, code: int | None
) -> None:
    endpoint, url = receiver

    async def serve(_: Request) -> Response:
        return Response(content, media_type=content_type)

    async with (
        serving(Starlette(routes=[Route("/f", serve)])) as files,
        meta(url, habit="in order") as at,
    ):
        assert not await at.code(type=kind, **{kind: {"link": f"{files}/f"}})
        (status,) = await statuses(endpoint, 1) if code else ["sent"]
        assert (status == "failed") == bool(code)
    if code:
        (value,) = await endpoint.values(1)
        assert value["statuses"][0]["errors"][0]["code"] == code


async def test_an_account_without_an_app_says_so() -> None:
    async with meta() as at:
        at.stand_in.numbers[NUMBER].subscribed = False
        apps = "/v26.0/102290129340398/subscribed_apps"
        assert (await at.http.get(apps)).json() == {"data": []}
        assert (await at.http.post(apps)).json() == {"success": True}
        assert (await at.http.get(apps)).json()["data"]
