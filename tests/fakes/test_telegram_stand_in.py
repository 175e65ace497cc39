"""The Telegram stand-in refuses what the Bot API refuses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from conserje_fakes.telegram import Bot, Pace, StandIn, create
from conserje_fakes.telegram_chats import Chat

TOKEN, OTHER, ANA = "7123456789:AAFicha_de-la-tienda", "8123456789:AAotra", 555
HOOK = "https://acme.bot.example/bot/telegram/webhook"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100
PORT = "bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443"
OLD = "query is too old and response timeout expired or query ID is invalid"
STRICT = {"message_id": 9}
LOOSE = {"message_id": 9, "allow_sending_without_reply": True}
BUSY = "Character '.' is reserved and must be escaped with the preceding '\\'"


@dataclass
class Clock:
    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Telegram:
    http: httpx2.AsyncClient
    stand_in: StandIn
    clock: Clock

    @property
    def bot(self) -> Bot:
        return self.stand_in.bots[7123456789]

    async def ask(self, method: str, token: str = TOKEN, **fields: Any) -> httpx2.Response:
        return await self.http.post(f"/bot{token}/{method}", json=fields)

    async def send(self, text: str = "Hola", **fields: Any) -> httpx2.Response:
        return await self.ask("sendMessage", **{"chat_id": ANA, "text": text, **fields})

    async def why(self, method: str = "sendMessage", **fields: Any) -> str:
        """Why it is refused, with the code; empty: it is not."""
        answer = await self.ask(method, **{"chat_id": ANA, **fields})
        return cause(answer)


def cause(answer: httpx2.Response) -> str:
    said = answer.json()
    if said["ok"]:
        return ""
    assert said["error_code"] == answer.status_code
    return f"{answer.status_code} {said['description'].partition(': ')[2]}"


@asynccontextmanager
async def telegram(**ways: Any) -> AsyncIterator[Telegram]:
    clock = Clock()
    app = create([Bot(TOKEN), Bot(OTHER)], now=clock, **{"pace": Pace(None, None), **ways})
    transport = httpx2.ASGITransport(app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://telegram.example") as http:
        at = Telegram(http, app.state.stand_in, clock)
        at.bot.chats[ANA] = Chat(ANA)
        yield at
        await at.stand_in.close()


async def test_a_message_is_taken_as_telegram_takes_it() -> None:
    async with telegram() as at:
        answer = await at.send("<b>Hola</b> &amp; <i>chao</i> 👋", parse_mode="HTML")
        form = await at.http.post(
            f"/bot{TOKEN}/sendmessage", data={"chat_id": "555", "text": "Por formulario"}
        )
    message = answer.json()["result"]
    assert answer.status_code == 200 and form.json()["result"]["text"] == "Por formulario"
    assert message["text"] == "Hola & chao 👋" and message["chat"]["id"] == ANA
    assert [(e["type"], e["offset"], e["length"]) for e in message["entities"]] == [
        ("bold", 0, 4),
        ("italic", 7, 4),
    ]
    assert message["from"]["is_bot"] and form.json()["result"]["message_id"] == message["message_id"] + 1


@pytest.mark.parametrize(
    "token", ["", "x", "7123456789", "7123456789:AAotra", "9123456789:AAFicha_de-la-tienda"]
)
async def test_who_has_no_token_of_a_bot_s_is_refused(token: str) -> None:
    async with telegram() as at:
        assert (await at.ask("getMe", token or "0:0")).status_code == 401
        at.bot.revoked = True
        assert cause(await at.ask("getMe")).startswith("401")


async def test_an_unknown_method_is_not_found() -> None:
    async with telegram() as at:
        assert await at.why("sendWishes") == "404 method not found"


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("seen", "403 bot can't initiate conversation with a user"),
        ("blocked", "403 bot was blocked by the user"),
        ("gone", "403 user is deactivated"),
        ("left", "403 bot is not a member of the private chat"),
    ],
)
async def test_a_bot_cannot_write_to_who_does_not_want_it(state: Any, why: str) -> None:
    async with telegram() as at:
        at.bot.chats[ANA].state = state
        assert await at.why(text="Hola") == why
        assert await at.why("sendChatAction", action="typing") == why
        assert not at.bot.sent


async def test_a_bot_cannot_write_first() -> None:
    async with telegram() as at:
        assert await at.why(text="Hola", chat_id=556) == "400 chat not found"
        assert await at.why(text="Hola", chat_id="") == "400 chat_id is empty"
        assert await at.why(text="Hola", chat_id="@ana") == "400 chat not found"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "400 message text is empty"),
        (" \n", "400 message text is empty"),
        ("a" * 4096, ""),
        ("a" * 4097, "400 message is too long"),
        ("👋" * 2048, ""),
        ("👋" * 2049, "400 message is too long"),
    ],
)
async def test_a_text_has_its_length(text: str, why: str) -> None:
    async with telegram() as at:
        assert await at.why(text=text) == why


@pytest.mark.parametrize(
    ("mode", "text", "why"),
    [
        ("HTML", "<b>a", 'Can\'t find end tag corresponding to start tag "b"'),
        ("HTML", "a</b>", "Unexpected end tag at byte offset 1"),
        ("HTML", "<b>ñ<i>a</b></i>", 'Unmatched end tag at byte offset 9, expected "</i>", found "</b>"'),
        ("HTML", "2 < 3", 'Unsupported start tag "" at byte offset 2'),
        ("HTML", "2 <3>", 'Unsupported start tag "3" at byte offset 2'),
        ("HTML", "<h1>a</h1>", 'Unsupported start tag "h1" at byte offset 0'),
        ("HTML", "<b", "Unclosed start tag at byte offset 0"),
        ("HTML", "<a href='https://a.example'>a</a> &lt;&nbsp; & <code>a_b</code>", ""),
        ("MarkdownV2", "Son 3.990", BUSY),
        ("MarkdownV2", "*a", "Can't find end of Bold entity at byte offset 0"),
        ("MarkdownV2", "__a_", "Can't find end of Italic entity at byte offset 3"),
        ("MarkdownV2", "[a](https://a.example", "Can't find end of a URL at byte offset 0"),
        ("MarkdownV2", "*a* _b_ ~c~ ||d|| `e.` [f](https://a.example) 3\\.990\n>g", ""),
        ("BBCode", "a", "unsupported parse_mode"),
    ],
)
async def test_marks_fit_each_other(mode: str, text: str, why: str) -> None:
    async with telegram() as at:
        assert await at.why(text=text, parse_mode=mode) == (f"400 can't parse entities: {why}" if why else "")


@pytest.mark.parametrize(
    ("button", "why"),
    [
        ({"text": "Sí", "callback_data": "a" * 64}, ""),
        ({"text": "Sí", "callback_data": "ñ" * 33}, "BUTTON_DATA_INVALID"),
        ({"text": "Ver", "url": "https://a.example"}, ""),
        ({"text": " ", "callback_data": "a"}, "inline keyboard button text must be non-empty"),
        (
            {"text": "Sí"},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
    ],
)
async def test_a_button_has_words_and_something_short_to_come_back(button: dict[str, str], why: str) -> None:
    async with telegram() as at:
        given = await at.why(text="¿Te sirve?", reply_markup={"inline_keyboard": [[button]]})
        assert given == (f"400 {why}" if why else "")
        many = {"inline_keyboard": [[{"text": "a", "callback_data": "a"}]] * 101}
        assert await at.why(text="¿Cuál?", reply_markup=many) == "400 reply markup is too long"


async def test_one_message_a_second_to_a_chat_after_a_burst_and_thirty_in_all() -> None:
    async with telegram(pace=Pace(30, 5)) as at:
        answers = [await at.send() for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        told = answers[-1].json()["parameters"]["retry_after"]
        assert answers[-1].headers["retry-after"] == str(told) and 0 < told <= 5
        at.bot.chats |= {contact: Chat(contact) for contact in range(100)}
        others = [await at.send(chat_id=contact) for contact in range(30)]
        assert [answer.status_code for answer in others].count(429) == 5
        at.clock.now += 5
        assert (await at.send()).status_code == 200


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [
        (HOOK, "a_B-9", ""),
        (HOOK.replace("example", "example:8443"), "", ""),
        (HOOK.replace("example", "example:8080"), "", PORT),
        (HOOK.replace("https", "http"), "", "bad webhook: An HTTPS URL must be provided for webhook"),
        ("https://localhost/", "", "invalid webhook URL specified"),
        (HOOK, "a" * 257, "secret token is too long"),
        (HOOK, "ficha secreta", "secret token contains unallowed characters"),
    ],
)  # fmt: skip
async def test_a_webhook_is_set_by_its_rules(url: str, secret: str, why: str) -> None:
    async with telegram() as at:
        assert await at.why("setWebhook", url=url, secret_token=secret) == (f"400 {why}" if why else "")
        info = (await at.ask("getWebhookInfo")).json()["result"]
        assert info["url"] == ("" if why else url) and info["pending_update_count"] == 0


async def test_a_bot_has_one_webhook_and_no_updates_beside_it() -> None:
    async with telegram() as at:
        kinds = ["message", "message_reaction", "no_such_kind"]
        await at.ask("setWebhook", url=HOOK, allowed_updates=kinds)
        assert cause(await at.ask("setWebhook", url=HOOK)) == "429 retry after 1"
        info = (await at.ask("getWebhookInfo")).json()["result"]
        assert info["allowed_updates"] == ["message", "message_reaction"] and info["max_connections"] == 40
        assert (await at.why("getUpdates")).startswith(
            "409 can't use getUpdates method while webhook is active"
        )
        at.clock.now += 1
        await at.ask("setWebhook", url=HOOK.replace("acme", "bravo"))
        assert "bravo" in (await at.ask("getWebhookInfo")).json()["result"]["url"]
        assert cause(await at.ask("deleteWebhook")) == ""
        assert (await at.ask("getWebhookInfo")).json()["result"]["url"] == ""


async def upload(at: Telegram, kind: str, content: bytes, **fields: str) -> httpx2.Response:
    file = {kind: ("a.png", content, "image/png")}
    fields = {"chat_id": str(ANA), **fields}
    return await at.http.post(f"/bot{TOKEN}/send{kind}", data=fields, files=file)


async def test_a_file_is_handed_in_within_its_size() -> None:
    async with telegram() as at:
        photo = (await upload(at, "photo", PNG, caption="Pan <b>amasado</b>", parse_mode="HTML")).json()[
            "result"
        ]
        assert photo["caption"] == "Pan amasado" and photo["photo"][-1]["file_size"] == len(PNG)
        again = await at.ask("sendPhoto", chat_id=ANA, photo=photo["photo"][-1]["file_id"])
        assert again.status_code == 200
        assert "too big for a photo" in cause(await upload(at, "photo", PNG + b"0" * 10 * 2**20))
        assert cause(await upload(at, "photo", b"hola")) == "400 IMAGE_PROCESS_FAILED"
        assert cause(await upload(at, "document", b"")) == "400 file must be non-empty"
        assert cause(await upload(at, "photo", PNG, caption="a" * 1025)) == "400 message caption is too long"
        announced = {"content-length": str(52 * 2**20)}
        assert (await at.http.post(f"/bot{TOKEN}/sendDocument", headers=announced)).status_code == 413


async def test_a_file_is_given_out_by_a_link_that_ends() -> None:
    async with telegram() as at:
        small, large = (
            at.bot.keep_file(PNG, "image/png"),
            at.bot.keep_file(b"0" * (20 * 2**20 + 1), "video/mp4"),
        )
        found = (await at.ask("getFile", file_id=small.id)).json()["result"]
        link = f"/file/bot{TOKEN}/{found['file_path']}"
        assert found["file_size"] == len(PNG) and (await at.http.get(link)).content == PNG
        assert (await at.http.get(link.replace("7123456789", "8123456789"))).status_code == 401
        assert await at.why("getFile", file_id=large.id) == "400 file is too big"
        assert await at.why("getFile", file_id="x") == "400 invalid file_id"
        at.clock.now += 3601
        assert (await at.http.get(link)).status_code == 404


@pytest.mark.parametrize(
    ("method", "fields", "why"),
    [
        ("sendLocation", {"latitude": -33.4, "longitude": -70.6}, ""),
        ("sendLocation", {"latitude": -33.4}, "longitude is empty"),
        ("sendLocation", {"latitude": 91, "longitude": 0}, "wrong location specified"),
        ("sendVenue", {"latitude": 1, "longitude": 1, "title": "Tienda", "address": "Lira 1"}, ""),
        ("sendVenue", {"latitude": 1, "longitude": 1, "title": "Tienda"}, "address must be non-empty"),
        ("sendContact", {"phone_number": "+56911111111", "first_name": "Ana"}, ""),
        ("sendContact", {"first_name": "Ana"}, "phone number is empty"),
        ("sendChatAction", {"action": "dancing"}, "wrong parameter action in request"),
        ("sendPhoto", {"photo": "hola"}, "wrong file identifier/HTTP URL specified"),
        ("sendPhoto", {"photo": "https://a.example/1.png"}, ""),
        ("sendMessage", {"text": "a", "reply_parameters": STRICT}, "message to be replied not found"),
        ("sendMessage", {"text": "a", "reply_parameters": LOOSE}, ""),
        ("setMessageReaction", {"message_id": 9}, "message to react not found"),
        ("answerCallbackQuery", {"callback_query_id": "1"}, OLD),
        ("leaveChat", {}, "chat is not a group or channel chat"),
    ],
)  # fmt: skip
async def test_what_else_is_sent_is_whole(method: str, fields: dict[str, Any], why: str) -> None:
    async with telegram() as at:
        assert await at.why(method, **fields) == (f"400 {why}" if why else "")


@pytest.mark.parametrize(
    ("fault", "status"), [("429", 429), ("500", 500), ("502 html", 502), ("redirect", 307)]
)
async def test_a_fault_meets_the_next_message_only(fault: Any, status: int) -> None:
    async with telegram() as at:
        at.stand_in.faults.append(fault)
        assert (await at.ask("getMe")).status_code == 200
        assert (await at.send()).status_code == status and not at.bot.sent
        assert (await at.send()).status_code == 200
