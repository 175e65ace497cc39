"""What is found in what a tenant has said: a hundred questions, and what is none of them."""

from __future__ import annotations

import json
from datetime import datetime
from importlib.resources import files
from random import Random
from typing import Any

import pytest
from cpu import at_most

from conserje import Known, Tenant
from conserje.shop.answers import Answers
from conserje.shop.knowledge import Question, Told
from conserje.shop.words import WORD
from conserje.testing import SearchedKnowledge

MONDAY = datetime(2026, 11, 30, 12)
TENANT = Tenant("acme", "Acme", "es-CL", "CLP", "America/Santiago")


def shop(slug: str, now: datetime = MONDAY, **more: Any) -> SearchedKnowledge:
    demo = json.loads(files("conserje_fakes").joinpath(f"demo_data/{slug}.json").read_text("utf-8"))
    tenant = Tenant(slug, demo["name"], "es-CL", "CLP", "America/Santiago")
    return SearchedKnowledge(demo["knowledge"] | more, tenant, now)


async def found(slug: str, text: str) -> list[Known]:
    return list(await shop(slug).search(text))


ASKED = [
    ("acme", "a que hora abren mañana?", "Mañana martes abrimos de 10:00 a 20:00"),
    ("acme", "a q hora abren", "lunes a viernes de 10:00 a 20:00"),
    ("acme", "cual es su orario?", "lunes a viernes de 10:00 a 20:00"),
    ("acme", "Horario de atención porfa", "lunes a viernes"),
    ("acme", "que dias atienden", "lunes a viernes"),
    ("acme", "están abiertos ahora?", "hasta las 20:00"),
    ("acme", "siguen abiertos?", "hasta las 20:00"),
    ("acme", "hasta qué hora están hoy", "Hoy lunes abrimos de 10:00 a 20:00"),
    ("acme", "hasta que hora atienden los sabados", "El sábado abrimos de 11:00 a 18:00"),
    ("acme", "trabajan los domingos?", "El domingo estamos cerrados"),
    ("acme", "el domingo abren", "domingo estamos cerrados"),
    ("acme", "abren el fin de semana?", "El sábado abrimos"),
    ("acme", "a que hora cierran", "20:00"),
    ("acme", "what time do you open tomorrow?", "Mañana martes"),
    ("acme", "que horas abre no sábado?", "El sábado abrimos"),
    ("bravo", "abren los domingos??", "El domingo estamos cerrados"),
    ("bravo", "atienden el sábado en la tarde?", "El sábado abrimos de 11:00 a 15:00"),
    ("mundo-canino", "cierran a la hora de almuerzo?", "13:30"),
    (
        "mundo-canino",
        "buenas, a q hora cierran hoy dia",
        "Hoy lunes abrimos de 09:30 a 13:30 y de 15:00 a 19:30",
    ),
    ("acme", "tienen local o es solo online", "Av. Italia"),
    ("acme", "donde están ubicados?", "Av. Italia"),
    ("acme", "¿cuál es su dirección?", "Av. Italia"),
    ("acme", "la direcion porfa", "Av. Italia"),
    ("acme", "dnd quedan", "Av. Italia"),
    ("acme", "en que comuna están", "Av. Italia"),
    ("acme", "tienen tienda física?", "Av. Italia"),
    ("acme", "puedo ir a retirar a la tienda", "Av. Italia"),
    ("acme", "como llego a su local", "Av. Italia"),
    ("acme", "hay retiro en tienda?", "Av. Italia"),
    ("acme", "where are you located?", "Av. Italia"),
    ("acme", "onde fica a loja?", "Av. Italia"),
    ("bravo", "tienen sucursal?", "tienda online"),
    ("bravo", "donde puedo ver los productos, tienen showroom?", "tienda online"),
    ("mundo-canino", "son de concepción? donde queda la tienda", "Los Carrera"),
    ("acme", "¿Tienen despacho?", "Despachamos a todo Chile"),
    ("acme", "hacen envíos?", "Despachamos a todo Chile"),
    ("acme", "asen embios a rejiones", "Despachamos a todo Chile"),
    ("acme", "hacen envios a Conce? y cuanto sale", "$3.990"),
    ("acme", "envian a punta arenas", "Despachamos a todo Chile"),
    ("acme", "tienen delivery", "Despachamos a todo Chile"),
    ("acme", "me lo mandan a domicilio?", "Despachamos a todo Chile"),
    ("acme", "mandan a regiones?", "Despachamos a todo Chile"),
    ("acme", "llegan a valparaíso?", "Despachamos a todo Chile"),
    ("acme", "cuanto vale el despacho a la florida", "$3.990"),
    ("acme", "cuanto cobran por el envío", "$3.990"),
    ("acme", "el envío es gratis?", "gratis desde $50.000"),
    ("acme", "precio del despacho?", "$3.990"),
    ("acme", "a cuanto el envío a rancagua", "$3.990"),
    ("acme", "hoy hasta que hora", "Hoy lunes abrimos"),
    ("acme", "puedo pasar a buscarlo?", "Av. Italia"),
    ("acme", "cuanto demora el envio", "día hábil siguiente"),
    ("acme", "en cuantos dias llega a temuco", "2 a 4 días"),
    ("acme", "cuanto se demoran en despachar?", "día hábil"),
    ("acme", "despachan el mismo día?", "día hábil"),
    ("acme", "do you ship to Concepcion?", "Despachamos"),
    ("acme", "how much is shipping?", "$3.990"),
    ("acme", "vocês entregam em Valparaíso?", "Despachamos"),
    ("bravo", "hacen envíos a Antofagasta", "todo Chile"),
    ("bravo", "y cuánto sale el envío a regiones?", "$6.990"),
    ("mundo-canino", "reparten en talcahuano?", "Talcahuano"),
    ("mundo-canino", "cuanto cuesta el reparto", "$2.500"),
    ("mundo-canino", "si pido ahora, ¿llega hoy? ¿en cuánto tiempo entregan?", "antes de las 13:00"),
    ("acme", "puedo pagar con transferencia?", "transferencia"),
    ("acme", "aceptan tarjeta de crédito?", "Webpay"),
    ("acme", "medios de pago", "Webpay"),
    ("acme", "como se paga", "Webpay"),
    ("acme", "que formas de pago tienen", "Webpay"),
    ("acme", "reciben tranferencias", "transferencia"),
    ("acme", "se puede pagar en efectivo?", "efectivo"),
    ("acme", "can I pay by card?", "Webpay"),
    ("bravo", "se puede en cuotas?", "12 cuotas"),
    ("bravo", "puedo pagar en cuotitas la play", "12 cuotas"),
    ("bravo", "aceptan mercado pago?", "Mercado Pago"),
    ("bravo", "trabajan con webpay", "Webpay"),
    ("mundo-canino", "reciben efectivo al momento de la entrega?", "efectivo al recibir"),
    ("mundo-canino", "puedo pagar al recibir?", "efectivo al recibir"),
    ("acme", "puedo cambiar si no me gusta?", "10 días"),
    ("acme", "hacen devoluciones?", "10 días"),
    ("acme", "cual es la politica de cambio", "10 días"),
    ("acme", "tienen devolucion", "10 días"),
    ("bravo", "se puede devolver si me arrepiento", "arrepentirte"),
    ("mundo-canino", "si no le queda bueno el arnés lo puedo cambiar?", "Cambiamos"),
    ("acme", "venden al por mayor?", "por mayor"),
    ("acme", "tienen precio mayorista", "por mayor"),
    ("mundo-canino", "soy revendedor, hacen precio?", "criaderos"),
    ("acme", "dan boleta?", "boleta"),
    ("acme", "necesito factura", "factura"),
    ("bravo", "me pueden facturar a empresa?", "factura"),
    ("acme", "hay que ser mayor de edad?", "mayores de 18"),
    ("acme", "venden a menores?", "mayores de 18"),
    ("acme", "el envío es discreto?", "caja sin logo"),
    ("acme", "se nota lo que viene adentro del paquete?", "caja sin logo"),
    ("acme", "tienen estacionamiento", "parquímetros"),
    ("acme", "hay estacionamientos?", "parquímetros"),
    ("acme", "enseñan a cultivar?", "gratis en la tienda"),
    ("bravo", "que garantia tienen", "6 meses"),
    ("bravo", "cuanto dura la garantía", "6 meses"),
    ("bravo", "son originales?", "todo es original"),
    ("bravo", "es original o copia", "todo es original"),
    ("bravo", "reciben mi consola en parte de pago?", "No compramos"),
    ("bravo", "compran consolas usadas?", "No compramos"),
    ("bravo", "arreglan controles?", "No reparamos"),
    ("mundo-canino", "tienen veterinario?", "No tenemos veterinario"),
    ("mundo-canino", "bañan perritos?", "con hora"),
    ("mundo-canino", "puedo ir con mi perrito?", "con correa"),
    ("mundo-canino", "dejan entrar mascotas", "con correa"),
    ("mundo-canino", "tienen comida pa gato?", "para perros"),
]

