"""What earlier releases spooled: a node that is updated in an outage gives every event on, field by field."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from restored import RELEASES, upgraded
from waiting import until

from conserje import InboundMessage, StatusUpdate, Text, Unreadable
from conserje.contract.message import Event
from conserje.intake.intake import Intake
from conserje.intake.spool import Spool
from conserje.plugins.plugins import Plugins
from conserje.storage import jobs
from conserje.storage.database import Pool
from conserje.tenants.directory import Directory

SMS = "+56900000101"
AT = datetime(2026, 3, 2, 13, 0, 0, 250_000, tzinfo=UTC)
BUTTONS = [{"id": "pan", "title": "Pan"}, {"id": "queque", "title": "Queque"}]

# What each inbound message says then, by the provider's name for it.
CONTENTS: dict[str, dict[str, Any]] = {
    "S-full": {"type": "text", "text": "todo"},
    "S-dirty": {"type": "text", "text": "☕ \ufffd \ufffd fin"},
    "S-0-text": {"type": "text", "text": "el segundo", "choices": BUTTONS},
    "S-1-media": {
        "type": "media",
        "caption": "mira",
        "files": [
            {"ref": "gone", "content_type": "image/jpeg", "name": "", "sticker": False},
            {"ref": "sticker", "content_type": "image/webp", "name": "", "sticker": True},
        ],
    },
    "S-2-location": {
        "type": "location",
        "latitude": -33.45,
        "longitude": -70.66,
        "name": "Acme",
        "address": "Calle Uno 1",
    },
    "S-3-contact_card": {
        "type": "contact_card",
        "name": "Beto",
        "phones": ["+56911110002"],
        "emails": ["beto@example.com"],
    },
    "S-4-reaction": {"type": "reaction", "to": "P2", "emoji": "🙏"},
    "S-5-reaction": {"type": "reaction", "to": "P2", "emoji": ""},
    "S-6-buttons": {"type": "buttons", "text": "¿Cuál?", "buttons": BUTTONS},
    "S-7-list": {
        "type": "list",
        "text": "¿Cuál?",
        "rows": [
            {"id": "pan", "title": "Pan", "description": "Del día"},
            {"id": "queque", "title": "Queque", "description": ""},
        ],
    },
    "S-8-pressed": {"type": "pressed", "id": "pan", "title": "Pan"},
    "S-9-template": {
        "type": "template",
        "name": "aviso",
        "language": "es",
        "values": ["Ana"],
        "text": "Hola Ana",
    },
    "S-10-order": {
        "type": "order",
        "items": [
            {"product": "pan", "quantity": 2, "price": "1990.50"},
            {"product": "queque", "quantity": 1, "price": None},
        ],
        "currency": "CLP",
        "text": "para hoy",
    },
    "S-11-note": {"type": "note", "text": "Ana has a new number."},
    "S-12-unknown": {
        "type": "unknown",
        "kind": "poll",
        "raw": {"question": "¿?", "options": [1, None, {"deep": True}]},
    },
    "S-text": {"type": "text", "text": "tres panes"},
    "S-picture": {
        "type": "media",
        "caption": "",
        "files": [{"ref": "b", "content_type": "image/png", "name": "b.png", "sticker": False}],
    },
    "S-taken-back": {"type": "revocation", "of": "S-taken-back"},
    "S-edit": {"type": "edit", "of": "S-text", "content": {"type": "text", "text": "tres panes"}},
    "S-edit-picture": {
        "type": "edit",
        "of": "S-picture",
        "content": {
            "type": "media",
            "caption": "",
            "files": [{"ref": "b", "content_type": "image/png", "name": "b.png", "sticker": False}],
        },
    },
    "S-revocation": {"type": "revocation", "of": "S-taken-back"},
    "S-revocation-of-old": {"type": "revocation", "of": "IN1"},
    "S-out": {"type": "text", "text": "BAJA"},
    "S-in": {"type": "text", "text": "ALTA"},
    "S-marketing": {"type": "text", "text": "STOP promotions"},
    "IN1": {"type": "revocation", "of": "IN1"},  # which the database had, and S-revocation-of-old takes back
}
WORDLESS = {
    "S-4-reaction", "S-5-reaction", "S-11-note", "S-edit", "S-edit-picture", "S-revocation",
    "S-revocation-of-old", "S-marketing", "S-taken-back",
}  # fmt: skip
ANSWERED = {"S-out", "S-in"}  # by what consent says, which leaves them to nobody else

MESSAGES = """
SELECT provider_id, content, messages.turn_id, messages.created_at, late_by, quotes, peer, contacts.name,
       messages.id, messages.conversation_id, opted_out
