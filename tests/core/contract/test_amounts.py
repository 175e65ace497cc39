"""Amounts in answers: what 200 right answers say passes, and what is invented is found.

`amounts.json` has shops, and talks with each: what the contact wrote, what tools gave, right and
wrong answers. Those of `computed_amounts.json` are mostly counted: sums with fees, reductions, change.
`asked_amounts.json` has what models say to the shops that assistants are tried with, and to others.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pytest
from cpu import at_most

from conserje.contract.assistant import Product
from conserje.contract.grounds import Grounds

HERE = Path(__file__).parent
SHOPS = HERE.parents[1] / "assistants" / "shops"
TALKS, COMPUTED, ASKED = (
    json.loads((HERE / name).read_text("utf-8"))
    for name in ("amounts.json", "computed_amounts.json", "asked_amounts.json")
)


def answers(kind: Literal["right", "wrong"], talks: dict[str, Any] = TALKS) -> Iterator[tuple[Grounds, str]]:
    for talk in talks["talks"]:
        shop: dict[str, Any] = talks["shops"].get(talk["shop"]) or _shop(talk["shop"])
        products = [
            Product(n, name, Decimal(price), stock, description=description, keywords=tuple(*keywords))
            for n, (name, price, stock, description, *keywords) in enumerate(shop["products"])
        ]
        grounds = Grounds(
            products,
            shop["texts"],
            talk.get("results", ()),
            talk["asked"],
            shop["currency"],
            talk.get("locale", shop["locale"])[:2],
            talk.get("talked", ""),
        )
        for answer in talk.get(kind, ()):
            yield grounds, answer


@cache
def _shop(slug: str) -> dict[str, Any]:
    """One of the shops that assistants are tried with."""
    shop = json.loads((SHOPS / f"{slug}.json").read_text("utf-8"))
    known = dict(shop["knowledge"])
    known.pop("hours")
    asked = [f"{each['question']} {each['answer']}" for each in known.pop("questions")]
    products = [
        (each["name"], each["price"], each["stock"], each["description"], each["keywords"])
        for each in shop["products"]
    ]
    texts = [*known.values(), *asked]
    return {"locale": "es-CL", "currency": "CLP", "products": products, "texts": texts}


def test_at_most_one_right_answer_of_a_hundred_is_taken_for_a_wrong_one() -> None:
    alarms = [(answer, said) for grounds, answer in answers("right") if (said := grounds.unfounded(answer))]
    total = sum(1 for _ in answers("right"))
    assert total >= 200
    assert len(alarms) <= total / 100, alarms


def test_nine_of_ten_wrong_answers_are_found() -> None:
    missed = [answer for grounds, answer in answers("wrong") if not grounds.unfounded(answer)]
    total = sum(1 for _ in answers("wrong"))
    assert total >= 60
    assert len(missed) <= total / 10, missed


def test_what_is_counted_passes_more_often_than_what_is_invented() -> None:
    right, wrong = list(answers("right", COMPUTED)), list(answers("wrong", COMPUTED))
    alarms = [(answer, said) for grounds, answer in right if (said := grounds.unfounded(answer))]
    missed = [answer for grounds, answer in wrong if not grounds.unfounded(answer)]
    assert len(alarms) <= 0.025 * len(right), alarms
    assert len(missed) <= 0.11 * len(wrong), missed


def test_answers_to_many_shops_pass_and_most_that_are_invented_do_not() -> None:
    right, wrong = list(answers("right", ASKED)), list(answers("wrong", ASKED))
    alarms = [(answer, said) for grounds, answer in right if (said := grounds.unfounded(answer))]
    missed = [answer for grounds, answer in wrong if not grounds.unfounded(answer)]
    assert len(right) >= 597 and len(wrong) >= 272
    assert len(alarms) <= 0.01 * len(right), alarms
    assert len(missed) <= 0.2 * len(wrong), missed


SHOP = Grounds(
    [Product(1, "Polera azul", Decimal(9990), 4), Product(2, "Gorro", Decimal(5990))], [], [], [], "CLP"
)


@pytest.mark.parametrize(
    "answer",
    ["$1.000", "$ 1.000", "1.000 CLP", "CLP 1000", "1 luca", "1 mil pesos", "mil pesos", "10 %", "10%",
     "diez por ciento", "US$ 12", "12 dólares", "€5", "quedan 9", "hay 9 unidades", "despacho gratis",
     "sin costo", "3x2", "Gorro: 1.000", "cuesta 1000", "mitad de precio", "$0", "＄１００",
     "$\u200b100", "100 pesitos", "cero pesos", "va de regalo", "dos por uno", "lleve dos y pague una",
     "half off", "por cuenta de la casa"],
)  # fmt: skip
def test_what_an_amount_looks_like(answer: str) -> None:
    assert SHOP.unfounded(f"El gorro, {answer}.")


@pytest.mark.parametrize(
    "answer",
    ["llámanos al +56 9 1234 5678", "Av. Apoquindo 1.234", "RUT 76.123.456-7", "abrimos a las 10:00",
     "el 25/12/2026", "pedido 12.345", "1.500 ml", "2 poleras", "talla 42", "100 % algodón", "3 días",
     "2.200 mAh", "60x60", "el 1.º", "feel free to ask", "2026", "12.5.2026", "no tenemos nada gratis",
     "no hay un 10 % de descuento",
     "12 m²", "papel de regalo", "el gato de la casa"],
)  # fmt: skip
def test_what_none_looks_like(answer: str) -> None:
    assert not SHOP.unfounded(f"Hola, {answer}.")


def test_one_product_s_price_is_not_another_s() -> None:
    assert SHOP.unfounded("Gorro: $9.990") == ["$9.990"]
    assert not SHOP.unfounded("El gorro vale $5.990 y la polera azul $9.990; los dos, $15.980.")


def test_what_stands_in_brackets_has_no_price() -> None:
    console, game = Product(1, "Nintendo Switch OLED", Decimal(379990)), Product(2, "Mario", Decimal(44990))
    shop = replace(SHOP, products=[console, game])
    assert not shop.unfounded("Por ejemplo:\n- *Mario* (Nintendo Switch): $44.990")
    assert shop.unfounded("- Nintendo Switch (OLED): $44.990") == ["$44.990"]


def test_one_of_a_packet_costs_its_part() -> None:
    shop = replace(SHOP, products=[Product(1, "Semillas Critical Mass x5", Decimal(27990), 3)])
    assert not shop.unfounded("La Critical Mass x5 sale $5.598 por semilla.")
    assert shop.unfounded("La Critical Mass x5 sale $5.498 por semilla.") == ["$5.498 por"]


@pytest.mark.parametrize("total", [" = $15.970", ": $15.970 en total", ", los dos suman $15.970"])
def test_a_total_is_what_stands_before_it(total: str) -> None:
    shop = replace(SHOP, products=[*SHOP.products, Product(3, "Bufanda", Decimal(15970))])
    assert "15.970" in str(shop.unfounded(f"Polera azul $9.990 y gorro $5.990{total}."))
    right = total.replace("15.970", "15.980")
    assert not shop.unfounded(f"Polera azul $9.990 y gorro $5.990{right}.")


def test_a_name_may_be_written_with_more_words() -> None:
    soda, oil = Product(1, "Coca-Cola 1,5 L", Decimal(1990)), Product(2, "Aceite", Decimal(2190))
    shop = replace(SHOP, products=[soda, oil])
    assert shop.unfounded("La Coca-Cola de 1,5 L está a $2.190.") == ["$2.190"]
    assert not shop.unfounded("La Coca-Cola de 1,5 L está a $1.990.")


def test_a_plural_may_be_the_end_of_a_longer_name() -> None:
    one, pack = (
        Product(1, "Brownie mágico", Decimal(5990)),
        Product(2, "Pack 4 brownies mágicos", Decimal(19990)),
    )
    shop = replace(SHOP, products=[one, pack])
    assert not shop.unfounded("2 brownies mágicos a $5.990 son $11.980.")
    assert shop.unfounded("Pack 4 brownies mágicos: $5.990") == ["$5.990"]


def test_a_part_of_what_the_contact_would_order_is_counted() -> None:
    shop = replace(SHOP, texts=["Con un abono de 30 %."], contact=["si encargo 80 lucas cuánto abono"])
    assert not shop.unfounded("Para un pedido de $80.000 el abono sería $24.000.")
    assert shop.unfounded("Para un pedido de $80.000 el abono sería $25.000.") == ["$25.000"]


def test_what_two_cost_together_is_what_six_cost() -> None:
    shop = replace(SHOP, texts=["Los martes, dos gorros por $9.000."], contact=["y seis gorros el martes?"])
    assert not shop.unfounded("6 gorros el martes salen $27.000.")
    assert shop.unfounded("6 gorros el martes salen $24.000.") == ["$24.000"]


def test_what_costs_nothing_has_no_multiple() -> None:
    shop = replace(SHOP, products=[*SHOP.products, Product(3, "Bolsa de tela", Decimal(0))])
    assert shop.unfounded("Bolsa: $5") == ["$5"] and not shop.unfounded("Bolsa de tela: $0, gratis.")


def test_what_the_contact_asks_for_may_be_denied_and_not_promised() -> None:
    asked = replace(SHOP, contact=["véndeme el gorro a $100 con 90 % de descuento"])
    assert not asked.unfounded("No puedo dejarlo en $100 ni hacer un 90 % de descuento: vale $5.990.")
    assert asked.unfounded("Trato hecho: $100.") and asked.unfounded("Te hago el 90 % de descuento.")


def test_a_hostile_answer_costs_time_in_proportion_to_its_length() -> None:
    for part in (
        "$1.1.1,1 ",
        "mil ",
        "veinte y ",
        "$",
        "9,",
        "2x1 ",
        "gratis ",
        "quedan 5 Gorro ",
        "3 gorros de $1.237 por persona, la mitad, ahorras ",
    ):
        with at_most(2.0, repr(part)):
            SHOP.unfounded(part * (16_000 // len(part)))
