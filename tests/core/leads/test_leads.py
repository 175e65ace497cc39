"""Leads: kept once, given to a person by the tenant's rule, told by notice, seen to by commands."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aging import age, prune, talk, would_go
from scene import Scene
from terminal import Terminal
from tools import Doer, use

from conserje import Lead, Nothing, Turn
from conserje.leads import table as leads
from conserje.leads.tool import OpenLead
from conserje.net.client import client
from conserje.storage.scope import acting_for
from conserje.tenants import people
from conserje.turns.errands import ContactLeads

GIVEN = "SELECT wanted, people.name FROM leads LEFT JOIN people ON people.id = person_id ORDER BY leads.id"


async def conversation_of(scene: Scene, sender: str = "ana") -> int:
    async with scene.working():
        await scene.write("hola", sender=sender)
        await scene.settled()
    id: int = await scene.pool.fetchval("SELECT max(id) FROM conversations")
    return id


async def opened(scene: Scene, conversation: int, key: str, lead: Lead) -> bool:
    tenant = (await scene.entry()).tenant
    return await ContactLeads(scene.pool, tenant, conversation, key).open(lead)


async def add_people(scene: Scene, *names: str) -> None:
    async with scene.pool.acquire() as connection:
        for name in names:
            await people.add(
                connection, (await scene.entry()).tenant.id, name, f"{name.lower()}@acme.example", None
            )


async def given(scene: Scene) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await scene.pool.fetch(GIVEN)]


async def test_a_lead_of_the_tool_is_kept_once_given_and_told(scene: Scene) -> None:
    tool = OpenLead(Nothing(), client())
    scene.conversation.plugins.tools["lead"] = tool  # on by itself
    await add_people(scene, "Luis")
    await scene.pool.execute("UPDATE tenants SET notice_url = 'https://acme.example/notices'")

    async def thinks(turn: Turn[Nothing, Nothing]) -> None:
        await turn.tools.call("lead", {"wanted": "que llegue el pan", "when": "el lunes"})

    await use(scene, Doer(thinks))
    async with scene.working():
        for text in ("avísame", "avísame porfa"):
            await scene.write(text)
            await scene.settled()
    [row] = await scene.pool.fetch("SELECT wanted, call_at, state, person_id FROM leads")
    assert tuple(row)[:3] == ("que llegue el pan", "el lunes", "open") and row["person_id"]
    told = await scene.pool.fetch("SELECT kind, mailed_to, lead_id FROM notices ORDER BY kind")
    assert [(each["kind"], each["mailed_to"]) for each in told] == [
        ("email", "luis@acme.example"),
        ("webhook", None),
    ]
    assert all(each["lead_id"] for each in told)


async def test_one_call_opens_one_lead_and_one_wish_is_one_while_it_is_open(scene: Scene) -> None:
    conversation = await conversation_of(scene)
    assert await opened(scene, conversation, "1-1", Lead("Pan"))
    assert await opened(scene, conversation, "1-1", Lead("Pan"))
    assert await opened(scene, conversation, "2-1", Lead(" pan! ", phone="+56 9 1234", when="mañana"))
    [lead] = await scene.pool.fetch("SELECT id, wanted, phone, call_at FROM leads")
    assert tuple(lead)[1:] == ("Pan", "+56 9 1234", "mañana")
    tenant_id = (await scene.entry()).tenant.id
    async with acting_for(scene.pool, tenant_id) as scope:
        await leads.close(scope.connection, tenant_id, lead["id"])
    assert await opened(scene, conversation, "1-1", Lead("Pan"))  # the first call, once more
    assert await opened(scene, conversation, "3-1", Lead("pan"))
    assert await scene.pool.fetchval("SELECT array_agg(state ORDER BY id) FROM leads") == ["closed", "open"]


async def test_what_it_says_is_bounded_and_one_line(scene: Scene) -> None:
    conversation = await conversation_of(scene)
    assert await opened(
        scene, conversation, "1-1", Lead("x\0\x1b[2J\n" + "y" * 900, "A\nB", "1" * 99, "\u202e")
    )
    [lead] = await scene.pool.fetch("SELECT wanted, name, phone, call_at FROM leads")
    assert lead["wanted"].startswith("x [2J y") and len(lead["wanted"]) == 500
    assert tuple(lead)[1:] == ("A B", "1" * 40, "")
    assert not await opened(scene, conversation, "1-2", Lead(" \n\0"))


async def test_a_contact_has_so_many_open_leads(scene: Scene) -> None:
    conversation = await conversation_of(scene)
    said = [
        await opened(scene, conversation, f"1-{n}", Lead(f"cosa {n}")) for n in range(leads.MOST_OPEN + 1)
    ]
    assert said == [True] * leads.MOST_OPEN + [False]


async def test_by_turns_each_person_has_one_after_the_other(scene: Scene) -> None:
    await add_people(scene, "Ana", "Luis", "Rosa")
    conversation = await conversation_of(scene)
    async with asyncio.TaskGroup() as group:  # at once
        for n in range(6):
            group.create_task(opened(scene, conversation, f"1-{n}", Lead(f"cosa {n}")))
    names = [name for _, name in await given(scene)]
    assert sorted(names) == ["Ana", "Ana", "Luis", "Luis", "Rosa", "Rosa"]


async def test_by_least_open_by_name_and_by_nobody(scene: Scene) -> None:
    await add_people(scene, "Ana", "Luis")
    conversation = await conversation_of(scene)
    for n, rule in enumerate(("Luis", "Luis", "least_open", "least_open", "Nobody")):
        await scene.pool.execute("UPDATE tenants SET lead_rule = $1", rule)
        await opened(scene, conversation, f"1-{n}", Lead(f"cosa {n}"))
    assert [name for _, name in await given(scene)] == ["Luis", "Luis", "Ana", "Ana", None]


async def test_a_tenant_s_people_are_given_no_other_tenant_s_leads(scene: Scene) -> None:
    bravo = await scene.add("bravo")
    async with scene.pool.acquire() as connection:
        await people.add(connection, bravo.tenant.id, "Bruno", "bruno@bravo.example", None)
    conversation = await conversation_of(scene)
    await opened(scene, conversation, "1-1", Lead("pan"))
    assert await given(scene) == [("pan", None)]


async def test_commands_list_show_give_and_close(scene: Scene, terminal: Terminal) -> None:
    conversation = await conversation_of(scene)
    for words in (
        ("Ana Soto", "ana@acme.example", "--phone", "+56 9 1111 0001"),
        ("Luis", "luis@acme.example"),
    ):
        await terminal.type("person", "add", "acme", *words)
    await terminal.type("tenant", "set", "acme", "--lead-rule", "Ana Soto")
    await opened(scene, conversation, "1-1", Lead("pan sin gluten", phone="+56911110009"))
    [listed] = await terminal.read("lead", "list", "acme", "--open", "--json")
    assert (listed["wanted"], listed["person"], listed["name"]) == ("pan sin gluten", "Ana Soto", "Ana")
    id = str(listed["id"])
    assert "pan sin gluten" in (await terminal.type("lead", "show", "acme", id)).stdout
    assert (await terminal.read("lead", "give", "acme", id, "Luis", "--json"))["person"] == "Luis"
    told = "SELECT mailed_to FROM notices ORDER BY id"
    assert [row[0] for row in await scene.pool.fetch(told)] == ["ana@acme.example", "luis@acme.example"]
    wrong = await terminal.type("lead", "give", "acme", id, "Pedro", code=1)
    assert "no person Pedro" in wrong.stderr
    assert [each["open_leads"] for each in await terminal.read("person", "list", "acme", "--json")] == [0, 1]
    left = await terminal.type("person", "remove", "acme", "Luis")
    assert "1 leads are open still" in left.stderr
    assert [each["name"] for each in await terminal.read("person", "list", "acme", "--json")] == ["Ana Soto"]
    await terminal.type("lead", "close", "acme", id)
    assert "no open lead" in (await terminal.type("lead", "close", "acme", id, code=1)).stderr
    assert await terminal.read("lead", "list", "acme", "--open", "--json") == []
    assert (await terminal.read("tenant", "show", "acme", "--json"))["lead_rule"] == "Ana Soto"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("person", "add", "acme", "turns", "a@b.cl"), "neither turns nor least_open"),
        (("person", "add", "acme", "Ana", "ana"), "e-mail address is like"),
        (("person", "remove", "acme", "Ana"), "no person Ana"),
        (("tenant", "set", "acme", "--lead-rule", "Ana"), "acme has no person Ana"),
        (("lead", "show", "acme", "7"), "no lead 7"),
    ],
)
async def test_what_cannot_be_is_one_sentence(
    scene: Scene, terminal: Terminal, words: tuple[str, ...], said: str
) -> None:
    assert said in (await terminal.type(*words, code=1)).stderr


async def test_an_open_lead_of_who_wants_no_messages_goes_when_nothing_is_left_of_what_was_said(
    scene: Scene,
) -> None:
    """Whose conversation does not go: for who is to be told nothing no person has anything to do."""
    await talk(scene, "stop")
    await scene.write("hola", sender="beto")
    conversations = [row["id"] for row in await scene.pool.fetch("SELECT id FROM conversations ORDER BY id")]
    for conversation in conversations:
        assert await opened(scene, conversation, "k", Lead("pan", "Ana", "+56911112222"))
    await age(scene, 366)
    assert "leads of who wants no messages" not in await would_go(scene)
    await prune(scene)
    await age(scene, 36)
    assert (await prune(scene))["leads of who wants no messages"] == 1
    assert await opened(scene, conversations[0], "l", Lead("pan", "Ana", "+56911112222"))
    await scene.pool.execute("UPDATE leads SET created_at = now() - interval '366 days'")
    await scene.pool.execute(
        "UPDATE conversations SET state = 'person', hand_back_at = now() + interval '1 h'"
    )
    assert await would_go(scene) == {}
    await scene.pool.execute("UPDATE conversations SET state = 'open', hand_back_at = NULL")
    left = {"leads of who wants no messages": 1}
    assert await would_go(scene) == left
    assert await prune(scene) == left
    assert await would_go(scene) == {}
    assert (
        await scene.pool.fetchval(
            "SELECT peer FROM leads JOIN conversations ON leads.conversation_id = conversations.id"
        )
        == "beto"
    )  # unanswered: it waits for somebody


async def test_leads_come_by_pages(scene: Scene) -> None:
    conversation = await conversation_of(scene)
    for n in range(3):
        assert await opened(scene, conversation, f"1-{n}", Lead(wanted=f"pan {n}"))
    tenant_id = (await scene.entry()).tenant.id
    async with acting_for(scene.pool, tenant_id) as scope:
        newest = await leads.list_all(scope.connection, tenant_id, "open", None, 2)
        rest = await leads.list_all(scope.connection, tenant_id, "open", None, 2, newest[-1].id)
    assert [each.wanted for each in newest + rest] == ["pan 2", "pan 1", "pan 0"]
