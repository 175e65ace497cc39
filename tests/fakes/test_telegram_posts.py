"""The Telegram stand-in posts as the Bot API posts: a library for that reads what it posts, and drives it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
import telegram
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from waiting import until

from conserje_fakes.server import serving
from conserje_fakes.telegram import Bot, Pace, StandIn, create
from conserje_fakes.telegram_chats import Chat
from conserje_fakes.telegram_webhooks import Webhook

TOKEN, ID, ANA, EVA = "7123456789:AAFicha", 7123456789, 555, 556
HOOK, GROUP = "https://acme.bot.example/bot/telegram/webhook?a=1", -100123
EVERY = frozenset({"message", "edited_message", "callback_query", "my_chat_member", "message_reaction"})
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100


@dataclass
class Receiver:
    """Somebody's webhook: keeps what is posted, answers what it is told to."""

    answers: list[Response] = field(default_factory=list)  # then 200
    posted: list[tuple[dict[str, Any], Request]] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        self.posted.append((json.loads(await request.body()), request))
        return self.answers.pop(0) if self.answers else Response()

    @property
    def ids(self) -> list[int]:
        return [update["update_id"] for update, _ in self.posted]

    def updates(self) -> list[telegram.Update]:
        """As a library for the Bot API reads them."""
        read = [telegram.Update.de_json(update) for update, _ in self.posted]
        return [update for update in read if update is not None]


@dataclass
class Both:
    receiver: Receiver
    stand_in: StandIn
    library: telegram.Bot

    @property
    def bot(self) -> Bot:
        return self.stand_in.bots[ID]


@pytest_asyncio.fixture
async def both() -> AsyncIterator[Both]:
    receiver = Receiver()

    async def endpoint(request: Request) -> Response:
        return await receiver(request)

    async with serving(Starlette(routes=[Route("/{path:path}", endpoint, methods=["POST"])])) as edge:
        app = create([Bot(TOKEN)], edge=edge, pace=Pace(None, None), pauses=(0.001, 0.01))
        stand_in: StandIn = app.state.stand_in
        stand_in.bots[ID].poster.set(Webhook(HOOK, "s3creto", EVERY))
        async with serving(app) as url:
            library = telegram.Bot(TOKEN, f"{url}/bot", f"{url}/file/bot")
            async with library:
                yield Both(receiver, stand_in, library)


async def test_an_update_is_posted_with_the_secret_until_it_is_told_2xx(both: Both) -> None:
    both.receiver.answers += [Response(status_code=503), Response(status_code=404), Response(status_code=204)]
    await both.stand_in.contacts(ID).write(ANA, "hola", "chao")
    assert both.receiver.ids == [1, 1, 1, 2] and both.bot.poster.pending == 0
    _, request = both.receiver.posted[0]
    assert request.headers["x-telegram-bot-api-secret-token"] == "s3creto"
    assert (request.url.path, request.headers["host"]) == ("/bot/telegram/webhook", "acme.bot.example")
    info = await both.library.get_webhook_info()
    assert info.last_error_message == "Wrong response from the webhook: 404 Not Found"


async def test_one_chat_does_not_wait_for_another(both: Both) -> None:
    both.receiver.answers += [Response(status_code=500)] * 1000
    waits = asyncio.ensure_future(both.stand_in.contacts(ID).write(ANA, "hola"))
    await until(lambda: len(both.receiver.posted) > 3)
    both.receiver.answers.clear()
    await both.stand_in.contacts(ID).write(EVA, "hola")
    await waits


async def test_updates_wait_a_day_for_a_webhook(both: Both) -> None:
    await both.library.delete_webhook()
    told = asyncio.ensure_future(both.stand_in.contacts(ID).write(ANA, "hola"))
    await until(lambda: both.bot.poster.pending)
    assert (await both.library.get_webhook_info()).pending_update_count == 1
    await both.library.set_webhook(HOOK, secret_token="otro", allowed_updates=list(EVERY))
    await told
    _, request = both.receiver.posted[0]
    assert request.headers["x-telegram-bot-api-secret-token"] == "otro"
    both.bot.poster.set(None)
    late = asyncio.ensure_future(both.stand_in.contacts(ID).write(ANA, "tarde"))
    await until(lambda: both.bot.poster.pending)
    both.bot.poster.now = lambda: both.stand_in.now() + 25 * 3600
    both.bot.poster.set(Webhook(HOOK))
    await until(lambda: both.bot.poster.dropped)
    await asyncio.gather(late, return_exceptions=True)
    assert len(both.receiver.posted) == 1


async def test_what_is_not_named_is_not_told(both: Both) -> None:
    both.bot.poster.set(Webhook(HOOK))
    contacts = both.stand_in.contacts(ID)
    await contacts.write(ANA, "hola")
    await contacts.react(ANA, 1, "👍")
    await contacts.edit(ANA, 1, "holi")
    assert [update.edited_message is not None for update in both.receiver.updates()] == [False, True]