FROM messages
JOIN conversations ON conversations.id = conversation_id
JOIN contacts ON contacts.id = contact_id
WHERE direction = 'in' AND messages.tenant_id = 1 AND messages.account_id = 1
"""


@pytest.fixture(autouse=True)
def _log_of_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("conserje.telemetry.log.set_up", lambda level: None)


@pytest_asyncio.fixture(params=RELEASES, ids=lambda folder: folder.name)
async def drained(
    request: pytest.FixtureRequest, empty_database_url: str, keyring: Path, tmp_path: Path
) -> AsyncIterator[Pool]:
    """The release's database with the events that one of its nodes had spooled."""
    release: Path = request.param
    events = (release / "spool.jsonl").read_bytes().splitlines()
    async with (
        upgraded(release, empty_database_url, keyring) as pool,
        Spool(tmp_path / "spool", 64 * 1024 * 1024) as spool,
        Intake(pool, Plugins()) as intake,
    ):
        before = await taken(pool)
        await spool.keep(events)
        draining = asyncio.create_task(intake.drain(spool))
        await until(lambda: not spool.busy)
        draining.cancel()
        with suppress(asyncio.CancelledError):
            await draining
        assert await taken(pool) - before == len(events) > 0, "each event has a row"
        yield pool


async def taken(pool: Pool) -> int:
    """How many events there are rows of."""
    count: int = await pool.fetchval(
        "SELECT (SELECT count(*) FROM messages WHERE direction = 'in') + (SELECT count(*) FROM statuses)"
        " + (SELECT count(*) FROM rejects)"
    )
    return count


async def inbound(pool: Pool) -> dict[str, Any]:
    """What contacts wrote, by the provider's names; without one, by what they said."""
    return {
        row["provider_id"] or json.loads(row["content"])["text"]: row for row in await pool.fetch(MESSAGES)
    }


async def test_every_message_says_what_was_written(drained: Pool) -> None:
    found = await inbound(drained)
    said = {name: json.loads(found[name]["content"]) for name in CONTENTS}
    assert said == CONTENTS
    spooled = [row for name, row in found.items() if name.startswith("S-")]
    assert {row["created_at"] for row in spooled} == {AT}
    assert all(row["late_by"] for row in spooled), "it was taken long after that"


async def test_who_wrote_and_what_they_answered_are_known(drained: Pool) -> None:
    found = await inbound(drained)
    full, bare = found["S-full"], found["nada"]
    assert (full["name"], full["quotes"]) == ("Ñandú Full", "P1")
    assert (bare["name"], bare["quotes"], bare["provider_id"]) == ("", None, None)
    assert found["S-dirty"]["name"] == "a\ufffdb"
    names = await drained.fetch(
        "SELECT other.name FROM identities JOIN identities AS other USING (tenant_id, channel, contact_id)"
        " WHERE tenant_id = 1 AND channel = 'twilio' AND identities.name = $1",
        full["peer"],
    )
    assert {name for [name] in names} == {full["peer"], "US.2002", "otro"}


async def test_what_wants_an_answer_has_its_job_and_nothing_else(drained: Pool) -> None:
    found = await inbound(drained)
    payloads = await drained.fetch("SELECT payload FROM pgqueuer.pgqueuer WHERE entrypoint = 'converse'")
    due = {jobs.read_payload(payload)[2] for [payload] in payloads}
    for name in CONTENTS.keys() - {"IN1"}:
        row = found[name]
        assert (row["turn_id"] == 0) == (name in WORDLESS), name
        assert (row["turn_id"] is None) == (name not in WORDLESS | ANSWERED), name
        assert row["id"] in due or row["turn_id"] is not None, name


