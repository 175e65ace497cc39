"""Kinds of phrases, each in a few words of its own: what is mended once stays mended, whatever the shop."""

from __future__ import annotations

import re

import pytest
from asking import ask, what_it_says, words


async def answer(slug: str, phrase: str, locale: str = "es-CL") -> str:
    return words(await ask(slug, phrase, locale=locale, knowledge=what_it_says(slug, locale)))


@pytest.mark.parametrize(
    ("slug", "phrase", "held"),
    [
        # How it should be is unheard of: the same thing is offered, and that it is not just that.
        ("bravo", "busco un mouse silencioso", r"Eso mismo no lo veo.*\n.*Logitech G203.*\$22\.990"),
        ("trompo", "tienen un peluche esponjoso?", r"Eso mismo no lo veo.*\n"),
        # One more of the same thing, which is not named again.
        ("acme", "me da 3 aceites de 20 y uno de 10", r"Total: \$179\.960"),
        ("bravo", "quiero un juego de carreras y uno de futbol, cuanto los dos", r"Total: \$94\.980"),
        # What is both named and looked for by one word is what is named so.
        ("bravo", "el teclado y el mouse los dos cuanto", r"Total: \$68\.980"),
        # A story without a stop.
        (
            "mundo-canino",
            "les cuento que llego un perrito a la casa y no se que juguete comprarle y ocupo una correa",
            r"(?s)Kong.*Correa",
        ),
        ("mundo-canino", "mi perro pesa 20 kilos que correa le recomiendas", "Correa retráctil.*Hasta 25 kg"),
        # For whom a present is says what it may be.
        ("mundo-canino", "un regalito pa mi perro, tengo 5 lucas", r"Por hasta \$5\.000.*\n.*Cuerda"),
        # Sizes, and how it should not be.
        ("verde-limon", "hay botines o zapatillas en talla 43", "Zapatilla urbana"),
        ("verde-limon", "polera que no sea negra", r"Polera básica: \$7\.990"),  # it may be white
        # "Que" goes on with the question, and compares nothing.
        ("bravo", "cual es el juego mas barato que venden", r"Lo más barato.*\n.*Gran Turismo"),
        # What the shop has said, in other words.
        ("bravo", "mi nintendo antigua la reciben y pago la diferencia?", "No compramos ni recibimos"),
        ("mundo-canino", "el martes van a estar?", "Mañana martes abrimos"),
        ("mundo-canino", "a las 3 y media estan?", "15:00 a 19:30"),
        ("bravo", "vivo en Santiago, en cuántos días lo tendría", "1 a 2 días hábiles"),
        ("mundo-canino", "tengo un hostal, me dejan precio especial?", "por mayor|Los descuentos los ve"),
        ("acme", "me hacen descuento si llevo 40 brownies", "desde 20 unidades"),
    ],
)
async def test_it_is_answered(slug: str, phrase: str, held: str) -> None:
    told = await answer(slug, phrase)
    assert re.search(held, told), told


@pytest.mark.parametrize(
    ("slug", "phrase"),
    [
        ("bravo", "compré un control negro y me mandaron uno blanco"),
        ("mundo-canino", "encontré larvas en el saco, que asco"),
        ("mundo-canino", "la lata venía con cucarachas"),
        ("click-movil", "en que quedó mi teléfono que dejé a reparar"),
    ],
)
async def test_a_person_is_told(slug: str, phrase: str) -> None:
    assert (await ask(slug, phrase, knowledge=what_it_says(slug))).hand_over


@pytest.mark.parametrize("phrase", ["hola, tienen cafe?", "venden bolsas?", "buenas, hay cajas"])
async def test_what_a_colour_or_a_box_is_called_may_be_asked_for_itself(phrase: str) -> None:
    assert (await answer("dulce-masa", phrase)).startswith("No tengo eso.")


@pytest.mark.parametrize("phrase", ["comida para gatos", "alimento de gato", "correa 9 m"])
async def test_what_it_is_for_or_which_is_not_passed_over(phrase: str) -> None:
    told = await answer("mundo-canino", phrase)
    assert "Lo más parecido" not in told


async def test_what_is_nearest_is_said_in_the_language_of_the_shop() -> None:
    assert (await answer("bravo", "a silent mouse", "en-US")).startswith("I do not see exactly that.")
    assert (await answer("bravo", "um mouse silencioso", "pt-BR")).startswith("Isso mesmo não vejo.")
