"""Presses: a choice leaves by a short id where the channel carries no longer one, and comes back whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from scene import Scene

from conserje import Button, Buttons, Content, InboundMessage, Limits, List, Pressed, Row, Text
from conserje.contract.short_ids import short
from conserje.conversations.rows import stored
from conserje.storage import jobs
from conserje.storage.jobs import Job

LONG = "producto:" + "x" * 200
ASK = Buttons("¿Cuál?", (Button(LONG, "Pan"), Button("corto", "Té")))
LISTED = List("¿Cuál?", (Row("corto", "Té"), Row(LONG + "y", "Pan", "amasado")))


@pytest.fixture(autouse=True)
def narrow(scene: Scene) -> None:
    scene.post.limits = Limits(buttons=3, rows=3, button_id=64, button_id_unit="bytes")  # type: ignore[misc]


async def offer(scene: Scene, *contents: Content, to: str = "ana") -> None:
    """Have the contact, who has written, be offered these."""
    await scene.write("hola", sender=to)
    row = await scene.pool.fetchrow("SELECT tenant_id, id, account_id FROM conversations WHERE peer = $1", to)
    assert row is not None
    for n, content in enumerate(contents, 1):
        await scene.pool.execute(
            "INSERT INTO messages"
            " (tenant_id, conversation_id, account_id, direction, content, kind, sequence, state)"
            " VALUES ($1, $2, $3, 'out', $4, kind_of($4), $5, 'queued')",
            *row,
            stored(content),
            n,
        )
    await scene.delivery.deliver(Job(jobs.DELIVER, row["tenant_id"], row["id"]))


async def press(scene: Scene, *pressed: Pressed, sender: str = "ana") -> list[dict[str, Any]]:
    """What is stored of these, which come in one batch."""
    entry = await scene.entry()
    account = entry.accounts[0]
    await scene.intake.take(
        entry.tenant,
        [(account, InboundMessage(account.address, each.id, sender, each)) for each in pressed],
    )
    rows = await scene.pool.fetch("SELECT content FROM messages WHERE kind = 'pressed' ORDER BY id")
    return [json.loads(row["content"]) for row in rows]


def told(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"id": id, "title": title, "type": "pressed"} for id, title in pairs]


@pytest.mark.parametrize(
    ("offered", "leave", "back"),
    [
        (ASK, [short(LONG), "corto"], [LONG, "corto"]),
        (LISTED, ["corto", short(LONG + "y")], ["corto", LONG + "y"]),
    ],
)
async def test_a_choice_leaves_by_a_short_id_and_comes_back_by_its_own(
    scene: Scene, offered: Buttons | List, leave: Sequence[str], back: Sequence[str]
) -> None:
    await offer(scene, offered)
    [sent] = scene.post.sent
    choices = sent.content.buttons if isinstance(sent.content, Buttons) else sent.content.rows  # type: ignore[union-attr]
    assert [choice.id for choice in choices] == leave
    kept = await scene.pool.fetchval("SELECT content FROM messages WHERE direction = 'out'")
    assert all(id in kept for id in back)
    assert await press(scene, *(Pressed(id, "Elegido") for id in leave)) == told(
        *((id, "Elegido") for id in back)
    )


async def test_the_assistant_hears_the_id_that_it_gave(scene: Scene) -> None:
    await offer(scene, ASK)
    await press(scene, Pressed(short(LONG), "Pan"))
    async with scene.working():
        await scene.settled()
    [turn] = scene.parrot.heard
    assert turn.messages[-1].content == Pressed(LONG, "Pan")


@pytest.mark.parametrize("title", ["", short(LONG)])
async def test_a_provider_that_tells_no_title_has_that_of_the_choice(scene: Scene, title: str) -> None:
    await offer(scene, ASK)
    assert await press(scene, Pressed(short(LONG), title)) == told((LONG, "Pan"))


async def test_of_two_that_were_offered_by_one_id_the_last_one_is_meant(scene: Scene) -> None:
    await offer(scene, Buttons("¿?", (Button(LONG, "Ayer"),)), Buttons("¿?", (Button(LONG, "Hoy"),)))
    assert await press(scene, Pressed(short(LONG), "")) == told((LONG, "Hoy"))


MADE_UP = ("_", "_0", short("another"), short(LONG).upper(), f"{short(LONG)}0", "_\n", "_%", "_'", "_😀")


async def test_promise_11_what_a_contact_makes_up_stays_as_it_came(scene: Scene) -> None:
    await offer(scene, ASK)
    pressed = [Pressed(id, "Sí") for id in MADE_UP]
    assert await press(scene, *pressed) == told(*((id, "Sí") for id in MADE_UP))


async def test_promise_6_what_another_contact_was_offered_is_not_meant(scene: Scene) -> None:
    await offer(scene, ASK, to="eva")
    await scene.write("hola", sender="ana")
    assert await press(scene, Pressed(short(LONG), "Pan")) == told((short(LONG), "Pan"))


async def test_what_was_offered_long_ago_is_looked_for_no_further(scene: Scene) -> None:
    await offer(scene, ASK)
    await scene.pool.execute(
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, kind, event_key)"
        " SELECT tenant_id, conversation_id, account_id, 'in', $1, 'text', n::text::bytea"
        " FROM messages, generate_series(1, 200) AS n WHERE direction = 'out'",
        stored(Text("hola")),
    )
    assert await press(scene, Pressed(short(LONG), "Pan")) == told((short(LONG), "Pan"))