async def test_files_are_wanted_where_they_were_sent(drained: Pool) -> None:
    found = await inbound(drained)

    async def wanted(name: str) -> list[tuple[Any, ...]]:
        rows = await drained.fetch(
            "SELECT position, ref, content_type, name, state FROM files WHERE message_id = $1 ORDER BY 1",
            found[name]["id"],
        )
        return [tuple(row) for row in rows]

    assert await wanted("S-1-media") == [
        (0, "gone", "image/jpeg", "", "wanted"),
        (1, "sticker", "image/webp", "", "wanted"),
    ]
    assert await wanted("S-edit-picture") == [(0, "b", "image/png", "b.png", "wanted")]


async def test_consent_counts_and_is_confirmed(drained: Pool) -> None:
    found = await inbound(drained)
    rows = await drained.fetch(
        "SELECT consents.conversation_id, change, source, consents.cause, content, state"
        " FROM consents LEFT JOIN messages ON messages.id = confirmation_id ORDER BY consents.id"
    )
    last = {row["conversation_id"]: row for row in rows}
    for name, wants, change, source, cause, confirmation in (
        ("S-out", "all", "out", "contact", "BAJA", "no te escribiremos más"),
        ("S-in", None, "in", "contact", "ALTA", "te volveremos a responder"),
        ("S-marketing", "marketing", "marketing out", "provider", "STOP promotions", None),
    ):
        row = last[found[name]["conversation_id"]]
        assert found[name]["opted_out"] == wants
        assert (row["change"], row["source"], row["cause"]) == (change, source, cause)
        assert row["state"] == ("queued" if confirmation else None)
        assert confirmation is None or confirmation in json.loads(row["content"])["text"]


async def test_reports_are_kept_and_move_their_messages(drained: Pool) -> None:
    rows = await drained.fetch(
        "SELECT messages.id, content::jsonb ->> 'text' AS text, messages.state, messages.cause, outside_as,"
        " opted_out FROM messages JOIN conversations ON conversations.id = conversation_id"
        " JOIN contacts ON contacts.id = contact_id WHERE name = 'Reports' AND direction = 'out'"
    )
    found = {row["text"]: row for row in rows}
    assert {text: (row["state"], row["cause"]) for text, row in found.items()} == {
        "delivered": ("delivered", None),
        "read by our id": ("read", None),
        "failed": ("failed", "unreachable"),
        "sent again": ("sent", None),
        "marketing": ("failed", "no"),
        "outside": ("queued", "late"),
    }
    assert {row["opted_out"] for row in rows} == {"marketing"}
    names = {text: f"P{row['id']}" for text, row in found.items()}
    assert found["outside"]["outside_as"] == names["outside"]
    kept = await drained.fetch(
        "SELECT provider_id, message_id, status, cause, billable, category, outside_window FROM statuses"
    )
    assert {tuple(row) for row in kept} >= {
        (names["delivered"], None, "delivered", None, True, "marketing", False),
        ("other", found["read by our id"]["id"], "read", None, False, "", False),
        (names["failed"], None, "failed", "unreachable", None, "", False),
        (names["sent again"], None, "sent", None, None, "", False),
        (names["marketing"], None, "failed", "no", None, "", False),
        (names["outside"], None, "failed", "late", None, "", True),
    }


async def test_what_nobody_could_read_is_kept_as_it_came(drained: Pool) -> None:
    kept = await drained.fetch("SELECT raw, cause FROM rejects WHERE account_id = 1 ORDER BY id")
    assert [tuple(row) for row in kept][-1] == ('raw ñ \ufffd "', "It is no JSON.")


async def test_promise_2_what_is_posted_again_is_known(drained: Pool, empty_database_url: str) -> None:
    """Of what the node had spooled, and of what the database had."""
    before = await taken(drained)
    async with Directory(drained, empty_database_url) as directory, Intake(drained, Plugins()) as intake:
        entry = await directory.by_slug("acme")
        [account] = [each for each in entry.accounts if each.address == SMS]
        again: list[Event] = [
            InboundMessage(SMS, "S-full", "+56911110001", Text("todo")),
            InboundMessage(SMS, "IN2", "+56911110001", Text("el segundo")),
            StatusUpdate(SMS, "R-failed", "failed", "P61"),
            Unreadable(SMS, "S-unreadable", "raw", "It is no JSON."),
        ]
        await intake.take(entry.tenant, [(account, event) for event in again])
    assert await taken(drained) == before
