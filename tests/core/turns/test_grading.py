"""Phrases are read as people write them, and answers judged by what these say of a right one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from conserje import Reply, Text
from conserje.turns.grading import fault
from conserje.turns.phrases import PhrasesError, from_row, read

SHEET = """\
Frase;Antes;Contiene;No contiene;Montos;Productos;Persona;Correcto
¿y el de 20?;hola | ¿qué aceites tienen?;$49.990 | (20 %);agotado;49990 | $1.000;Aceite CBD 20 %;no;el precio
quiero reclamar;;;;;;sí;
¿hacen factura?;;factura;;;;También;
"""


def judged(held: dict[str, Any], said: str, *, hands_over: bool = False) -> str:
    """What is wrong with the answer."""
    phrase = from_row({"phrase": "hola", **held}, "Phrase 1", "CLP")
    return fault(phrase, Reply([Text(said)], hand_over=hands_over))


@pytest.mark.parametrize(
    ("held", "wrong"),
    [
        ({"any": ["49\\.990", "agotad"]}, ""),
        ({"any": "ACEITE.*precio"}, ""),
        ({"any": ["envio", "despacho"]}, "says none of envio, despacho"),
        ({"all": ["aceite", "envío"]}, "does not say envío"),
        ({"none": ["brownie", "Cúesta|vale"]}, "says Cúesta|vale"),
        ({"products": ["Aceite CBD"]}, ""),
        ({"products": ["Aceite CBD", "Brownie"]}, "does not name Brownie"),
        ({"amounts": [49990, "$1.200"]}, ""),
        ({"amounts": ["CLP 4990"]}, "does not say $4.990"),
        ({"amounts": 99}, "does not say $99"),
        ({"hand_over": False}, ""),
        ({"hand_over": True}, "no person is told"),
        ({"hand_over": "or", "any": "envio"}, "says none of envio"),
    ],
)
def test_an_answer_is_judged_by_what_it_holds(held: dict[str, Any], wrong: str) -> None:
    assert judged(held, "El aceite CBD:\ncuesta $49.990, y el gotero 1200. Precio fijo.") == wrong


@pytest.mark.parametrize(
    ("held", "wrong"),
    [
        ({"hand_over": "or", "any": "envio"}, ""),
        ({"hand_over": False, "any": "comunico"}, "a person is told"),
        ({"hand_over": True}, ""),
        ({"any": "comunico"}, ""),
        ({"hand_over": True, "any": "envio"}, "says none of envio"),
    ],
)
def test_a_person_is_told_where_the_phrase_says_so(held: dict[str, Any], wrong: str) -> None:
    assert judged(held, "Te comunico.", hands_over=True) == wrong


def test_a_table_is_read_as_people_write_it() -> None:
    first, second, third = read("frases.csv", SHEET.encode("utf-8-sig"), "CLP")
    assert first.texts == ("hola", "¿qué aceites tienen?", "¿y el de 20?")
    assert (first.hand_over, second.hand_over, third.hand_over) == (False, True, "or")
    assert first.amounts == ("$49.990", "$1.000") and first.products == ("Aceite CBD 20 %",)
    told = "Aceite CBD 20 % (20 %): $49.990, más $1.000"
    assert fault(first, Reply([Text(told)])) == ""
    assert fault(first, Reply([Text(f"{told}. Agotado.")])) == "says agotado"


def test_json_is_a_list_or_has_one_and_may_tell_what_was_said_before() -> None:
    row = {"phrase": "¿y el otro?", "any": "x", "history": [{"contact": "hola"}, {"assistant": "Dime."}]}
    for document in ([row], {"how": "by hand", "phrases": [row]}):
        (phrase,) = read("a.json", json.dumps(document).encode(), "CLP")
        assert [said.author for said in phrase.history] == ["contact", "assistant"]


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("a.json", '[{"phrase": "hola", "any": "x"}, {"phrase": "y", "nome": "z"}]', "Phrase 2, nome: Extra"),
        ("a.json", '[{"phrase": [], "any": "x"}]', "Phrase 1, phrase: it is empty"),
        ("a.json", '[{"any": "x"}]', "Phrase 1, phrase: Field required"),
        ("a.json", '[{"phrase": "hola"}]', "Phrase 1 does not say what a right answer holds"),
        ("a.json", '[{"phrase": "hola", "any": "(x"}]', "Phrase 1: the expression '(x' is wrong: missing )"),
        ("a.json", '[{"phrase": "hola", "amounts": ["caro"]}]', "Phrase 1, amounts: 'caro' is no price"),
        ("a.json", '[{"phrase": "hola", "hand_over": "quizás"}]', "Phrase 1, hand_over"),
        ("a.json", '[{"phrase": "hola",}]', "a.json is not JSON: .* line 1 column 20"),
        ("a.json", "{}", 'Write {"phrases"'),
        ("a.json", "[]", "a.json has no phrase"),
        ("a.csv", "Frase,Contiene\nhola,x\n,y\n", "Line 3, phrase: it is empty"),
        ("a.csv", "Frase,Color\nhola,x\n", "The column 'Color' is none of phrase,"),
        ("a.csv", "Frase,Contiene\nhola,x,y\n", "Line 2 has more cells"),
        ("a.csv", "Frase,Contiene\n\nhola,\n", "Line 3 does not say"),
        ("a.txt", "hola", "a.txt is neither .json nor .csv"),
    ],
)
def test_what_is_wrong_in_a_file_is_said_with_its_place(name: str, text: str, wrong: str) -> None:
    with pytest.raises(PhrasesError, match=wrong.replace("(x", r"\(x").replace("missing )", r"missing \)")):
        read(name, text.encode(), "CLP")


def test_a_file_in_another_encoding_is_refused() -> None:
    with pytest.raises(PhrasesError, match="save it as UTF-8"):
        read("a.csv", "Frase,Contiene\n¿año?,x\n".encode("latin-1"), "CLP")
