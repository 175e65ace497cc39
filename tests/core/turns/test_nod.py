"""The nod: a thumb or a heart alone is a yes to what was asked, and starts no turn else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from scene import Scene

from conserje import Buttons, Content, File, Media, Reaction, Text, Utterance
from conserje.contract.message import Button, Template
from conserje.conversations import listing
from conserje.turns import nod

NODS = ["👍", "👍🏽", "❤️", "❤", "💚", " 👍 ", "🩷"]
OTHERS = ["", "👍👎", "😂", "🙏", "👋", "ok 👍", "👎", "❤️‍🔥", "👍" * 30, "sí"]


@pytest.mark.parametrize("text", NODS)
def test_a_thumb_or_a_heart_alone_is_a_nod(text: str) -> None:
    assert nod.is_nod(Text(text))


@pytest.mark.parametrize("text", OTHERS)
def test_nothing_else_is_one(text: str) -> None:
    assert not nod.is_nod(Text(text))


def test_a_sticker_never_is_one() -> None:
    assert not nod.is_nod(Media((File("s", "image/webp", sticker=True),)))


ASKING: list[Content] = [
    Text("¿Te lo guardo?"),
    Text("¿Te interesa? Queda uno."),
    Text("Dime *¿cuál?*"),
    Buttons("Elige", (Button("a", "Pan"), Button("b", "Té"))),
    Template("t", "es", (), "¿Confirmas tu hora?"),
]
TELLING: list[Content] = [
    Text("Son $990."),
    Text("Mira https://x.test/?a=1"),
    Media((File("1", "image/png"),), "el pan"),
]


def said(*contents: Content, by: str = "assistant") -> list[Utterance]:
    return [Utterance("contact" if by == "contact" else "assistant", c, datetime.now(UTC)) for c in contents]


@pytest.mark.parametrize("content", ASKING)
def test_it_answers_what_asks(content: Content) -> None:
    assert nod.was_asked(said(content), None)
    assert nod.was_asked(said(content, *TELLING), None)  # of one reply
    assert nod.was_asked([*said(content), *said(Reaction("m", "👍"), by="contact")], None)
    assert nod.was_asked(said(*TELLING), content)  # which it points at
    assert not nod.was_asked([*said(content), *said(Text("no"), by="contact")], None)
    assert not nod.was_asked([*said(content), *said(Text("no"), by="contact"), *said(Text("Ya."))], None)


@pytest.mark.parametrize("content", TELLING)
def test_it_answers_nothing_that_tells(content: Content) -> None:
    assert not nod.was_asked(said(content), None)
    assert not nod.was_asked(said(*ASKING[:1]), content)
    assert not nod.was_asked([], None)


@pytest.mark.parametrize(("locale", "yes"), [("es-CL", "Sí"), ("pt-BR", "Sim"), ("fr", "Yes")])
async def test_a_nod_to_a_question_is_heard_as_a_yes(scene: Scene, locale: str, yes: str) -> None:
    await scene.pool.execute("UPDATE tenants SET locale = $1", locale)
    await scene.heard()
    async with scene.working():
        await scene.write("¿hay pan?")  # the parrot asks it back
        await scene.settled()
        await scene.write("👍")
        await scene.settled()
    assert scene.post.texts == ["¿hay pan?", yes]


async def test_a_nod_that_nobody_asked_for_is_kept_and_not_answered(scene: Scene) -> None:
    async with scene.working():
        await scene.write("👍")
        await scene.settled()
    assert not scene.parrot.heard
    assert await scene.pool.fetchval("SELECT count(*) FROM turns") == 0
    tenant = (await scene.entry()).tenant
    async with scene.pool.acquire() as connection:
        [shown] = await listing.latest(connection, tenant.id, 10)
    assert isinstance(shown, listing.Message)
    assert (shown.state, shown.content) == ("noted", Text("👍"))


async def test_a_nod_beside_words_is_read_with_them(scene: Scene) -> None:
    await scene.write("❤️")
    await scene.write("hola")
    async with scene.working():
        await scene.settled()
    assert scene.post.texts == ["❤️ / hola"]
