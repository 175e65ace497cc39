"""`conserje contact`, and `conserje conversation list` over tenants."""

from __future__ import annotations

import pytest
from scene import Scene
from terminal import Terminal

from conserje.storage import jobs
from conserje.storage.jobs import Job


@pytest.fixture(autouse=True)
def _post_is_installed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands find the scene's channel as they find any that is installed."""
    monkeypatch.setattr("conserje.plugins.plugins.load", lambda *_: scene.conversation.plugins)


@pytest.fixture
async def talks(scene: Scene) -> Scene:
    """Ana has written to acme and was answered; Beto has written to bravo, and waits."""
    await scene.add("bravo")
    await scene.write("hola")
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row
    place = (row["tenant_id"], row["id"])
    await scene.conversation.converse(Job(jobs.CONVERSE, *place))
    await scene.delivery.deliver(Job(jobs.DELIVER, *place))
    await scene.write("hay alguien?", slug="bravo")
    return scene


async def slugs(terminal: Terminal, *options: str) -> list[str]:
    """Whose conversations are listed, in order."""
    return [each["tenant"] for each in await terminal.read("conversation", "list", "--json", *options)]


async def test_conversations_of_all_tenants_are_listed(talks: Scene, terminal: Terminal) -> None:
    assert await slugs(terminal) == ["bravo", "acme"]
    assert await slugs(terminal, "--limit", "1") == ["bravo"]
    assert await slugs(terminal, "--waiting") == ["bravo"]
    assert await slugs(terminal, "--held") == []
    said = await terminal.type("conversation", "list", "--held")
    assert said.stderr == "No tenant has such a conversation.\n"
    await talks.pool.execute(
        "UPDATE messages SET created_at = created_at - interval '3 hours'"
        " WHERE tenant_id = (SELECT id FROM tenants WHERE slug = 'acme')"
    )
    assert await slugs(terminal, "--since", "2h") == ["bravo"]
    assert await terminal.read("conversation", "list", "acme", "--since", "2h", "--json") == []


async def test_who_waits_for_a_person_or_an_operator_waits(talks: Scene, terminal: Terminal) -> None:
    acme = str(await talks.pool.fetchval("SELECT min(id) FROM conversations"))
    await terminal.type("conversation", "take", "acme", acme)
    assert await slugs(terminal, "--waiting") == ["bravo"]  # the business spoke last
    await talks.write("sigues ahí?")
    assert await slugs(terminal, "--waiting") == ["acme", "bravo"]
    await talks.pool.execute("UPDATE conversations SET state = 'held' WHERE id = $1", int(acme))
    assert await slugs(terminal, "--waiting") == ["acme", "bravo"]


async def test_contacts_are_listed_and_shown_for_their_tenant_alone(talks: Scene, terminal: Terminal) -> None:
    [ana] = await terminal.read("contact", "list", "acme", "--json")
    [beto] = await terminal.read("contact", "list", "bravo", "--json")
    assert ana["identities"] and ana["id"] != beto["id"]
    number = ana["identities"][0].partition(" ")[2]
    assert await terminal.read("contact", "list", "acme", "--search", number, "--json") == [ana]
    assert await terminal.read("contact", "list", "acme", "--search", "nobody", "--json") == []
    shown = await terminal.read("contact", "show", "acme", str(ana["id"]), "--json")
    assert {**shown, "conversations": None} == {**ana, "conversations": None}
    assert [each["state"] for each in shown["conversations"]] == ["open"]
    assert "with the assistant" in (await terminal.type("contact", "show", "acme", str(ana["id"]))).stdout
    for words, code, said in (
        (("show", "acme", str(beto["id"])), 1, f"no contact {beto['id']}"),
        (("show", "acme", "ana"), 2, "not a valid integer"),
        (("list", "nadie"), 1, "no tenant nadie"),
    ):
        assert said in (await terminal.type("contact", *words, code=code)).stderr
