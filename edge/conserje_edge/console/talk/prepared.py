"""Prepared answers: the page on which people keep what they say often."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import PlainTextResponse

from conserje.conversations import handling, prepared
from conserje.conversations.prepared import NoPrepared, PreparedError
from conserje_edge.console.asked import Asked
from conserje_edge.console.place import See, Seen, deed, view


@view("prepared.read", transaction="tenant")
async def answers(asked: Asked) -> Seen:
    return await _seen(asked)


async def _seen(asked: Asked, wrong: int | None = None, error: str = "", field: str = "") -> Seen:
    """The page; with what was typed of the answer `wrong`, 0 is a new one."""
    found = await prepared.list_all(asked.connection, asked.tenant.id)
    values = {"answers": found, "wrong": wrong, "error": error, "field_wrong": field}
    limits = {"longest": prepared.LONGEST, "longest_title": prepared.LONGEST_TITLE}
    status = HTTPStatus.OK if wrong is None else HTTPStatus.UNPROCESSABLE_ENTITY
    return Seen("talk/prepared.html", values | limits, status)


@deed("prepared.change", transaction="tenant")
async def add(asked: Asked) -> See | Seen:
    title, text = asked.given("title"), asked.given("text")
    try:
        await prepared.add(asked.connection, asked.tenant.id, title, text)
    except PreparedError as error:
        return await _seen(asked, 0, _told(asked, error, title, text), error.of)
    asked.of, asked.after = "prepared answer", {"title": title, "text": text}
    asked.flash(asked._("%(title)s is kept.", title=title))
    return See(asked.to("prepared"))


@deed("prepared.change", transaction="tenant")
async def change(asked: Asked, answer: int) -> See | Seen:
    before = await prepared.get(asked.connection, asked.tenant.id, answer)
    title, text = asked.given("title"), asked.given("text")
    try:
        await prepared.change(asked.connection, asked.tenant.id, answer, title, text)
    except NoPrepared:
        raise
    except PreparedError as error:
        return await _seen(asked, answer, _told(asked, error, title, text), error.of)
    asked.of = f"prepared answer {answer}"
    asked.before, asked.after = {"title": before.title, "text": before.text}, {"title": title, "text": text}
    asked.flash(asked._("%(title)s is kept.", title=title))
    return See(asked.to("prepared"))


@deed("prepared.change", transaction="tenant")
async def remove(asked: Asked, answer: int) -> See:
    before = await prepared.get(asked.connection, asked.tenant.id, answer)
    await prepared.remove(asked.connection, asked.tenant.id, answer)
    asked.of, asked.before = f"prepared answer {answer}", {"title": before.title, "text": before.text}
    asked.flash(asked._("%(title)s is removed.", title=before.title))
    return See(asked.to("prepared"))


@view("prepared.read", transaction="tenant")
async def said_to(asked: Asked, answer: int, conversation: int) -> PlainTextResponse:
    """Its words to the contact of a conversation."""
    found = await handling.find(asked.connection, asked.tenant, conversation)
    answer_given = await prepared.get(asked.connection, asked.tenant.id, answer)
    return PlainTextResponse(answer_given.said_to(found.name))


def _told(asked: Asked, error: PreparedError, title: str, text: str) -> str:
    """The sentence for what may be met here."""
    if error.of == "title" and not title:
        return asked._("Write a title.")
    if error.of == "text" and not text:
        return asked._("Write the words.")
    if error.of == "title" and len(title) <= prepared.LONGEST_TITLE:
        return asked._("There is one of this title already: choose another.")
    if not error.of:
        return asked._("There are too many: remove one that nobody uses.")
    return asked._("It is too long.")
