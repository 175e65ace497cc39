"""Suggesting: the assistant is asked what it would write, which a person sends, changes or leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from conserje.conversations import handling
from conserje.conversations.handling import Conversation
from conserje.errors import OperatorError
from conserje.storage.scope import acting_for
from conserje.turns import suggestion
from conserje.turns.suggestion import NothingToAnswer
from conserje.turns.thinking import NoReply
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Seen, deed
from conserje_edge.console.talk.conversation import LARGEST, Typed, seen
from conserje_edge.wire.answers import Problem
from conserje_edge.wire.rates import MINUTE, Window

_often = Window(40, 10 * MINUTE)  # of a login: each may cost
_asking: set[tuple[int, int]] = set()  # the conversations for which an assistant thinks


class NotNow(OperatorError):
    """The assistant is not asked; the text says why to whoever asks."""


@deed("conversation.suggest", upload=LARGEST)
async def suggest(asked: Asked, conversation: int) -> Seen:
    """What the assistant would write, in the field; beside it where somebody has written in it."""
    asked.of, text = f"conversation {conversation}", asked.given("text")
    try:
        words = await _words(asked, conversation)
    except NotNow as error:
        typed = Typed(text, asked._(str(error)))
        return await seen(asked, conversation, typed, HTTPStatus.CONFLICT)
    except NoReply as error:
        typed = Typed(text, asked._("The assistant has no answer: %(why)s", why=error))
        return await seen(asked, conversation, typed, HTTPStatus.UNPROCESSABLE_ENTITY)
    return await seen(asked, conversation, Typed(text, suggestion=words) if text else Typed(words))


async def _words(asked: Asked, conversation: int) -> str:
    """Raises NotNow or NoReply."""
    assert asked.entry is not None  # the path has {slug}
    with _alone(asked, conversation):
        found = await _begin(asked, conversation)
        try:
            said = await suggestion.suggest(asked.context.thinking, asked.entry, found)
        except NothingToAnswer:
            raise NotNow(N_("They have not written since they were answered.")) from None
    if not said.text:
        raise NotNow(N_("The assistant would say nothing to that."))
    return said.text


async def _begin(asked: Asked, conversation: int) -> Conversation:
    """That it is asked is kept, whatever comes of it: it may cost. Raises NotNow."""
    async with acting_for(asked.context.pool, asked.tenant.id) as scope:
        found = await handling.find(scope.connection, asked.tenant, conversation)
        if found.state != "person":
            raise NotNow(N_("The assistant answers them by itself now."))
        if found.person is not None and found.login_id != asked.person.login_id:
            raise NotNow(N_("Somebody else has this conversation now."))
        await asked.audit(scope.connection)
    return found


@contextmanager
def _alone(asked: Asked, conversation: int) -> Iterator[None]:
    """One at a time in a conversation, and so many of a login. Raises NotNow."""
    place = (asked.tenant.id, conversation)
    if place in _asking:
        raise NotNow(N_("The assistant is being asked already: wait for it."))
    try:
        _often.admit(asked.person.login_id)
    except Problem:
        raise NotNow(N_("That was tried very often just now: wait some minutes.")) from None
    _asking.add(place)
    try:
        yield
    finally:
        _asking.discard(place)
