"""`conserje assistant`: who answers; one is tried as a turn would ask it, and nothing is left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal

from conserje.storage.database import Pool
from conserje_fakes import server
from conserje_fakes.openai import StandIn

PHRASES: list[dict[str, Any]] = [
    {"phrase": "¿cuánto sale el café?", "products": "Café", "amounts": "$4.990", "hand_over": False},
    {"phrase": "¿hasta qué hora atienden?", "any": "20:00", "hand_over": False},
    {"phrase": ["¿qué cafés tienen?", "y 3 de esos cuánto es?"], "amounts": [14970]},
    {"phrase": "quiero hablar con una persona", "hand_over": "sí"},
    {"phrase": "¿tienen té?", "tenant": "bravo", "any": "nunca"},
]
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@pytest.fixture
async def acme(terminal: Terminal, tmp_path: Path) -> Terminal:
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    products = tmp_path / "products.json"
    products.write_text(json.dumps([{"name": "Café", "price": 4990, "stock": 20}]))
    await terminal.type("product", "import", "acme", str(products))
    knowledge = tmp_path / "knowledge.json"
    knowledge.write_text(json.dumps({"hours": {"week": {day: ["10:00-20:00"] for day in DAYS}}}))
    await terminal.type("knowledge", "import", "acme", str(knowledge))
    return terminal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path, PHRASES)


def write(folder: Path, phrases: list[dict[str, Any]]) -> Path:
    file = folder / "phrases.json"
    file.write_text(json.dumps({"phrases": phrases}), "utf-8")
    return file


async def test_the_tenant_s_assistant_answers_from_its_rows_and_leaves_none(
    acme: Terminal, file: Path, pool: Pool
) -> None:
    tried = await acme.read("assistant", "try", "acme", str(file), "--json")
    assert [each["why"] for each in tried["phrases"]] == [""] * 4
    assert tried["assistant"] == "catalog" and tried["share"] == 100 and tried["handed_over"] == 1
    assert "$14.970" in tried["phrases"][2]["answer"]
    assert tried["phrases"][3]["assistant"] == "hand-over"
    for table in ("contacts", "conversations", "messages", "turns", "notices", "pgqueuer.pgqueuer"):
        assert await pool.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_the_share_decides_how_it_ends(acme: Terminal, tmp_path: Path) -> None:
    file = write(tmp_path, [PHRASES[0], {"phrase": "hola", "any": "chao"}])
    said = await acme.type("assistant", "try", "acme", str(file), code=1)
    assert "says none of chao" in said.stdout
    assert "catalog: 1 of 2 right (50 %), 0 handed over; half within" in said.stdout
    await acme.type("assistant", "try", "acme", str(file), "--least", "50", "--jobs", "1")


async def test_another_assistant_is_tried_in_its_place(acme: Terminal, tmp_path: Path) -> None:
    file = write(tmp_path, [{"phrase": "¿cuánto sale el café?", "any": r"^¿cuanto sale el cafe\?$"}])
    tried = await acme.read("assistant", "try", "acme", str(file), "--assistant", "echo", "--json")
    assert (tried["assistant"], tried["phrases"][0]["assistant"], tried["share"]) == ("echo", "echo", 100)


async def test_what_the_fallback_answers_is_no_right_answer(acme: Terminal, tmp_path: Path) -> None:
    file = write(tmp_path, [PHRASES[0]])
    no_server = {"OPENAI_API_KEY": "x", "OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}
    said = await acme.type(
        "assistant", "try", "acme", str(file), "--assistant", "openai", "--json", code=1, **no_server
    )
    (tried,) = json.loads(said.stdout)["phrases"]
    assert tried["assistant"] == "catalog" and "cannot be reached" in tried["why"]


async def test_what_a_model_costs_is_said_and_counted(acme: Terminal, tmp_path: Path, pool: Pool) -> None:
    file = write(tmp_path, [{"phrase": "¿tienen café?", "any": "entendido"}] * 2)
    await acme.type("price", "set", "model", "gpt-6-luna", "--input", "1000", "--output", "1000")
    command = ("assistant", "try", "acme", str(file), "--assistant", "openai")
    async with server.serving(StandIn().app()) as url:
        there = Terminal(
            acme.environment
            | {
                "CONSERJE_OPENAI_API_KEY": "x",
                "CONSERJE_OPENAI_BASE_URL": f"{url}/v1",
                "CONSERJE_OPENAI_MODE": "responses",
            }
        )
        tried = await there.read(*command, "--json")
        said = await there.type(*command)
    assert tried["share"] == 100 and tried["usage"]["input_tokens"] > 0 and tried["usd"] > 0
    assert "openai: 2 of 2 right" in said.stdout and ", USD 0." in said.stdout
    assert await pool.fetchval("SELECT count(*) FROM costs WHERE kind = 'model'") == 4
    assert await pool.fetchval("SELECT count(*) FROM messages") == 0


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("openai", "credentials of openai of acme"), ("nobody", "The assistant nobody is not installed")],
)
async def test_one_that_cannot_be_asked_is_said_at_once(
    acme: Terminal, file: Path, name: str, wrong: str
) -> None:
    said = await acme.type("assistant", "try", "acme", str(file), "--assistant", name, code=1)
    assert wrong in said.stderr and not said.stdout


async def test_a_file_that_is_wrong_or_of_others_is_refused(acme: Terminal, tmp_path: Path) -> None:
    file = write(tmp_path, PHRASES[4:])
    said = await acme.type("assistant", "try", "acme", str(file), code=1)
    assert "has phrases for other tenants, and none for acme" in said.stderr
    write(tmp_path, [{"phrase": "hola", "anny": "x"}])
    said = await acme.type("assistant", "try", "acme", str(file), code=1)
    assert "Phrase 1, anny: Extra inputs are not permitted." in said.stderr


async def test_assistants_are_listed_with_who_has_them(acme: Terminal, pool: Pool) -> None:
    await pool.execute("INSERT INTO tenants (slug, name, assistant) VALUES ('bravo', 'Bravo', 'gone')")
    rows = {row["name"]: row for row in await acme.read("assistant", "list", "--json")}
    assert rows["catalog"]["state"] == "ready" and rows["catalog"]["slugs"] == ["acme"]
    assert (rows["catalog"]["tenants"], rows["catalog"]["fallback_of"]) == (1, 2)
    assert rows["echo"]["tenants"] == 0
    assert (rows["gone"]["state"], rows["gone"]["slugs"]) == ("is not installed", ["bravo"])
