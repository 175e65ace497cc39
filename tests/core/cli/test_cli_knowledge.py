"""`conserje knowledge`: lists go in whole or not at all, and come out as they went in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from terminal import Terminal

from conserje.shop import asked
from conserje.storage.database import Pool
from conserje.tenants import tenants

SAID = {
    "hours": {
        "week": {"monday": ["09:00-13:00", "15:00-19:00"], "sunday": []},
        "exceptions": {"2026-12-25": []},
    },
    "address": "Estamos en Los Carrera 812.",
    "address.place": "-36.82,-73.04",
    "delivery": {"where": "A todo Chile.", "cost": "$3.990."},
    "payment": "Efectivo y tarjetas.",
    "questions": [
        {"question": "¿Tienen wifi?", "answer": "Sí,\ngratis.", "wordings": ["¿Hay internet?", "¿Clave?"]},
        {"question": "¿Venden café?", "answer": "No."},
    ],
}
SHEET = """\
Tema;Pregunta;Respuesta;Otras formas
Horario;;"lunes a viernes 10:00-20:00; sábado de 11:00 a 14:00; domingo cerrado; 25-12-2026 cerrado";
Despacho: costo;;$3.990 en Santiago;
;¿Tienen wifi?;Sí, gratis.;¿Hay internet? | ¿Clave?
"""
PAGE = """\
# Acme

## Horario
lunes a viernes 10:00-20:00; sábado de 11:00 a 14:00; domingo cerrado; 25-12-2026 cerrado

## Despacho: costo
$3.990 en Santiago

