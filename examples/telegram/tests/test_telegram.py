"""The channel keeps Conserje's contract, reads what Telegram posts and writes what it takes."""

from __future__ import annotations

import json
from typing import ClassVar

import httpx2
import pytest

from conserje import Account, Malformed, Nothing, NotOffered, Urls, Webhook
from conserje.testing import ProviderChannelContract
from conserje_telegram import Telegram, TelegramCredentials, TelegramOperator
from conserje_telegram.marks import to_html

TOKEN, BOT, ANA = "7123456789:AAFicha_de-la-tienda", "7123456789", "555000111"
HOOK = "https://tienda.bot.example/bot/telegram/webhook"


def refusal(code: int, description: str, **parameters: int) -> httpx2.Response:
    said = {"ok": False, "error_code": code, "description": description, "parameters": parameters}
    return httpx2.Response(code, json=said)


def account(**credentials: str) -> Account[TelegramCredentials, Nothing]:
    return Account(
        "tienda", BOT, TelegramCredentials.model_validate({"token": TOKEN, **credentials}), Nothing()
    )


def bot(answers: dict[str, object] | None = None, asked: list[tuple[str, object]] | None = None) -> Telegram:
    """The channel, at a Telegram that answers each method so; else it refuses."""

    def answer(request: httpx2.Request) -> httpx2.Response:
        method = request.url.path.rpartition("/")[2]
        if asked is not None:
            asked.append((method, json.loads(request.content or b"{}")))
        if method not in (answers or {}):
            return refusal(401, "Unauthorized")
        return httpx2.Response(200, json={"ok": True, "result": (answers or {})[method]})

    return Telegram(TelegramOperator(), httpx2.AsyncClient(transport=httpx2.MockTransport(answer)))


def posted(**update: object) -> Webhook:
    return Webhook("POST", "webhook", HOOK, {}, json.dumps({"update_id": 1, **update}).encode())


def info(**more: object) -> dict[str, object]:
    kinds = ["message", "edited_message", "callback_query", "message_reaction", "my_chat_member"]
    return {"url": HOOK, "pending_update_count": 0, "allowed_updates": kinds, **more}


class TestTelegram(ProviderChannelContract):
    channel = Telegram
    address = BOT
    sender = ANA
    credentials: ClassVar = {"token": TOKEN, "secret": "s3creto", "next_secret": "sucesor"}
    other_credentials: ClassVar = {"token": "8123456789:AAotra", "secret": "ajeno"}
    other_address = "8123456789"
    signs_body = False
    sends_id = False
    incoming = "incoming"
    outgoing = "outgoing"

    def good_answer(self, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"ok": True, "result": {"message_id": 43}})

    def busy_answer(self, request: httpx2.Request, seconds: int) -> httpx2.Response:
        return refusal(429, "Too Many Requests", retry_after=seconds)

    def file_answer(self, request: httpx2.Request, parts: httpx2.AsyncByteStream) -> httpx2.Response:
        if request.url.path.endswith("/getFile"):
            return httpx2.Response(200, json={"ok": True, "result": {"file_path": "photos/file_1.jpg"}})
        return httpx2.Response(200, stream=parts)

    def gone_answer(self, request: httpx2.Request) -> httpx2.Response:
        return refusal(400, "Bad Request: invalid file_id")

    async def test_it_sets_the_webhook_by_itself(self) -> None:
        asked: list[tuple[str, object]] = []
        at = bot({"setWebhook": True}, asked)
        for credentials in ({}, {"secret": "uno"}, {"secret": "uno", "next_secret": "dos"}):
            await at.configure(account(**credentials), Urls(HOOK, ""))
        said = [fields for _, fields in asked if isinstance(fields, dict)]
        assert {fields["url"] for fields in said} == {HOOK}
        assert "message_reaction" in said[0]["allowed_updates"]
        assert len(said[0]["secret_token"]) == 64 and [each["secret_token"] for each in said[1:]] == [
            "uno",
            "dos",
        ]

    @pytest.mark.parametrize(
        ("answers", "levels", "said"),
        [
            ({}, ["error"], "does not accept the token"),
            ({"getMe": {"id": 8}}, ["error"], "is of the bot 8, not of 7123456789"),
            ({"getMe": {"id": 7123456789}, "getWebhookInfo": info()}, ["ok", "ok"], f"posts to {HOOK}"),
            (
                {"getMe": {"id": 7123456789}, "getWebhookInfo": info(url="")},
                ["ok", "error"],
                "posts to nobody",
            ),
            (
                {"getMe": {"id": 7123456789}, "getWebhookInfo": info(allowed_updates=[])},
                ["ok", "ok", "warning"],
                "does not post all that is read here",
            ),
            (
                {
                    "getMe": {"id": 7123456789},
                    "getWebhookInfo": info(last_error_date=2**33, last_error_message="503"),
                },
                ["ok", "ok", "warning"],
                "could not post: 503; 0 wait",
            ),
        ],
    )
    async def test_it_is_examined(self, answers: dict[str, object], levels: list[str], said: str) -> None:
        found = await bot(answers).examine(account(), Urls(HOOK, ""))
        assert [finding.level for finding in found] == levels
        assert said in found[-1].text and TOKEN not in str(found)

    async def test_typing_is_shown_to_the_contact(self) -> None:
        asked: list[tuple[str, object]] = []
        await bot({"sendChatAction": True}, asked).attend("555000111:42", account(), ANA)
        assert asked == [("sendChatAction", {"chat_id": ANA, "action": "typing"})]