async def test_a_library_reads_each_thing_that_a_contact_does(both: Both) -> None:
    contacts = both.stand_in.contacts(ID)
    keyboard = telegram.InlineKeyboardMarkup([[telegram.InlineKeyboardButton("Sí", callback_data="si")]])
    both.bot.chats[ANA] = Chat(ANA)
    asked = await both.library.send_message(ANA, "¿Va?", reply_markup=keyboard)
    await contacts.write(ANA, "hola")
    for kind in ("photo", "voice", "audio", "video", "document", "sticker"):
        await contacts.send(ANA, kind, PNG, "image/png", name="" if kind == "photo" else "a.png")
    await contacts.receive(ANA, {"location": {"latitude": -33.4, "longitude": -70.6}})[1]
    await contacts.receive(ANA, {"contact": {"phone_number": "+56911111111", "first_name": "Eva"}})[1]
    press = await contacts.press(ANA, "Sí")
    await contacts.edit(ANA, 2, "holi")
    await contacts.react(ANA, asked.message_id, "👍")
    await contacts.block(ANA)
    await contacts.unblock(ANA)
    await contacts.put_in_group(GROUP, EVA)
    await contacts.write_in_group(GROUP, EVA, "hola bot")
    updates = both.receiver.updates()
    effective = [update.effective_message for update in updates]
    seen = {telegram.helpers.effective_message_type(each) for each in effective if each}
    assert seen == {"text", "photo", "voice", "audio", "video", "document", "sticker", "location", "contact"}
    query = next(update.callback_query for update in updates if update.callback_query)
    assert (query.id, query.data, query.from_user.id) == (press, "si", ANA)
    reaction = next(update.message_reaction for update in updates if update.message_reaction)
    assert reaction.new_reaction == (telegram.ReactionTypeEmoji("👍"),)
    members = [update.my_chat_member for update in updates if update.my_chat_member]
    assert [(each.chat.type, each.new_chat_member.status) for each in members] == [
        ("private", "kicked"), ("private", "member"), ("supergroup", "member")
    ]  # fmt: skip
    assert updates[-1].message and updates[-1].message.chat.title == "Familia"
    assert await both.library.answer_callback_query(press) and both.bot.answered == [press]


async def test_a_library_sends_each_thing_that_is_there(both: Both) -> None:
    to, library = ANA, both.library
    both.bot.chats[ANA] = Chat(ANA)
    photo = await library.send_photo(to, PNG, caption="Pan", filename="pan.png")
    document = await library.send_document(to, b"%PDF-", filename="carta.pdf")
    assert photo.photo[-1].file_size == len(PNG) and document.document
    assert document.document.file_name == "carta.pdf"
    file = await library.get_file(document.document.file_id)
    assert bytes(await file.download_as_bytearray()) == b"%PDF-"
    for kind in ("audio", "voice", "video", "animation", "sticker"):
        assert getattr(await getattr(library, f"send_{kind}")(to, b"OggS"), kind)
    venue = await library.send_venue(to, -33.4, -70.6, "Tienda", "Lira 1")
    assert venue.venue and venue.venue.title == "Tienda" and venue.location
    assert (await library.send_location(to, -33.4, -70.6)).location
    assert (await library.send_contact(to, "+56911111111", "Eva")).contact
    answer = await library.send_message(to, "*Hola*", "MarkdownV2", reply_to_message_id=photo.message_id)
    assert answer.reply_to_message and answer.entities[0].type == "bold"
    assert await library.send_chat_action(to, "typing") and (await library.get_me()).id == ID
    assert await library.set_message_reaction(to, photo.message_id, "👍")
    both.bot.chats[GROUP] = Chat(GROUP, "supergroup", "Familia", state="member")
    assert await library.leave_chat(GROUP) and both.bot.chats[GROUP].state == "left"


async def test_a_library_knows_each_refusal(both: Both) -> None:
    library = both.library
    with pytest.raises(telegram.error.BadRequest, match="Chat not found"):
        await library.send_message(ANA, "hola")
    both.bot.chats[ANA] = Chat(ANA, state="blocked")
    with pytest.raises(telegram.error.Forbidden, match="blocked"):
        await library.send_message(ANA, "hola")
    both.stand_in.faults.append("429")
    with pytest.raises(telegram.error.RetryAfter) as flood:
        await library.send_message(ANA, "hola")
    assert "7 seconds" in str(flood.value)
    both.bot.revoked = True
    with pytest.raises(telegram.error.InvalidToken):
        await library.get_me()


async def test_a_method_that_an_answer_names_is_called(both: Both) -> None:
    contacts = both.stand_in.contacts(ID)
    leave = json.dumps({"method": "leaveChat", "chat_id": GROUP})
    both.receiver.answers.append(Response(leave, media_type="application/json"))
    await contacts.put_in_group(GROUP, EVA)
    assert both.bot.chats[GROUP].state == "left"
    both.receiver.answers.append(Response(leave, media_type="application/json"))
    await contacts.write(EVA, "hola")
    assert [(method, refusal.code) for method, refusal in both.stand_in.refused] == [("leaveChat", 403)]