## ¿Tienen wifi?
## ¿Hay internet?
## ¿Clave?
Sí, gratis.
"""


@pytest.fixture
async def acme(terminal: Terminal) -> Terminal:
    await terminal.type("tenant", "add", "acme", "--name", "Acme")
    return terminal


async def take(acme: Terminal, folder: Path, name: str, text: str, *options: str, code: int = 0) -> Any:
    (folder / name).write_text(text, "utf-8")
    return await acme.type("knowledge", "import", "acme", str(folder / name), *options, code=code)


@pytest.mark.parametrize("form", ["json", "csv", "md"])
async def test_what_is_exported_can_be_imported(acme: Terminal, tmp_path: Path, form: str) -> None:
    said = await take(acme, tmp_path, "a.json", json.dumps(SAID))
    assert said.stdout == "Took 6 facts and 2 questions of acme.\n"
    before = await acme.read("knowledge", "export", "acme")
    assert before["hours"] == SAID["hours"] and before["delivery.cost"] == "$3.990."
    assert before["questions"][0]["wordings"] == ["¿Hay internet?", "¿Clave?"]
    written = (await acme.type("knowledge", "export", "acme", "--format", form)).stdout
    await acme.type("knowledge", "set", "acme", "returns", "Diez días.")
    taken = await take(acme, tmp_path, f"b.{form}", written, "--replace", "--json")
    assert json.loads(taken.stdout) == {"facts": 6, "questions": 2, "removed": 1}
    assert await acme.read("knowledge", "export", "acme") == before


ODD = {
    "payment": "# 1. Efectivo\n\n\\## 2. Tarjeta\n#3\n  ### 4. Nada\n- fin",
    "questions": [
        {"question": "\\¿Qué?", "answer": "# a\r\nb\u2028c", "wordings": ["# ¿cuál?", "a|b", "Pago"]},
        {"question": "Horario", "answer": "x", "wordings": ["\\|", "|", "y\nz"]},
    ],
}


@pytest.mark.parametrize("form", ["json", "csv", "md"])
async def test_whatever_is_allowed_comes_back_as_it_went(acme: Terminal, tmp_path: Path, form: str) -> None:
    await take(acme, tmp_path, "a.json", json.dumps(ODD))
    before = await acme.read("knowledge", "export", "acme")
    assert before["questions"][1]["wordings"] == ["# ¿cuál?", "a|b", "Pago"]
    written = (await acme.type("knowledge", "export", "acme", "--format", form)).stdout
    await acme.type("knowledge", "set", "acme", "Horario", "lunes 10:00-11:00")
    await take(acme, tmp_path, f"b.{form}", written, "--replace")
    assert await acme.read("knowledge", "export", "acme") == before


async def test_what_was_asked_is_listed_until_it_is_answered(acme: Terminal, pool: Pool) -> None:
    async with pool.acquire() as connection:
        tenant = await tenants.get(connection, "acme")
        await asked.note(connection, tenant.id, ["¿tienen wifi?"], "Ana")
        await asked.note(connection, tenant.id, ["hola, tienen wifi"], "Eva")
    [listed] = await acme.read("knowledge", "list", "acme", "--asked", "--json")
    assert (listed["question"], listed["times"]) == ("¿tienen wifi?", 2)
    await acme.type("knowledge", "set", "acme", "¿Hay wifi?", "Sí.", "--wording", "¿tienen wifi?")
    assert await acme.read("knowledge", "list", "acme", "--asked", "--json") == []


@pytest.mark.parametrize(("name", "text"), [("a.csv", SHEET), ("a.csv", "\ufeff" + SHEET), ("a.md", PAGE)])
async def test_a_table_and_headings_are_taken_as_people_write_them(
    acme: Terminal, tmp_path: Path, name: str, text: str
) -> None:
    await take(acme, tmp_path, name, text)
    said = await acme.read("knowledge", "export", "acme")
    assert said["hours"]["week"]["friday"] == ["10:00-20:00"]
    assert said["hours"]["week"]["saturday"] == ["11:00-14:00"]
    assert (said["hours"]["week"]["sunday"], said["hours"]["exceptions"]) == ([], {"2026-12-25": []})
    assert said["delivery.cost"] == "$3.990 en Santiago"
    assert said["questions"] == [
        {"question": "¿Tienen wifi?", "answer": "Sí, gratis.", "wordings": ["¿Hay internet?", "¿Clave?"]}
    ]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.json", "[{", "is not JSON"),
        ("a.json", "[]", '{"payment": "..."'),
        ("a.json", '{"colour": "x"}', "'colour' is no topic"),
        ("a.json", '{"payment": ""}', "payment is a text of 1 to 2000"),
        ("a.json", '{"payment": 3}', "payment is a text of 1 to 2000"),
        ("a.json", '{"delivery": {"how": "x"}}', "'delivery how' is no topic"),
        ("a.json", '{"address.place": "here"}', "latitude and longitude"),
        ("a.json", '{"questions": {}}', "questions is a list"),
        ("a.json", '{"questions": ["x"]}', "A question is written"),
        ("a.json", '{"questions": [{"question": "x", "respuesta": "y"}]}', "'respuesta' is none of"),
        (
            "a.json",
            '{"questions": [{"question": "x", "answer": "y"}, {"question": "x", "answer": "z"}]}',
            "twice",
        ),
        (
            "a.json",
            json.dumps({"questions": [{"question": "x" * 301, "answer": "y"}]}),
            "1 to 300 characters",
        ),
        (
            "a.json",
            json.dumps({"questions": [{"question": "x", "answer": "y", "wordings": ["z"] * 21}]}),
            "at most 20",
        ),
        ("a.json", '{"hours": {"week": {"lunes": []}}}', "hours: lunes"),
        ("a.json", '{"hours": "cuando quiero"}', "is no day"),
        ("a.csv", "pregunta,respuesta,color\na,b,c\n", "The column 'color' is none of topic"),
        ("a.csv", "pregunta\na\n", "no column answer"),
        ("a.csv", "pregunta,respuesta\na,b,c\n", "more cells"),
        ("a.txt", "x", "none of .json, .csv and .md"),
        ("a.md", "x" * (2 * 2**20 + 1), "at most 2097152"),
    ],
)
async def test_a_wrong_list_is_refused_in_words_and_changes_nothing(
    acme: Terminal, tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    await take(acme, tmp_path, "good.json", json.dumps(SAID))
    before = await acme.read("knowledge", "export", "acme")
    assert sentence in (await take(acme, tmp_path, name, text, "--replace", code=1)).stderr
    assert await acme.read("knowledge", "export", "acme") == before


async def test_one_thing_is_set_and_removed(acme: Terminal) -> None:
    await acme.type("knowledge", "set", "acme", "horario", "lunes a viernes 10:00-20:00")
    await acme.type("knowledge", "set", "acme", "hours", "sábado 11:00-14:00; 2026-12-25 closed")
    await acme.type("knowledge", "set", "acme", "despacho", "A todo Chile.")
    await acme.type("knowledge", "set", "acme", "delivery.cost", "$3.990.")
    await acme.type("knowledge", "set", "acme", "¿Tienen wifi?", "No.", "--wording", "¿Hay internet?")
    await acme.type("knowledge", "set", "acme", "¿Tienen wifi?", "Sí.")
    listed = {
        each["about"]: each["answer"] for each in await acme.read("knowledge", "list", "acme", "--json")
    }
    assert "monday 10:00-20:00" in listed["hours"] and "2026-12-25 closed" in listed["hours"]
    assert listed["delivery.where"] == "A todo Chile." and listed["¿Tienen wifi?"] == "Sí."
    for about in ("horario", "delivery", "¿Tienen wifi?"):
        await acme.type("knowledge", "remove", "acme", about)
    assert await acme.read("knowledge", "list", "acme", "--json") == []
    gone = await acme.type("knowledge", "remove", "acme", "wifi", code=1)
    assert "acme says nothing of 'wifi'" in gone.stderr
    wrong = await acme.type("knowledge", "set", "acme", "payment", "x", "--wording", "y", code=2)
    assert "--wording is for questions" in wrong.stderr