# Of products, of what is under way, or of nothing that the shop has said.
UNKNOWN = [
    ("acme", "wenas, cómo va?"),
    ("acme", "muchas gracias, muy amable"),
    ("acme", "tenis semiyas de nortern lait"),
    ("acme", "algo por 20 lucas"),
    ("acme", "no quiero brownies, quiero aceite"),
    ("acme", "cuanto cuesta el aceite"),
    ("acme", "cual me recomiendas para dormir, el de 10 o el de 20?"),
    ("acme", "quiero un vaporizador"),
    ("acme", "todo"),
    ("acme", "👍"),
    ("acme", "el más barato"),
    ("bravo", "tení la xbox series x"),
    ("bravo", "audifono jaiper x"),
    ("bravo", "en que va mi pedido?"),
    ("bravo", "cuando llega mi pedido, a que hora abren la bodega"),
    ("bravo", "algun juego de hasta 45 lucas?"),
    ("bravo", "el spiderman sirve pa ps4?"),
    ("bravo", "quiero hablar con un ejecutivo porfa"),
    ("bravo", "tienen tarjetas graficas?"),
    ("bravo", "ya hice la transferencia"),
    ("bravo", "venden por mayor?"),
    ("bravo", "tienen estacionamiento?"),
    ("mundo-canino", "pelotas para perros"),
    ("mundo-canino", "dame 2 pelotas"),
    ("mundo-canino", "weon me llegó el saco roto, quiero que me devuelvan la plata"),
    ("mundo-canino", "kiero komprar 1 saco d comida"),
    ("mundo-canino", "el alimento más económico que tengas"),
    ("mundo-canino", "mi envío no llega"),
    ("mundo-canino", "abren los feriados?"),
    ("mundo-canino", ""),
]


