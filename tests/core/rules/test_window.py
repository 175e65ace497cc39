"""The window: what comes too late leaves as the account's template, or waits with the reason named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scene import Scene
from terminal import Terminal

from conserje import (
    Account,
    Button,
    Buttons,
    Content,
    InboundMessage,
    Location,
    Media,
    Note,
    OutsideWindow,
    Reaction,
    Receipt,
    Refused,
    StatusUpdate,
    Template,
    Text,
    Uncertain,
)
from conserje.contract.message import File, from_json
from conserje.conversations.rows import stored
from conserje.conversations.state import WANTS_NONE
from conserje.rules.consent import WANTS_NO_MARKETING
from conserje.rules.window import LARGEST, way_out
from conserje.storage import jobs
from conserje.storage.database import Connection, Pool
from conserje.storage.jobs import Job
from conserje.tenants import accounts
from conserje.tenants.refusals import TenantError, refusals

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
TEMPLATE = Template("respuesta", "es", ("Acme", "{text}"))


@pytest.fixture
def windowed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Where the provider takes nothing but templates a day after the contact's last message."""
    monkeypatch.setattr(scene.post, "window", lambda address: DAY)
    return scene


async def hear(scene: Scene, content: Content, ago: timedelta = timedelta(0)) -> None:
    """The contact does something, so long ago."""
    entry = await scene.entry()
    account = entry.accounts[0]
    at = datetime.now(UTC) - ago
    key = f"{content.type} {at}"
    await scene.intake.take(
        entry.tenant, [(account, InboundMessage(account.address, key, "ana", content, at=at))]
    )


async def say(scene: Scene, *contents: Content) -> None:
    for content in contents:
        await scene.pool.execute(
            "WITH taken AS (UPDATE conversations SET next_sequence = next_sequence + 1 RETURNING *)"
            " INSERT INTO messages"
            " (tenant_id, conversation_id, account_id, direction, content, sequence, state)"
            " SELECT tenant_id, id, account_id, 'out', $1, next_sequence - 1, 'queued' FROM taken",
            stored(content),
        )


async def deliver(scene: Scene) -> list[Content]:
    """What was sent until now."""
    row = await scene.pool.fetchrow("SELECT tenant_id, id FROM conversations")
    assert row is not None
    await scene.delivery.deliver(Job(jobs.DELIVER, row["tenant_id"], row["id"]))
    return [message.content for message in scene.post.sent]


async def states(scene: Scene) -> list[tuple[str, str | None]]:
    rows = await scene.pool.fetch(
        "SELECT state, cause FROM messages WHERE direction = 'out' ORDER BY sequence"
    )
    return [tuple(row) for row in rows]


async def give(scene: Scene, template: Template = TEMPLATE) -> None:
    """Give the account a template, and wait until the directory has heard of it."""
    entry = await scene.entry()
    account = entry.accounts[0]
    async with scene.pool.acquire() as connection:
        await accounts.change(
            connection, entry.tenant.id, account.channel, account.address, window_template=template
        )
    scene.directory.changed(entry.tenant.id)
    assert (await scene.entry()).accounts[0].window_template == template


def filled(text: str) -> Template:
    return Template("respuesta", "es", ("Acme", text), text)


async def test_within_the_window_a_reply_leaves_as_it_is(windowed: Scene) -> None:
    await hear(windowed, Text("hola"), DAY - HOUR)
    await say(windowed, Text("buenas"))
    assert await deliver(windowed) == [Text("buenas")]


async def test_without_a_template_it_is_held_and_the_reason_says_what_to_do(
    windowed: Scene, terminal: Terminal
) -> None:
    await hear(windowed, Text("hola"), DAY + HOUR)
    await say(windowed, Text("buenas"), Text("¿en qué ayudo?"))
    assert await deliver(windowed) == []
    [first, second] = await terminal.read("held", "list", "--json")
    assert first["cause"].startswith("outside the 24-hour window: give the account a template")
    assert "`conserje account set acme post +56 acme --window-template NAME`" in first["cause"]
    await terminal.type("held", "retry", first["id"])
    assert await deliver(windowed) == []  # nothing has changed
    assert [state for state, _ in await states(windowed)] == ["held", "held"]
    await hear(windowed, Text("¿hola?"))
    await terminal.type("held", "retry", first["id"])
    assert await deliver(windowed) == [Text("buenas")]
    await give(windowed)
    await windowed.pool.execute("UPDATE messages SET created_at = created_at - $1::interval", DAY)
    await terminal.type("held", "retry", second["id"])
    assert await deliver(windowed) == [Text("buenas"), filled("¿en qué ayudo?")]


