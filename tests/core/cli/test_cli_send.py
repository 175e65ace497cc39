"""`conserje message send --to`: the business writes first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio
from scene import Post, Scene
from terminal import Terminal

from conserje import Limits, Template, Text

PHONE = "+56912345678"


class Phones(Post):
    """A provider of telephones."""

    limits = Limits(carries=frozenset({"template"}))

    def reach(self, phone: str, address: str) -> str:
        return phone.removeprefix("+")

    def window(self, address: str) -> timedelta:
        return timedelta(days=1)


@pytest_asyncio.fixture
async def phones(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Phones]:
    """The provider of the commands, too."""
    plugins = scene.conversation.plugins
    scene.post = plugins.channels["post"] = phones = Phones()
    monkeypatch.setattr("conserje.plugins.plugins.load", lambda environment, http: plugins)
    async with scene.working():
        yield phones


async def test_a_template_leaves_for_a_phone(phones: Phones, terminal: Terminal) -> None:
    template = ("--template", "aviso", "--language", "es", "--param", "Ana", "--param", "lunes")
    told = await terminal.type("message", "send", "acme", "Hola, Ana", "--to", PHONE, *template)
    assert told.stdout == "The message is sent.\n"
    [message] = phones.sent
    assert (message.to, message.content) == (
        "56912345678",
        Template("aviso", "es", ("Ana", "lunes"), "Hola, Ana"),
    )
    shown = await terminal.read("message", "show", "acme", str(message.id), "--json")
    assert shown["said_by"] == "operator"


async def test_words_are_refused_where_the_contact_never_wrote(phones: Phones, terminal: Terminal) -> None:
    refused = await terminal.type("message", "send", "acme", "hola", "--to", PHONE, code=1)
    assert "takes only templates: send a template." in refused.stderr
    assert not phones.sent


async def test_a_contact_and_a_conversation_are_written_to(
    scene: Scene, phones: Phones, terminal: Terminal
) -> None:
    await scene.write("hola", PHONE[1:])
    await scene.settled()
    row = await scene.pool.fetchrow("SELECT id, contact_id FROM conversations")
    assert row is not None
    await terminal.type("message", "send", "acme", "uno", "--contact", str(row["contact_id"]))
    await terminal.type("message", "send", "acme", "dos", "--conversation", str(row["id"]), "--take")
    assert phones.texts[-2:] == ["uno", "dos"]
    [shown] = await terminal.read("conversation", "list", "acme", "--with-person", "--json")
    assert shown["id"] == row["id"]


@pytest.mark.parametrize(
    "typed",
    [
        ("hola",),
        ("12", "hola", "--template", "x"),
        ("hola", "--to", PHONE, "--contact", "1"),
        ("hola", "--to", PHONE, "--param", "x"),
        ("hola", "mundo", "--to", PHONE),
    ],
)
async def test_what_does_not_go_together_is_called_wrongly(
    scene: Scene, terminal: Terminal, typed: tuple[str, ...]
) -> None:
    await terminal.type("message", "send", "acme", *typed, code=2)


async def test_words_alone_are_heard(scene: Scene, terminal: Terminal) -> None:
    await scene.write("hola")
    row = await scene.pool.fetchval("SELECT id FROM conversations")
    refused = await terminal.type("message", "send", "acme", str(row), "--no-wait", code=2)
    assert "Give a TEXT" in refused.stderr
    assert Text("") not in [message.content for message in scene.post.sent]