def test_there_are_a_hundred_questions() -> None:
    assert len(ASKED) >= 100


@pytest.mark.parametrize(("slug", "text", "answer"), ASKED)
async def test_finds_what_is_asked(slug: str, text: str, answer: str) -> None:
    first, *others = await found(slug, text)
    assert answer in first.answer
    assert others == [], "nothing else was asked"


@pytest.mark.parametrize(("slug", "text"), UNKNOWN)
async def test_says_nothing_rather_than_what_was_not_asked(slug: str, text: str) -> None:
    assert await found(slug, text) == []


async def test_two_questions_have_two_answers() -> None:
    first, second = await found("acme", "a que hora abren y donde estan?")
    assert {first.topic, second.topic} == {"hours", "address"}
    assert first.score >= second.score > 0


async def test_of_delivery_is_said_what_is_asked_of_it() -> None:
    [both] = await found("acme", "¿cuánto cuesta el envío? ¿y cuánto demora?")
    assert "$3.990" in both.answer and "hábil" in both.answer and "todo Chile" not in both.answer


async def test_what_the_tenant_has_not_said_is_not_found() -> None:
    tenant = Tenant("x", "X", "es-CL", "CLP", "America/Santiago")
    silent = SearchedKnowledge({"delivery.where": "A todo Chile."}, tenant, MONDAY)
    for text in ("cuánto cuesta el envío", "a que hora abren", "donde estan", "aceptan tarjeta"):
        assert await silent.search(text) == [], text