async def test_with_a_template_it_leaves_as_that_and_is_stored_so(windowed: Scene) -> None:
    await give(windowed)
    await hear(windowed, Text("hola"), DAY + HOUR)
    await say(windowed, Text("buenas"))
    assert await deliver(windowed) == [filled("buenas")]
    content = await windowed.pool.fetchval("SELECT content FROM messages WHERE direction = 'out'")
    assert from_json(content) == filled("buenas")


async def test_a_template_leaves_at_any_time(windowed: Scene) -> None:
    await hear(windowed, Text("hola"), 9 * DAY)
    await say(windowed, Template("oferta", "es"))
    assert await deliver(windowed) == [Template("oferta", "es")]


async def test_a_channel_without_a_window_takes_all(scene: Scene) -> None:
    await hear(scene, Text("hola"), 9 * DAY)
    await say(scene, Text("buenas"))
    assert await deliver(scene) == [Text("buenas")]


@pytest.mark.parametrize(
    ("content", "opens"),
    [
        (Reaction("P1", "👍"), True),
        (Text('... "type":"note"}'), True),
        (Note("The contact changed the number."), False),
    ],
    ids=lambda each: getattr(each, "type", None),
)
async def test_what_the_contact_does_opens_it(windowed: Scene, content: Content, opens: bool) -> None:
    await hear(windowed, Text("hola"), DAY + HOUR)
    await hear(windowed, content)
    await say(windowed, Text("buenas"))
    assert bool(await deliver(windowed)) is opens


async def test_what_was_written_counts_from_its_writing_not_from_its_taking(windowed: Scene) -> None:
    """It was spooled, or fetched after an outage, and another one was taken in time before."""
    await hear(windowed, Text("hola"), HOUR)
    await hear(windowed, Text("ayer"), DAY + HOUR)
    await say(windowed, Text("buenas"))
    assert await deliver(windowed) == [Text("buenas")]


async def test_what_the_provider_says_counts_more_and_leads_to_the_template(windowed: Scene) -> None:
    await give(windowed)
    await hear(windowed, Text("hola"))
    await say(windowed, Text("buenas"), Text("¿hola?"))
    windowed.post.does.append(OutsideWindow("63016: outside"))
    assert await deliver(windowed) == [filled("buenas"), Text("¿hola?")]


async def test_what_the_provider_says_holds_without_a_template(scene: Scene) -> None:
    await hear(scene, Text("hola"))
    await say(scene, Text("buenas"))
    scene.post.does.append(OutsideWindow("63016: outside"))
    assert await deliver(scene) == []
    [(state, cause)] = await states(scene)
    assert state == "held" and cause and cause.startswith("outside the provider's window: ")


async def test_a_provider_that_says_so_again_ends_it(windowed: Scene, terminal: Terminal) -> None:
    await hear(windowed, Text("hola"))
    await say(windowed, Text("buenas"))
    windowed.post.does.append(OutsideWindow("131047: outside"))
    await deliver(windowed)
    [held] = await terminal.read("held", "list", "--json")
    await hear(windowed, Text("¿hola?"))
    await terminal.type("held", "retry", held["id"])
    windowed.post.does.append(OutsideWindow("131047: outside"))
    assert await deliver(windowed) == []
    assert await states(windowed) == [("held", "131047: outside")]


@pytest.mark.parametrize("error", [OutsideWindow("131047: outside"), Refused("132001: no such template")])
async def test_a_template_that_is_refused_is_refused(windowed: Scene, error: Exception) -> None:
    await give(windowed)
    await hear(windowed, Text("hola"), 2 * DAY)
    await say(windowed, Text("buenas"))
    windowed.post.does.append(error)
    assert await deliver(windowed) == []
    assert await states(windowed) == [("refused", str(error))]


async def report(scene: Scene, key: str, status: Any, provider_id: str, outside: bool = False) -> None:
    entry = await scene.entry()
    account = entry.accounts[0]
    ours = await scene.pool.fetchval("SELECT id FROM messages WHERE direction = 'out'")
    said = StatusUpdate(
        account.address,
        key,
        status,
        provider_id,
        ours,
        cause="131047" if outside else "",
        outside_window=outside,
    )
    await scene.intake.take(entry.tenant, [(account, said)])


