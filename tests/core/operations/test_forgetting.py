"""Forgetting a contact: nothing of them is found afterwards, wherever it is looked for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest
from album import JPEG, Album, parts
from scene import Scene
from staff import say
from terminal import Terminal
from traces import found_in_backup, found_in_files, found_in_tables
from waiting import until

from conserje import BusinessMessage, Edit, File, InboundMessage, Media, Order, OrderItem, Revocation, Text
from conserje.contract.message import Event, StatusUpdate, Unreadable
from conserje.conversations import contacts, handling, rights, state
from conserje.conversations.contacts import ContactError
from conserje.conversations.rows import RejectRow, beside_key, digest, prepare, stored
from conserje.files.folder import Folder
from conserje.intake.intake import Intake
from conserje.intake.packing import pack, unpack
from conserje.intake.spool import Spool
from conserje.operations import backup, retention
from conserje.operations.forgetting import forget, forget_everywhere, held_until
from conserje.operations.progress import Progress
from conserje.operations.shelf import Keep
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.storage.scope import acting_for

NUMBER = "56987654321"
ZOE = f"whatsapp:+{NUMBER}"


@dataclass
class Town:
    """A scene with one contact, Zoe, and another, Ana."""

    scene: Scene
    folder: Path  # the data directory

    async def take(self, *events: Event) -> None:
        entry = await self.scene.entry()
        await self.scene.intake.take(entry.tenant, [(entry.accounts[0], event) for event in events])

    async def hear(self, content: object, key: str, **more: object) -> None:
        entry = await self.scene.entry()
        address = entry.accounts[0].address
        event = InboundMessage(address, key, ZOE, content, name="Zoe Quiroz", **more)  # type: ignore[arg-type]
        await self.take(event)

    async def place(self, address: str = ZOE) -> tuple[int, int]:
        """Tenant and conversation."""
        row = await self.scene.pool.fetchrow(
            "SELECT tenant_id, id FROM conversations WHERE peer = $1 ORDER BY id DESC LIMIT 1", address
        )
        assert row
        return row["tenant_id"], row["id"]

    async def contact(self, address: str = ZOE) -> int:
        found: int = await self.scene.pool.fetchval(
            "SELECT contact_id FROM identities WHERE name = $1", address
        )
        return found

    async def forget(self, address: str = ZOE) -> None:
        tenant = (await self.scene.entry()).tenant
        async with self.scene.pool.acquire() as connection:
            await forget(connection, tenant.id, await self.contact(address))

    async def spool(self, event: InboundMessage | StatusUpdate | Unreadable, at: datetime) -> bytes:
        """What the spool holds of it."""
        entry = await self.scene.entry()
        row = prepare(entry.tenant.id, entry.accounts[0], event)
        return pack(row._replace(at=at) if isinstance(event, InboundMessage) else row)  # type: ignore[call-arg]


@pytest.fixture
def town(scene: Scene, keyring: Path) -> Town:
    return Town(scene, keyring.parent.parent)


WORDS = (
    "Zoe", "Quiroz", NUMBER, "tortuga", "marmota", "cigarra", "escaneo", "luciernaga", "avestruz", "gacela",
    "pelicano", "hormiga", "56922223333", "murcielago", "JFIF", "wamid.zoe", "comadreja", "US.777",
)  # fmt: skip


async def _lived(town: Town) -> None:
    """Zoe has been everywhere."""
    scene = town.scene
    scene.post = Album()
    scene.collector.plugins.channels["post"] = scene.post
    scene.post.given = lambda file: parts(JPEG)
    entry = await scene.entry()
    address = entry.accounts[0].address
    await scene.pool.execute("UPDATE tenants SET notice_url = 'https://127.0.0.1/notices'")
    await scene.heard()
    await town.hear(
        Text("quiero una tortuga"), "wamid.zoe1", identities=("US.777",), provider_id="wamid.zoe1"
    )
    scene.parrot.hand_over = True
    tenant, conversation = place = await town.place()
    await scene.conversation.converse(Job(jobs.CONVERSE, *place))
    await scene.delivery.deliver(Job(jobs.DELIVER, *place))
    sent = await scene.pool.fetchval("SELECT provider_id FROM messages WHERE direction = 'out'")
    await town.take(StatusUpdate(address, "s1", "failed", sent, cause="la cigarra no contesta"))
    await town.hear(Edit("wamid.zoe1", Text("mejor una marmota")), "wamid.zoe2")
    await town.hear(Media((File("ref-escaneo", "image/jpeg", "escaneo.jpg"),), "mi comadreja"), "wamid.zoe3")
    message = await scene.pool.fetchval("SELECT max(id) FROM messages WHERE direction = 'in'")
    await scene.collector.collect(Job(jobs.COLLECT, *place, message))
    await town.hear(Order((OrderItem("avestruz", 1),)), "wamid.zoe4")
    await town.hear(Text("el murcielago"), "wamid.zoe5", quotes="wamid.zoe1")
    await town.hear(Text("STOP gacela"), "wamid.zoe6", consent="out")
    await scene.pool.execute("UPDATE contacts SET phone = '+56922223333', vouched_at = now()")
    odd = Unreadable(address, "odd", f'{{"from": "{NUMBER}", "text": "luciernaga"}}', "no sense")
    await town.take(odd, BusinessMessage(address, "wamid.zoe7", ZOE, Text("Hola Zoe, soy la hormiga")))
    async with acting_for(scene.pool, tenant) as scope:
        said = [Text("Le habla el pelicano")]
        await scope.connection.execute(state.TAKE, tenant, conversation, timedelta(hours=1), "Ana", 1)
    await say(scene.pool, entry.tenant, conversation, said)


async def test_nothing_of_who_was_forgotten_is_found(
    town: Town, terminal: Terminal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setattr("conserje.plugins.plugins.load", lambda *_: town.scene.conversation.plugins)
    await _lived(town)
    await town.scene.write("hola, la tortuga es mia", sender="ana")
    entry = await town.scene.entry()
    address, now = entry.accounts[0].address, datetime.now(UTC)
    waiting = InboundMessage(address, "wamid.zoe8", ZOE, Text("x" * 9000 + " tortuga"), name="Zoe Quiroz")
    other = InboundMessage(address, "ana2", "ana", Text("sigo aqui"))
    async with Spool(town.folder / "spool", 64 * 2**20) as spool:
        odd = Unreadable(address, "odd2", f"From=whatsapp%3A%2B{NUMBER}&Body=luciernaga", "no sense")
        report = StatusUpdate(address, "s2", "failed", "wamid.zoe7", cause="cigarra")
        await spool.keep([await town.spool(each, now) for each in (waiting, other, odd, report)])
        before = set(await found_in_tables(town.scene.pool, *WORDS))
        assert {each.rpartition(" ")[2] for each in before} >= set(WORDS) - {"JFIF"}
        assert any("JFIF" in each for each in found_in_files(town.folder, "JFIF"))
        assert any("spool" in each for each in found_in_files(town.folder, "tortuga"))
        assert any("ana" in each for each in await found_in_tables(town.scene.pool, "ana"))
        done = await terminal.read("contact", "forget", "acme", str(await town.contact()), "--yes", "--json")
        assert done["messages"] >= 9 and done["files"] == 1 and done["spooled"] == 3
        left = await found_in_tables(town.scene.pool, *WORDS)
        assert left == ["public.messages: tortuga"]  # Ana's
        assert list(found_in_files(town.folder, *WORDS)) == []
        assert await spool.count() == 1  # Ana's
    for line in caplog.messages:
        assert not any(word in line for word in WORDS if word not in ("Zoe",)), line
    assert "Backups made before now" in done["backups"]


THEIRS = (
    f'{{"from": "{NUMBER}"}}',
    f'{{"from": "+{NUMBER}", "again": "9{NUMBER}"}}',
    f"From=whatsapp%3A%2B{NUMBER}&Body=hola",
    f"To=%20{NUMBER}",
    '{"user_id": "US.777"}',
    "Id=mesa%3Azoe%40casa",
    '{"id": "zq"}',
)
ANOTHER_S = (f'{{"from": "9{NUMBER}"}}', f'{{"id": "{NUMBER}0"}}', '{"text": "zq, soy Ana"}', '{"from": ""}')


async def test_what_nobody_could_read_is_theirs_by_one_rule(town: Town) -> None:
    """In the table as in the spool; with what a part of it could not be read of."""
    entry = await town.scene.entry()
    address, now = entry.accounts[0].address, datetime.now(UTC)
    known_as = ("US.777", "mesa:zoe@casa", "mesa:zq", "zs:")
    await town.hear(Text("hola"), "k1", identities=known_as)
    raws = (*THEIRS, *ANOTHER_S)
    await town.take(*(Unreadable(address, f"odd{n}", raw, "no sense") for n, raw in enumerate(raws)))
    async with Spool(town.folder / "spool", 64 * 2**20) as spool:
        odd = [Unreadable(address, f"wait{n}", raw, "no sense") for n, raw in enumerate(raws)]
        said = await town.spool(InboundMessage(address, "k2", ZOE, Text("hola")), now)
        key = digest("k2")
        beside = RejectRow(entry.tenant.id, entry.accounts[0].id, beside_key(key), "[1]", "odd", key)
        await spool.keep([*[await town.spool(each, now) for each in odd], said, pack(beside)])
        async with town.scene.pool.acquire() as connection:
            place = (entry.tenant.id, await town.contact())
            done = await forget_everywhere(connection, Settings(data_dir=town.folder), *place)
        assert done.spooled == len(THEIRS) + 2
        left = [unpack(packed) for _, packed in await spool.oldest(100)]
    assert [row.raw for row in left if isinstance(row, RejectRow)] == [*ANOTHER_S]
    rows = await town.scene.pool.fetch("SELECT raw FROM rejects ORDER BY id")
    assert [row["raw"] for row in rows] == [*ANOTHER_S]


async def test_nobody_waits_while_what_nobody_could_read_is_looked_through(
    town: Town, database_url: str
) -> None:
    await town.hear(Text("hola"), "k1")
    address = (await town.scene.entry()).accounts[0].address
    await town.take(Unreadable(address, "odd", THEIRS[0], "no sense"))
    other = await asyncpg.connect(database_url)
    waits = (
        "SELECT count(*) > 0 FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    watcher = await asyncpg.connect(database_url)
    async with other.transaction():
        await other.execute("SELECT FROM rejects FOR UPDATE")
        forgetting = asyncio.create_task(town.forget())
        await until(lambda: watcher.fetchval(waits))
        await other.execute("SELECT FROM contacts, conversations FOR UPDATE NOWAIT")
    await forgetting
    await watcher.close()
    await other.close()
    assert await town.scene.pool.fetchval("SELECT count(*) FROM rejects") == 0


async def test_promise_14_no_backup_made_afterwards_holds_who_was_forgotten(town: Town) -> None:
    await _lived(town)
    settings, vault = Settings(data_dir=town.folder), town.scene.vault
    place = (town.folder / "backups", Keep.of("7d"))
    order = backup.Order(town.scene.url, settings, vault, *place, prove=False, progress=Progress())
    words = {*WORDS} - {"Zoe"}  # which sealed text may say by chance, and Quiroz not
    before = await backup.make(order)
    assert found_in_backup(before.path, vault, *words) == words
    async with town.scene.pool.acquire() as connection:
        tenant = (await town.scene.entry()).tenant
        await forget_everywhere(connection, settings, tenant.id, await town.contact())
    after = await backup.make(replace(order, folder=town.folder / "later"))
    assert after.listed.rows["messages"] == before.listed.rows["messages"]
    assert found_in_backup(after.path, vault, *words) == set()


async def test_another_s_are_as_they_were(town: Town) -> None:
    await _lived(town)
    await town.scene.write("hola", sender="ana")
    before = await town.scene.pool.fetch(
        "SELECT * FROM messages WHERE conversation_id = $1", (await town.place("ana"))[1]
    )
    await town.forget()
    after = await town.scene.pool.fetch(
        "SELECT * FROM messages WHERE conversation_id = $1", (await town.place("ana"))[1]
    )
    assert before == after
    assert await town.scene.pool.fetchval("SELECT count(*) FROM identities") == 1


async def test_what_is_redelivered_is_taken_once_and_makes_nobody(town: Town) -> None:
    await town.hear(Text("hola"), "k1")
    await town.forget()
    await town.hear(Text("hola"), "k1")
    assert await town.scene.pool.fetchval("SELECT count(*) FROM messages") == 1
    assert await town.scene.pool.fetchval("SELECT count(*) FROM identities") == 0
    assert await found_in_tables(town.scene.pool, NUMBER, "Zoe", "hola") == []


async def test_what_another_node_drains_later_is_dropped(town: Town) -> None:
    entry = await town.scene.entry()
    address = entry.accounts[0].address
    await town.hear(Text("hola"), "k1")
    before = datetime.now(UTC)
    await town.forget()
    said = InboundMessage(address, "k2", ZOE, Text("una tortuga"), name="Zoe")
    edited = replace(said, key="k3", content=Edit("k1", Text("la tortuga")))
    withdrawn = replace(said, key="k4", content=Revocation("k0"))
    after = InboundMessage(address, "k5", ZOE, Text("soy nueva"))
    async with (
        Spool(town.folder / "other", 64 * 2**20) as spool,
        Intake(town.scene.pool, town.scene.intake.plugins, spool) as intake,
    ):
        await spool.keep([await town.spool(each, before) for each in (said, edited, withdrawn)])
        assert await intake._drain(spool) == 3
        assert await found_in_tables(town.scene.pool, NUMBER, "Zoe", "tortuga") == []
        await spool.keep([await town.spool(after, datetime.now(UTC)), await town.spool(said, before)])
        await intake._drain(spool)
    texts = await town.scene.pool.fetch("SELECT content FROM messages WHERE content LIKE '%text\":\"%'")
    assert [row["content"] for row in texts if "nueva" in row["content"]] and len(texts) == 1


async def test_who_wanted_no_more_is_not_written_to_because_they_were_forgotten(town: Town) -> None:
    await town.hear(Text("STOP"), "k1", consent="out")
    await town.forget()
    assert await found_in_tables(town.scene.pool, NUMBER) == []
    await town.hear(Text("hola de nuevo"), "k2")
    place = await town.place()
    await town.scene.conversation.converse(Job(jobs.CONVERSE, *place))
    await town.scene.delivery.deliver(Job(jobs.DELIVER, *place))
    assert town.scene.post.sent == []
    told = await town.scene.pool.fetch(
        "SELECT change, source FROM consents WHERE conversation_id = $1", place[1]
    )
    assert [tuple(row) for row in told] == [("out", "operator")]
    await town.hear(Text("START"), "k3", consent="in")
    await town.hear(Text("¿y ahora?"), "k4")
    await town.scene.conversation.converse(Job(jobs.CONVERSE, *place))
    await town.scene.delivery.deliver(Job(jobs.DELIVER, *place))
    assert town.scene.post.texts == ["¿y ahora?"]
    assert (
        await town.scene.pool.fetchval("SELECT count(*) FROM forgotten_addresses WHERE opted_out IS NOT NULL")
        == 0
    )


async def test_what_is_being_thought_is_thrown_away(town: Town) -> None:
    town.scene.parrot.ready.clear()
    await town.hear(Text("tortuga"), "k1")
    place = await town.place()
    turn = asyncio.create_task(town.scene.conversation.converse(Job(jobs.CONVERSE, *place)))
    await until(lambda: town.scene.parrot.heard)
    await town.forget()
    town.scene.parrot.ready.set()
    await turn
    await town.scene.delivery.deliver(Job(jobs.DELIVER, *place))
    assert town.scene.post.sent == []
    assert await found_in_tables(town.scene.pool, "tortuga") == []


async def test_what_is_being_sent_leaves_no_trace(town: Town) -> None:
    await town.hear(Text("tortuga"), "k1")
    place = await town.place()
    await town.scene.conversation.converse(Job(jobs.CONVERSE, *place))
    answered = asyncio.Event()
    town.scene.post.does.append(answered)
    sending = asyncio.create_task(town.scene.delivery.deliver(Job(jobs.DELIVER, *place)))
    await until(lambda: not town.scene.post.does)
    await town.forget()
    answered.set()
    await sending
    assert await found_in_tables(town.scene.pool, "tortuga", NUMBER) == []
    assert await town.scene.pool.fetchval("SELECT state FROM messages WHERE direction = 'out'") == "refused"


async def test_who_writes_while_they_are_forgotten_leaves_nothing_either(
    town: Town, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intake has found the conversation and waits for the lock."""
    await town.hear(Text("hola"), "k1")
    same_user = await asyncpg.connect(database_url)
    writing: list[asyncio.Task[None]] = []

    async def meanwhile() -> None:
        waits = (
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        writing.append(asyncio.create_task(town.hear(Text("tortuga"), "k2")))

        async def is_waiting() -> bool:
            return bool(await same_user.fetchval(waits))

        await until(is_waiting)

    wake = rights.wake

    async def woken(connection: object, *place: int) -> None:
        if not writing:
            await meanwhile()
        await wake(connection, *place)  # type: ignore[arg-type]

    monkeypatch.setattr(rights, "wake", woken)
    await town.forget()
    await asyncio.gather(*writing)
    await same_user.close()
    assert await found_in_tables(town.scene.pool, "tortuga") == []


async def test_what_is_reported_later_is_dropped(town: Town) -> None:
    """By the provider's number, or by ours where nobody knew that yet; what concerns others is kept."""
    for sender in (ZOE, "ana"):
        await town.scene.write("hola", sender=sender)
        place = await town.place(sender)
        await town.scene.conversation.converse(Job(jobs.CONVERSE, *place))
        await town.scene.delivery.deliver(Job(jobs.DELIVER, *place))
    await town.scene.pool.execute("UPDATE turns SET usage = '{\"words of Zoe\": 1}'")
    to_zoe, to_ana = await town.scene.pool.fetch(
        "UPDATE messages SET provider_id = 'wamid.' || conversation_id WHERE direction = 'out'"
        " RETURNING id, provider_id"
    )
    await town.forget()
    address = (await town.scene.entry()).accounts[0].address
    for n, (message, given) in enumerate([(None, to_zoe[1]), (to_zoe[0], "wamid.9"), (None, to_ana[1])]):
        report = StatusUpdate(address, f"s{n}", "read", given, message_id=message)
        await town.take(report)
    kept = await town.scene.pool.fetch("SELECT provider_id FROM statuses")
    assert [row["provider_id"] for row in kept] == [to_ana[1]]
    assert await found_in_tables(town.scene.pool, "wamid.9", to_zoe[1]) == []
    states = await town.scene.pool.fetch("SELECT state FROM messages WHERE direction = 'out' ORDER BY id")
    assert [row["state"] for row in states] == ["sent", "read"]
    usage = await town.scene.pool.fetch("SELECT usage FROM turns ORDER BY id")
    assert usage[0]["usage"] == "{}" != usage[1]["usage"]


async def test_a_turn_finds_nothing_to_answer_in_a_forgotten_conversation(town: Town) -> None:
    await town.hear(Text("hola"), "k1")
    place = await town.place()
    await town.forget()
    await town.scene.pool.execute(
        "INSERT INTO messages (tenant_id, conversation_id, account_id, direction, content, event_key)"
        " SELECT tenant_id, id, account_id, 'in', $1, 'k9' FROM conversations",
        stored(Text("tortuga")),
    )
    await town.scene.conversation.converse(Job(jobs.CONVERSE, *place))
    assert town.scene.parrot.heard == []
    assert await found_in_tables(town.scene.pool, "tortuga") == []


async def test_who_writes_to_a_forgotten_conversation_reaches_nobody(town: Town) -> None:
    await town.hear(Text("hola"), "k1")
    tenant, conversation = await town.place()
    await town.forget()
    seen = (await town.scene.entry()).tenant
    await handling.take(town.scene.pool, seen, conversation)
    await say(town.scene.pool, seen, conversation, [Text("¿sigue ahi?")])
    await town.scene.delivery.deliver(Job(jobs.DELIVER, tenant, conversation))
    assert town.scene.post.sent == []
    said = await town.scene.pool.fetchrow("SELECT state, cause FROM messages WHERE direction = 'out'")
    assert said and tuple(said) == ("refused", "The contact was forgotten.")


async def test_a_long_history_is_emptied_in_parts_and_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conserje.conversations.rights.BATCH", 3)
    for n in range(10):
        await town.hear(Text(f"tortuga {n}"), f"k{n}")
    tenant, contact = (await town.scene.entry()).tenant, await town.contact()
    async with town.scene.pool.acquire() as connection:
        assert await forget(connection, tenant.id, contact) == 10
        assert await forget(connection, tenant.id, contact) == 0
        with pytest.raises(ContactError, match="conserje contact list"):
            await forget(connection, tenant.id, contact + 1)
    assert await found_in_tables(town.scene.pool, "tortuga") == []
    noted = await town.scene.pool.fetch("SELECT contact_id FROM forgotten")
    assert [row["contact_id"] for row in noted] == [contact]


async def test_who_was_forgotten_is_listed_no_more(town: Town, terminal: Terminal) -> None:
    await town.hear(Text("hola"), "k1")
    await town.scene.write("hola", sender="ana")
    tenant, conversation = await town.place()
    contact = await town.contact()
    await town.forget()
    async with acting_for(town.scene.pool, tenant) as scope:
        await contacts.vouch(scope.connection, tenant, conversation, "Zoe", f"+{NUMBER}")
    assert [each["name"] for each in await terminal.read("contact", "list", "acme", "--json")] == ["Ana"]
    shown = await terminal.read("contact", "show", "acme", str(contact), "--json")
    assert shown["name"] == "" and shown["identities"] == []
    assert await found_in_tables(town.scene.pool, NUMBER) == []


async def test_hashes_of_those_who_wanted_messages_go_after_a_while(town: Town) -> None:
    await town.hear(Text("STOP"), "k1", consent="out")
    await town.scene.write("hola", sender="ana")
    await town.forget()
    await town.forget("ana")
    async with town.scene.pool.acquire() as connection:
        assert [each async for each in retention.due(connection)] == []
        await connection.execute("UPDATE forgotten_addresses SET forgotten_at = now() - interval '36 days'")
        kind = "hashes of the forgotten"
        assert [each async for each in retention.due(connection)] == [("acme", kind, 1)]
        assert [each async for each in retention.prune(connection, Folder(town.folder), 0)] == [
            ("acme", kind, 1)
        ]
    kept = await town.scene.pool.fetch("SELECT opted_out FROM forgotten_addresses")
    assert [row["opted_out"] for row in kept] == ["all"]


def test_it_says_until_when_backups_hold_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = Settings(backups=tmp_path, backups_keep="7d4w6m")
    assert "if there are any" in held_until(Settings())
    assert "if there are any" in held_until(there)
    assert "nowhere is not there" in held_until(Settings(backups=tmp_path / "nowhere"))
    monkeypatch.setattr("conserje.operations.shelf.list_all", lambda folder: ["one", "two"])
    last = datetime.now(UTC) + timedelta(days=186)
    assert f"2 backups in {tmp_path}" in held_until(there) and f"{last:%Y-%m}" in held_until(there)


async def test_a_folder_of_backups_that_cannot_be_read_fails_nothing(town: Town, terminal: Terminal) -> None:
    """All is forgotten by then."""
    (town.folder / "file").touch()
    await town.hear(Text("hola"), "k1")
    command = ("contact", "forget", "acme", str(await town.contact()), "--yes")
    done = await terminal.type(*command, BACKUPS=str(town.folder / "file"))
    assert "is forgotten" in done.stdout and "file cannot be read" in done.stdout


async def test_it_asks_first(town: Town, terminal: Terminal) -> None:
    await town.hear(Text("hola"), "k1")
    asked = await terminal.type("contact", "forget", "acme", str(await town.contact()), code=1)
    assert "Zoe Quiroz" in asked.stderr
    assert await town.scene.pool.fetchval("SELECT count(*) FROM forgotten") == 0