@pytest.mark.parametrize(
    ("when", "text", "answer"),
    [
        ("2026-11-30T21:00", "están abiertos?", "Ahora estamos cerrados. Abrimos mañana martes a las 10:00."),
        ("2026-12-05T19:00", "están abiertos?", "Ahora estamos cerrados. Abrimos el lunes a las 10:00."),
        ("2026-12-21T12:00", "abren el 25 de diciembre?", "El viernes estamos cerrados."),
        ("2026-12-25T12:00", "abren los feriados", "Hoy viernes estamos cerrados."),
        ("2026-12-24T12:00", "a que hora abren mañana", "Mañana viernes estamos cerrados."),
        ("2026-12-01T12:00", "¿atienden en la mañana?", "Atendemos de lunes a viernes de 10:00 a 20:00."),
        ("2026-12-01T12:00", "mañana atienden en la mañana?", "Mañana miércoles abrimos de 10:00 a 20:00."),
        (
            "2026-12-01T12:00",
            "abren el 24 de diciembre",
            "El jueves 24 de diciembre abrimos de 10:00 a 14:00.",
        ),
    ],
)
async def test_hours_are_those_of_the_moment(when: str, text: str, answer: str) -> None:
    week = {day: ["10:00-20:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
    hours = {"week": week, "exceptions": {"2026-12-25": [], "2026-12-24": ["10:00-14:00"]}}
    [known] = await shop("acme", datetime.fromisoformat(when), hours=hours).search(text)
    assert known.answer == answer


@pytest.mark.parametrize(
    ("locale", "text", "answer"),
    [
        ("pt-BR", "vocês abrem domingo?", "No domingo estamos fechados."),
        ("pt-BR", "qual o horário?", "Atendemos de segunda-feira a sexta-feira das 10:00 às 20:00."),
        ("en-US", "are you open on Sunday?", "On Sunday we are closed."),
        ("en-US", "what are your opening hours?", "We are open from Monday to Friday from 10:00 to 20:00."),
    ],
)
async def test_hours_are_in_the_tenant_s_language(locale: str, text: str, answer: str) -> None:
    week = {day: ["10:00-20:00"] for day in ("monday", "tuesday", "wednesday", "thursday", "friday")}
    tenant = Tenant("x", "X", locale, "USD", "America/Sao_Paulo")
    [known] = await SearchedKnowledge({"hours": {"week": week}}, tenant, MONDAY).search(text)
    assert known.answer == answer


WORDS = [
    "despacho", "cuanto", "pago", "hora", "abren", "donde", "local", "cambiar", "factura", "transferencia",
    "envios", "llega", "regiones", "mayor",
]  # fmt: skip
COSTLY = (
    "despacho " * 300,
    "a que hora " * 200,
    "donde cuanto " * 170,
    "¿despacho? " * 180,
    " ".join(Random(1).choices(WORDS, k=300)),
    "".join(Random(2).choices("abcdefghij ", k=2000)),
    "kuanto" * 300,
    "ito" * 600,
)


@pytest.mark.parametrize("text", COSTLY, ids=range(len(COSTLY)))
def test_a_long_text_costs_little(text: str) -> None:
    questions = [
        Question(
            f"¿Hacen {WORDS[n % 14]} {n} para {WORDS[n // 14 % 14]}?", "Sí.", tuple(f"{w} {n}" for w in WORDS)
        )
        for n in range(500)
    ]
    long = Question("¿Y?", "Sí.", tuple(" ".join(Random(n).choices(WORDS, k=40)) for n in range(20)))
    answers = Answers(Told({"delivery.where": "Sí.", "payment": "Sí."}, [*questions, *[long] * 100]))
    tenant = Tenant("x", "X", "es-CL", "CLP", "America/Santiago")
    answers.search(text, tenant, MONDAY)  # stems are known from now on
    with at_most(1.0, "a search"):
        answers.search(text, tenant, MONDAY)


@pytest.mark.parametrize("text", ["¿Hacen min\u0303ones?", "hacen miñones"])
def test_an_accent_may_come_after_its_letter(text: str) -> None:
    answers = Answers(Told({}, [Question("¿Hacen miñones?", "Sí.")]))
    assert [each.answer for each in answers.search(text, TENANT, MONDAY)] == ["Sí."]


def test_a_word_without_end_is_no_word_that_is_remembered() -> None:
    assert max(map(len, WORD.findall("a" * 2000))) == 40