@pytest.fixture
def numbered(windowed: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Where each sending has a name of its own at the provider."""
    send = windowed.post.send

    async def numbered(message: Any, account: Account[Any, Any]) -> Any:
        receipt = await send(message, account)
        return type(receipt)(f"P{len(windowed.post.sent)}")

    monkeypatch.setattr(windowed.post, "send", numbered)
    return windowed


async def test_a_failure_reported_later_leads_to_the_template_once(numbered: Scene) -> None:
    await give(numbered)
    await hear(numbered, Text("hola"))
    await say(numbered, Text("buenas"))
    await deliver(numbered)
    await report(numbered, "s1", "failed", "P1", outside=True)
    due = await numbered.pool.fetch("SELECT entrypoint FROM pgqueuer.pgqueuer WHERE entrypoint = 'deliver'")
    assert due
    for key, status in (("s2", "sent"), ("s1", "failed"), ("s3", "delivered")):
        await report(numbered, key, status, "P1", outside=status == "failed")  # late, and once more
    assert await states(numbered) == [("queued", "131047")]
    assert await deliver(numbered) == [Text("buenas"), filled("buenas")]
    await report(numbered, "s4", "sent", "P1")
    await report(numbered, "s5", "delivered", "P2")
    assert await states(numbered) == [("delivered", None)]


async def test_a_failure_reported_of_the_template_is_final(numbered: Scene) -> None:
    await give(numbered)
    await hear(numbered, Text("hola"))
    await say(numbered, Text("buenas"))
    await deliver(numbered)
    await report(numbered, "s1", "failed", "P1", outside=True)
    await deliver(numbered)
    await report(numbered, "s2", "failed", "P2", outside=True)
    assert await deliver(numbered) == [Text("buenas"), filled("buenas")]
    assert await states(numbered) == [("failed", "131047")]


async def test_a_failure_reported_later_holds_without_a_template(numbered: Scene, terminal: Terminal) -> None:
    await hear(numbered, Text("hola"))
    await say(numbered, Text("buenas"))
    await deliver(numbered)
    await report(numbered, "s1", "failed", "P1", outside=True)
    assert await deliver(numbered) == [Text("buenas")]
    [held] = await terminal.read("held", "list", "--json")
    assert held["cause"].startswith("outside the 24-hour window")
    await report(numbered, "s2", "sent", "P1")
    assert [state for state, _ in await states(numbered)] == ["held"]
    await hear(numbered, Text("¿hola?"))
    await terminal.type("held", "retry", held["id"])
    assert await deliver(numbered) == [Text("buenas"), Text("buenas")]


@pytest.mark.parametrize("answered", [True, False])
async def test_a_failure_reported_before_the_answer_to_the_sending(
    windowed: Scene, monkeypatch: pytest.MonkeyPatch, answered: bool
) -> None:
    await give(windowed)
    await hear(windowed, Text("hola"))
    await say(windowed, Text("buenas"))
    windowed.post.found = Receipt("P1")
    send = windowed.post.send

    async def fails_first(message: Any, account: Account[Any, Any]) -> Any:
        receipt = await send(message, account)
        if isinstance(message.content, Text):
            await report(windowed, "s1", "failed", "P1", outside=True)
            if not answered:
                raise Uncertain("hung up")
            return type(receipt)("P1")
        return type(receipt)("P2")

    monkeypatch.setattr(windowed.post, "send", fails_first)
    assert await deliver(windowed) == [Text("buenas"), filled("buenas")]
    assert await states(windowed) == [("sent", None)]
    assert await windowed.pool.fetchval("SELECT provider_id FROM messages WHERE direction = 'out'") == "P2"


@pytest.mark.parametrize(("state", "cause"), [("all", WANTS_NONE), ("marketing", WANTS_NO_MARKETING)])
async def test_consent_comes_before_the_way_out(windowed: Scene, state: str, cause: str) -> None:
    await give(windowed)
    await hear(windowed, Text("hola"), 2 * DAY)
    await say(windowed, Text("buenas"))
    await windowed.pool.execute("UPDATE conversations SET opted_out = $1", state)
    assert await deliver(windowed) == []
    assert await states(windowed) == [("refused", cause)]


def account(template: Template | None) -> accounts.AccountRow:
    return accounts.AccountRow(1, "post", "+56", {}, None, "active", window_template=template)


WAYS_OUT: list[tuple[Content, str | None]] = [
    (Text("hola\n\n  y   chao"), "hola y chao"),
    (Text("x" * 9000), "x" * LARGEST),
    (Buttons("¿Cuál?", (Button("a", "Uno"), Button("b", "Dos"))), "¿Cuál? 1. Uno 2. Dos"),
    (Location(-33.45, -70.66, "Tienda"), "Tienda https://www.google.com/maps?q=-33.450000,-70.660000"),
    (Media((File("https://x.cl/a.jpg"),), "mira"), None),
]


@pytest.mark.parametrize(("content", "words"), WAYS_OUT, ids=lambda each: str(each)[:20])
def test_a_template_carries_words(content: Content, words: str | None) -> None:
    out = way_out(content, account(TEMPLATE))
    assert (out and out.values) == (words and ("Acme", words))
    assert way_out(content, account(None)) is None


@given(st.text(min_size=1))
def test_a_value_is_one_short_line(text: str) -> None:
    out = way_out(Text(text), account(Template("t", "", ("{text}",))))
    assert out is not None and out.text == text
    assert len(out.values[0]) <= LARGEST and len(out.values[0].splitlines()) <= 1


async def test_only_a_template_is_stored_as_one(connection: Connection) -> None:
    await connection.execute("INSERT INTO tenants (slug, name) VALUES ('acme', 'Acme')")
    tenant_id = await connection.fetchval("SELECT id FROM tenants")
    await accounts.add(connection, tenant_id, "post", "+1", window_template=TEMPLATE)
    assert (await accounts.list_all(connection, tenant_id))[0].window_template == TEMPLATE
    found = await accounts.find(connection, "slug", "acme")
    assert found and found[1][0].window_template == TEMPLATE
    await connection.execute("""UPDATE accounts SET window_template = '{"name": "t"}'""")
    assert (await accounts.list_all(connection, tenant_id))[0].window_template == Template("t")
    for nonsense in ("{}", "[]", "null", '"t"', '[{"name": "t"}]', '{"name": " "}', '{"name": 1}',
                     '{"name": "t", "values": "x"}', '{"name": "t", "values": [1]}',
                     '{"name": "t", "language": null}'):  # fmt: skip
        with pytest.raises(TenantError, match="template for the window"):
            async with connection.transaction():
                with refusals():
                    await connection.execute("UPDATE accounts SET window_template = $1", nonsense)


async def test_a_template_is_given_shown_and_taken_away(terminal: Terminal, pool: Pool) -> None:
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    change = ("account", "set", "acme", "json", "json")

    async def shown() -> Any:
        [row] = await terminal.read("account", "list", "acme", "--json")
        return row["window_template"] and (row["window_template"]["name"], row["window_template"]["values"])

    values = ("--template-value", "Acme", "--template-value", "Respuesta: {text}")
    await terminal.type(*change, "--window-template", "respuesta", "--template-language", "es", *values)
    assert await shown() == ("respuesta", ["Acme", "Respuesta: {text}"])
    await terminal.type(*change, "--status", "suspended")
    assert await shown() == ("respuesta", ["Acme", "Respuesta: {text}"])
    await terminal.type(*change, "--window-template", "otra")
    assert await shown() == ("otra", ["{text}"])
    named = ("--template-value", "{{quien}}=Acme", "--template-value", "{{que}}=a = {text}")
    await terminal.type(*change, "--window-template", "otra", *named)
    assert await shown() == ("otra", ["Acme", "a = {text}"])
    [row] = await terminal.read("account", "list", "acme", "--json")
    assert row["window_template"]["names"] == ["quien", "que"]
    mixed = await terminal.type(*change, "--window-template", "otra", *named, *values, code=2)
    assert "have names" in mixed.stderr
    await terminal.type(*change, "--window-template", "")
    assert await shown() is None
    failed = await terminal.type(*change, "--status", "active", "--template-value", "x", code=2)
    assert "need --window-template" in failed.stderr
    shown_help = (await terminal.type("account", "set", "--help")).stdout
    assert "--window-template respuesta --template-language es" in shown_help


async def test_a_reply_costs_one_statement_more_where_there_is_a_window(windowed: Scene) -> None:
    async def statements() -> int:
        seen: list[str] = []
        entry = await windowed.entry()
        await hear(windowed, Text("hola"))
        await say(windowed, Text("buenas"))
        row = await windowed.pool.fetchrow("SELECT tenant_id, id FROM conversations")
        assert row is not None
        async with windowed.pool.acquire() as connection, connection.transaction():
            connection.add_query_logger(see := _into(seen))
            await windowed.delivery._take_next(connection, entry, Job(jobs.DELIVER, row[0], row[1]))
            connection.remove_query_logger(see)
        await windowed.pool.execute("UPDATE messages SET state = 'sent' WHERE direction = 'out'")
        return len(seen)

    with_window = await statements()
    windowed.post.window = lambda address: None  # type: ignore[method-assign]
    assert with_window == await statements() + 1 == 3


def _into(seen: list[str]) -> Callable[[Any], None]:
    def see(query: Any) -> None:
        seen.append(query.query)

    return see
