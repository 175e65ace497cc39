"""The wish for a person: heard in three languages, in any assistant's conversation, and answered at once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cpu import at_most
from scene import Scene
from waiting import until

from conserje import File, Hours, Location, Media, Pressed, Tenant, Text
from conserje.tenants.words import PASSED_ON
from conserje.turns import wish
from conserje.turns.wish import asks_for_person, wished

WISHES = """
Quiero hablar con una persona
quiero hablar con una persona.
QUIERO HABLAR CON UN HUMANO!!!
hola, quisiera hablar con un ejecutivo
Hola buenas tardes quiero hablar con una persona porfa
Necesito hablar con alguien
necesito hablar urgente con un asesor
¿Puedo hablar con alguien?
¿Se puede hablar con una persona?
¿podría hablar con el encargado?
Me gustaría conversar con un vendedor
me gustaria hablar con la dueña
quiero comunicarme con un representante
quiero contactar a un ejecutivo
prefiero hablar con una persona real
No, quiero hablar con una persona
no entiendo nada quiero hablar con una persona
No quiero hablar con un bot, quiero hablar con una persona
no quiero hablar con un bot sino con una persona
quiero que me atienda una persona
necesito que me llame un ejecutivo
¿me puede atender una persona?
¿Me pueden comunicar con un agente?
pásame con un ejecutivo
páseme con una persona por favor
Comuníqueme con un operador
me comunicas con alguien?
Derívame a un ejecutivo
una persona por favor
Una persona, por favor
un humano
humano
ejecutivo
agente
hablar con humano
Hablar con una persona
hablar con un asesor por favor
atención humana
Quiero atención humana
soporte humano por favor
quiero una persona
necesito un humano
¿hay algún ejecutivo disponible?
¿hay una persona que me pueda ayudar?
¿Cómo hago para hablar con alguien?
esto no sirve, quiero un humano
no se si puedo hablar con una persona
quero falar com uma pessoa
Gostaria de falar com um atendente
preciso falar com alguém
posso falar com um humano?
me passa para um atendente
quero ser atendida por uma pessoa
atendimento humano
um atendente, por favor
falar com atendente
atendente
Can I talk to a person?
could I speak with a human please
I want to talk to someone
I'd like to speak to a real person
I would like to talk to an agent
i need to talk to a representative
I need a human
let me talk to a manager
connect me to an agent
Can you transfer me to a human?
human please
talk to a human
real person
agent
Is there a real person there?
""".strip().splitlines()

OTHERS = """
no quiero hablar con una persona
¿puede ayudarme alguien?
puedo pasar a una persona mi cupón
No quiero hablar con un ejecutivo, solo el precio
no necesito hablar con nadie
no me gustaría hablar con un vendedor
no hace falta que me llame un ejecutivo
no me comunicas con nadie
prefiero que no me llame nadie
sin hablar con una persona, ¿puedo comprar?
ayer hablé con una persona
Ayer hablé con un ejecutivo y me dijo que había stock
una persona me recomendó la tienda
ya me atendió una persona
tienes agentes limpiadores
¿tienes agentes limpiadores?
necesito un agente limpiador
quiero un agente desengrasante
para una persona
Para una persona, por favor
quiero una torta para una persona
quiero una mesa para una persona por favor
¿cuánto cuesta por persona?
una persona
2 personas
un menú para cuatro personas
quiero comprar un regalo para una persona
quiero regalarle algo a alguien
busco algo para alguien especial
mi vendedor me dijo que costaba 5000
quiero aprender a hablar con una persona sorda
¿eres una persona?
¿eres humano?
¿con quién hablo?
¿hay alguien?
quiero hablar de precios
¿puedo pagar con tarjeta?
puedo ir con una persona?
quiero crema para la piel humana
necesito una persona que me corte el pasto
gracias, hablamos
hola
el ejecutivo no contesta
un asiento ejecutivo
¿tienen silla ejecutiva?
não quero falar com um atendente
ontem falei com uma pessoa
bolo para uma pessoa
quero um bolo para uma pessoa
I don't want to talk to a person
yesterday I talked to a person
a table for one person please
do you sell cleaning agents?
how much per person?
are you human?
I need someone to fix my sink
there is no person here
""".strip().splitlines()


@pytest.mark.parametrize("text", WISHES)
def test_who_wants_a_person_is_heard(text: str) -> None:
    assert asks_for_person(text)


@pytest.mark.parametrize("text", OTHERS)
def test_who_speaks_of_persons_and_wants_none_is_not(text: str) -> None:
    assert not asks_for_person(text)


def test_the_wish_may_stand_under_a_picture_or_on_a_button() -> None:
    files = (File("https://example.com/a.png", "image/png"),)
    assert wished([Text("hola"), Media(files, "quiero hablar con una persona")])
    assert wished([Pressed("p", "Hablar con una persona")])
    assert not wished([Text("hola"), Media(files), Location(0, 0)])


def test_who_says_please_without_end_is_read_quickly() -> None:
    for please in ("porfavor", "porfavorcito", "por favor"):
        with at_most(0.25, f"{please} 60 times"):
            assert asks_for_person(f"quiero una persona{f' {please}' * 60}")
            assert not asks_for_person(f"quiero una persona{f' {please}' * 60} x")


def test_a_long_story_is_read_quickly() -> None:
    for part in (
        "quiero ",
        "quiero hablar ",
        "no ",
        "hay una persona ",
        "can i please ",
        "por favor ",
        "hola ",
    ):
        assert not asks_for_person(part * 5000)


@pytest.mark.parametrize(
    ("locale", "said"), [("es-CL", PASSED_ON["es"]), ("pt-BR", PASSED_ON["pt"]), ("fr", PASSED_ON["en"])]
)
async def test_the_wish_leads_to_a_person_and_no_assistant_is_asked(
    scene: Scene, locale: str, said: str
) -> None:
    await scene.pool.execute("UPDATE tenants SET locale = $1", locale)
    await scene.heard()
    await scene.write("hola")
    await scene.write("quiero hablar con una persona")
    async with scene.working():
        await until(lambda: scene.post.texts)
    assert scene.post.texts == [said]
    assert not scene.parrot.heard
    turn = await scene.pool.fetchrow("SELECT assistant, intent FROM turns")
    assert turn is not None
    assert tuple(turn) == ("hand-over", "person")
    assert await scene.pool.fetchval("SELECT state FROM conversations") == "person"
    assert await scene.pool.fetchval("SELECT count(*) FROM notices") == 0  # the tenant wants none


@pytest.mark.parametrize(
    ("day", "more"),
    [
        (30, ""),
        (29, " Ahora estamos cerrados. Abrimos mañana lunes a las 10:00."),
    ],
)
def test_who_asks_while_it_is_closed_is_told_when_it_opens(day: int, more: str) -> None:
    hours = Hours.read({"week": {"monday": ["10:00-20:00"]}})
    tenant = Tenant("acme", "Acme", "es-CL", "CLP", "America/Santiago", hours)
    said = wish.reply(tenant, datetime(2026, 11, day, 15, tzinfo=UTC))
    assert said.messages == [Text(PASSED_ON["es"] + more)]


async def test_a_broken_assistant_does_not_keep_anybody_from_a_person(scene: Scene) -> None:
    await scene.pool.execute("UPDATE tenants SET assistant = 'missing', fallback_assistant = 'missing'")
    await scene.heard()
    async with scene.working():
        await scene.write("an agent, please")
        await until(lambda: scene.post.texts == [PASSED_ON["es"]])