GROUP = {"id": -100123, "type": "supergroup"}
PERSON = {"id": 555000111, "first_name": "Ana"}
PRIVATE = {"id": 555000111, "type": "private"}


def membership(chat: dict[str, object], status: str) -> dict[str, object]:
    return {"chat": chat, "from": PERSON, "date": 1, "new_chat_member": {"status": status}}


LEAVE = {"method": "leaveChat", "chat_id": -100123}
PRESS = {"id": "7", "from": PERSON, "data": "a"}


@pytest.mark.parametrize(
    ("update", "asks"),
    [
        ({"message": {"message_id": 1, "date": 1, "chat": GROUP, "text": "hola"}}, LEAVE),
        ({"my_chat_member": membership(GROUP, "member")}, LEAVE),
        ({"my_chat_member": membership(GROUP, "left")}, None),
        ({"my_chat_member": membership(PRIVATE, "kicked")}, None),
        ({"callback_query": PRESS}, {"method": "answerCallbackQuery", "callback_query_id": "7"}),
        ({"message": {"message_id": 1, "date": 1, "chat": PRIVATE, "text": "hola"}}, None),
        ({"message": {"message_id": "x"}}, None),
    ],
)
def test_the_answer_leaves_groups_and_ends_a_button_s_turning(
    update: dict[str, object], asks: object
) -> None:
    answer = bot().acknowledge(posted(**update))
    assert (json.loads(answer.body) if answer.body else None) == asks


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("2 < 3 & 4", "2 &lt; 3 &amp; 4"),
        ("*a _b_ c* d_e_f 2*3*4", "<b>a <i>b</i> c</b> d_e_f 2*3*4"),
        ("*a _b* c_", "<b>a _b</b> c_"),
        ("```\na*b*\n```", "<pre>a*b*\n</pre>"),
        ("`*a*` *`b`*", "<code>*a*</code> <b><code>b</code></b>"),
        ("* a * ~b~ *\n*", "* a * <s>b</s> *\n*"),
        ("https://a.example/*b*", "https://a.example/*b*"),
    ],
)
def test_marks_become_tags_that_fit(text: str, html: str) -> None:
    assert to_html(text) == html


def test_an_address_is_the_bot_s_id() -> None:
    with pytest.raises(Malformed, match="digits with which its token begins"):
        bot().address("@tienda_bot")


def test_who_writes_has_a_number() -> None:
    with pytest.raises(NotOffered, match="is a number"):
        bot().compose(account(), HOOK, "ana", "hola")


@pytest.mark.parametrize("given", [{"token": "7123456789"}, {"token": TOKEN, "secret": "dos palabras"}])
def test_credentials_have_their_form(given: dict[str, str]) -> None:
    with pytest.raises(ValueError) as refused:
        TelegramCredentials.model_validate(given)
    assert "dos palabras" not in str(refused.value) and "7123456789" not in str(refused.value)
