"""The catalog assistant, asked as people in Chile ask."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from asking import DEMO, ask, what_it_says, words

from conserje import (
    Content,
    File,
    List,
    Location,
    Match,
    Media,
    Pressed,
    Product,
    Reply,
    Row,
    Tenant,
    Text,
    Unknown,
    Utterance,
    format_price,
)
from conserje.testing import AssistantContract, GivenProducts, SearchedKnowledge, said
from conserje_catalog import Catalog
from conserje_catalog.choices import shown
from conserje_catalog.looking import MOST
from conserje_catalog.words import LANGUAGES

SPANISH = LANGUAGES["es"]
THANKED = SPANISH.thanked
PLACE = re.compile(r"{\w+}")


class TestCatalog(AssistantContract):
    assistant = Catalog


def names_a_product(reply: Reply) -> bool:
    return any(product.name in words(reply) for _, products in DEMO.values() for product in products)


@pytest.mark.parametrize(
    ("slug", "text", "intent", "named"),
    [
        ("acme", "wena loco", "saludo", "Acme Grow Shop"),
        ("acme", "plantitas pa cultivar", "producto", "Semillas"),
        ("acme", "pa los carrete, que pegue caleta", "producto", "Brownie mágico"),
        ("acme", "ando volao, algo pa bajar", "producto", "Aceite CBD"),
        ("acme", "que vaporizador tienes", "producto", "Vaporizador portátil Fenix Mini: $89.990"),
        ("acme", "quiero northern lights", "producto", "Northern Lights 5 g: $34.990"),
        ("bravo", "que consolas tienes", "producto", "Nintendo Switch OLED: $379.990"),
    ],
)
async def test_understands_what_its_predecessor_did(slug: str, text: str, intent: str, named: str) -> None:
    reply = await ask(slug, text)
    assert reply.intent == intent
    assert named in words(reply)
    assert reply.confidence is not None and reply.confidence >= 0.85


@pytest.mark.parametrize(
    ("slug", "text", "intent", "named"),
    [
        ("acme", "¿Cuánto vale el aceite de cbd?", "precio", "Aceite CBD 10 % 10 ml: $29.990"),
        ("acme", "te queda moledor?", "stock", "Moledor metálico 4 piezas: $9.990, quedan 22"),
        ("acme", "amnesia haze", "producto", "agotado"),
        ("acme", "baporisador portatil", "producto", "Vaporizador portátil"),
        ("acme", "NORTHERN LIGTHS!!!", "producto", "Northern Lights 5 g"),
        (
            "acme",
            "Hola!! tienes semillitas?",
            "producto",
            "¡Hola! Tenemos esto. ¿Cuál te interesa?\n• Semillas",
        ),
        ("acme", "busco un vaporizador para mi hermano que cumple años", "producto", "Vaporizador"),
        ("acme", "quiero 2 brownies porfa", "producto", "Brownie"),
        ("acme", "algo para dormir?", "producto", "Aceite CBD"),
        ("acme", "tení papelillos?", "producto", "Papelillos orgánicos king size"),
        ("bravo", "a cuánto la play 5", "precio", "PlayStation 5 Slim: $549.990"),
        ("bravo", "tienes play?", "producto", "PlayStation 5 Slim"),
        ("bravo", "plastation", "producto", "PlayStation 5 Slim"),
        ("bravo", "joystick para ps5", "producto", "Control DualSense"),
        ("bravo", "mario cart deluxe", "producto", "Mario Kart"),
        ("bravo", "kiero un juego de karreras", "producto", "Gran Turismo 7"),
        ("bravo", "audifonos gamer", "producto", "Audífonos gamer HyperX Cloud"),
        ("mundo-canino", "pelotita pal perro", "producto", "Pelota de goma"),
        ("mundo-canino", "comida para mi perrita", "producto", "Alimento"),
        ("mundo-canino", "tienen pechera?", "producto", "Arnés acolchado: $16.990, agotado por ahora"),
    ],
)
async def test_finds_what_people_mean(slug: str, text: str, intent: str, named: str) -> None:
    reply = await ask(slug, text)
    assert named in words(reply)
    assert reply.intent == intent


@pytest.mark.parametrize(
    ("slug", "text"),
    [
        # another tenant's products
        ("acme", "tienes play 5?"),
        ("acme", "que consolas tienes"),
        ("acme", "nintendo switch"),
        ("acme", "tienen comida para perro"),
        ("acme", "correa retráctil"),
        ("bravo", "quiero northern lights"),
        ("bravo", "vendes aceite cbd?"),
        ("bravo", "pelota de goma"),
        ("bravo", "brownies mágicos"),
        ("mundo-canino", "tienes xbox?"),
        ("mundo-canino", "semillas"),
        ("mundo-canino", "vaporizador"),
        # nobody's
        ("acme", "tienes pan?"),
        ("acme", "pan"),
        ("acme", "venden cerveza"),
        ("acme", "que bicicletas tienes"),
        ("bravo", "tienes iphone"),
        ("mundo-canino", "precio del arroz"),
        ("mundo-canino", "queda detergente?"),
        # words that look or sound alike
        ("acme", "aceitunas"),
        ("acme", "vasos"),
        ("acme", "flan"),
        ("bravo", "tienes fuego?"),
        ("bravo", "la playa"),
        ("bravo", "sillón"),
        ("mundo-canino", "huevos"),
        ("mundo-canino", "correo"),
        ("mundo-canino", "pelo"),
        ("mundo-canino", "camara"),
        ("mundo-canino", "dólar"),
    ],
)
async def test_says_no_rather_than_name_a_wrong_product(slug: str, text: str) -> None:
    reply = await ask(slug, text)
    assert words(reply).startswith("No tengo eso. Tenemos ")
    assert not names_a_product(reply)
    assert reply.intent in ("producto", "precio", "stock")


@pytest.mark.parametrize(
    ("slug", "text"),
    [
        ("acme", "semillas de tomate"),
        ("bravo", "tienes playstation 4?"),
        ("bravo", "xbox 360"),
        ("bravo", "cuánto sale el teclado inalámbrico de apple"),
        ("mundo-canino", "comida para gatos"),
        ("mundo-canino", "arena y comida de gato"),
        ("mundo-canino", "pasta dental"),
    ],
)
async def test_does_not_pass_off_what_only_shares_a_word(slug: str, text: str) -> None:
    reply = await ask(slug, text)
    assert words(reply).startswith("No encontré justo eso. Tenemos ")
    assert not names_a_product(reply)


@pytest.mark.parametrize("text", ["", "   ", "123", "¿?", "...", "+56 9 1234 5678", "привет 🔥"])
async def test_asks_for_words_where_there_are_none(text: str) -> None:
    reply = await ask("acme", text)
    assert words(reply).startswith("Por aquí solo leo texto")
    assert reply.intent == "no_entendido"


@pytest.mark.parametrize(
    "content", [Media((File("m", "image/jpeg"),)), Location(-33.4, -70.6, "Brownie"), Unknown("sticker", {})]
)
async def test_what_has_no_words_is_no_question(content: Content) -> None:
    assert (await ask("acme", content)).intent == "no_entendido"


async def test_reads_the_words_under_a_picture() -> None:
    reply = await ask("acme", Media((File("m", "image/jpeg"),), "tienes este vaporizador?"))
    assert "Vaporizador" in words(reply)


async def test_says_that_it_did_not_understand() -> None:
    reply = await ask("acme", "ayer me caí de la escalera y me duele harto la rodilla")
    assert words(reply).startswith("Disculpa, no te entendí bien.")
    assert (reply.intent, reply.confidence) == ("no_entendido", 0.2)


@pytest.mark.parametrize(
    "text",
    ["hola", "/start", "Hola!!", "holi", "buenas tardes", "wena wena", "wena loco, cómo estai", "buen día",
     "alo?", "¿quién eres?", "hola, con quién hablo?"],
)  # fmt: skip
async def test_greets_and_says_who_it_is(text: str) -> None:
    reply = await ask("mundo-canino", text)
    assert reply.intent == "saludo"
    assert "Soy el asistente virtual de Mundo Canino. Tenemos alimento, accesorios" in words(reply)


@pytest.mark.parametrize("text", ["🔥🔥🔥", "🙏", "👋🏽 😊", "❤️‍🔥"])
async def test_emoji_alone_are_small_talk(text: str) -> None:
    assert (await ask("acme", text)).intent == "saludo"
    past = [Utterance("assistant", Text("Son $990."), datetime.now(UTC))]
    reply = await ask("acme", text, history=past)
    assert (reply.intent, words(reply)) == ("despedida", THANKED)


async def test_greets_in_the_tenant_s_own_words() -> None:
    assert words(await ask("acme", "hola", greeting="¡Buena! Acá Acme.")) == "¡Buena! Acá Acme."


@pytest.mark.parametrize(
    ("text", "said_back"),
    [("gracias", THANKED), ("ok gracias!", THANKED), ("muchas gracias, vale", THANKED),
     ("hola gracias", THANKED), ("ya po, dale", THANKED), ("no", THANKED), ("chao", "¡Chao!"),
     ("chao gracias", "¡Chao!"), ("nos vemos", "¡Chao!")],
)  # fmt: skip
async def test_thanks_and_farewells_are_returned(text: str, said_back: str) -> None:
    reply = await ask("acme", text)
    assert reply.intent == "despedida"
    assert words(reply).startswith(said_back)


@pytest.mark.parametrize(
    "text",
    ["quiero hablar con una persona", "Necesito hablar con un ejecutivo", "me puede atender alguien?",
     "pásame con una persona", "quiero un humano", "¿puedo conversar con el dueño?",
     "eres bot? quiero una persona real", "hola quiero northern lights pero quiero hablar con alguien"],
)  # fmt: skip
async def test_hands_over_to_a_person(text: str) -> None:
    reply = await ask("acme", text)
    assert reply.hand_over
    assert reply.intent == "persona"
    assert words(reply) == SPANISH.hand_over


@pytest.mark.parametrize(
    "text",
    [
        "no quiero hablar con una persona",
        "tienes un juego para una persona?",
        "hay brownies para 4 personas?",
    ],
)
async def test_a_person_named_is_not_a_person_asked_for(text: str) -> None:
    assert not (await ask("acme", text)).hand_over


@pytest.mark.parametrize(
    "text",
    [
        "qué tienes?",
        "que venden",
        "muéstrame el catálogo",
        "hola, qué tienen?",
        "lista de precios",
        "que más hay",
    ],
)
async def test_tells_what_there_is(text: str) -> None:
    reply = await ask("bravo", text)
    assert reply.intent == "catalogo"
    assert words(reply) == "Tenemos accesorios gamer, video juegos y consolas. ¿Qué te interesa?"


async def test_a_burst_is_one_question_and_gets_one_answer() -> None:
    reply = await ask("acme", "hola", "oye", "cuánto sale", "el volcano?")
    assert words(reply) == "¡Hola! Vaporizador de mesa Volcano: $459.990, quedan 2. ¿Te interesa?"
    assert reply.intent == "precio"


async def test_and_how_much_is_it_means_what_was_asked_for_before() -> None:
    history = [
        said("hola"),
        said("tienes la silla?"),
        said("Silla gamer Cougar", "assistant"),
        said("qué linda"),
    ]
    reply = await ask("bravo", "y cuánto cuesta?", history=history)
    assert words(reply).startswith("Silla gamer Cougar: $189.990")
    assert reply.intent == "precio"


@pytest.mark.parametrize("text", ["sí", "si po, lo quiero", "ya dale", "me interesa", "quiero comprarlo"])
async def test_a_yes_to_an_offer_goes_to_a_person(text: str) -> None:
    offer = words(await ask("bravo", "la silla"))
    reply = await ask("bravo", text, history=[said("la silla"), said(offer, "assistant")])
    assert (words(reply), reply.intent, reply.hand_over) == (SPANISH.sold, "compra", True)


async def test_a_yes_to_one_of_several_offered_goes_to_a_person() -> None:
    several = await ask("acme", "tienes semillitas?")
    for offer in (several.messages[0], Text(words(several))):  # as a page has it, and as Twilio has it
        history = [said("tienes semillitas?"), Utterance("assistant", offer, datetime.now(UTC))]
        assert (await ask("acme", "sí, quiero comprar", history=history)).intent == "compra"


async def test_several_products_are_a_list_to_choose_from() -> None:
    pelotas = [
        Product(7, "Pelota grande", Decimal(4990), 2),
        Product(8, "Pelota chica", Decimal(1990), 0),
    ]
    reply = await ask("mundo-canino", "pelotas", products=pelotas)
    assert reply.messages == (
        List(
            "Tenemos esto. ¿Cuál te interesa?",
            (
                Row("product-7", "Pelota grande", "$4.990, quedan 2"),
                Row("product-8", "Pelota chica", "$1.990, agotado por ahora"),
            ),
        ),
    )
    chosen = await ask("mundo-canino", Pressed("product-7", "Pelota grande"), products=pelotas)
    assert words(chosen) == "Pelota grande: $4.990, quedan 2. ¿Te interesa?"


async def test_a_product_chosen_that_is_sold_no_more_is_looked_for_by_its_name() -> None:
    newer = Product(9, "Pelota grande roja", Decimal(5990))
    reply = await ask("mundo-canino", Pressed("product-7", "Pelota grande"), products=[newer])
    assert words(reply) == "Pelota grande roja: $5.990. ¿Te interesa?"


@pytest.mark.parametrize("text", ["no", "no quiero", "sí"])
async def test_a_no_or_a_yes_to_nothing_sells_nothing(text: str) -> None:
    history = [] if text == "sí" else [said(words(await ask("bravo", "la silla")), "assistant")]
    assert not (await ask("bravo", text, history=history)).hand_over


async def test_how_much_is_it_without_a_product_is_asked_back() -> None:
    reply = await ask("bravo", "cuánto cuesta?")
    assert words(reply).startswith("¿De qué producto me hablas?")
    assert reply.intent == "precio"


async def test_what_is_not_counted_has_no_stock() -> None:
    reply = await ask("acme", "café", products=[Product(1, "Café", Decimal(4990))])
    assert words(reply) == "Café: $4.990. ¿Te interesa?"


async def test_a_shop_without_products_says_so() -> None:
    assert "no tenemos productos publicados" in words(await ask("acme", "tienes pan?", products=[]))


async def test_more_matches_than_a_message_should_hold_are_cut_and_it_says_so() -> None:
    many = [Product(n, f"Pelota {n}", Decimal(1000)) for n in range(100, 200)]
    told = words(await ask("acme", "pelotas", products=many))
    assert told.count("•") == 6
    assert SPANISH.listed_some in told


@pytest.mark.parametrize(
    ("locale", "language"), [("es-MX", "es"), ("pt-BR", "pt"), ("en", "en"), ("fr-FR", "en")]
)
async def test_speaks_the_tenant_s_language(locale: str, language: str) -> None:
    spoken = LANGUAGES[language]
    assert spoken.none in words(await ask("bravo", "pan", locale=locale))
    assert spoken.introduction.format(name="Bravo Games") in words(await ask("bravo", "hola", locale=locale))
    offer = words(await ask("bravo", "gran turismo", locale=locale))
    assert offer.endswith(spoken.one)
    history = [said("gran turismo"), said(offer, "assistant")]
    bought = await ask("bravo", "ok, lo quiero", history=history, locale=locale)
    assert (words(bought), bought.hand_over) == (spoken.sold, True)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_filled_in_is_the_same_in_each_language(language: str) -> None:
    for name, spanish in asdict(SPANISH).items():
        assert PLACE.findall(getattr(LANGUAGES[language], name)) == PLACE.findall(spanish), name


async def test_what_there_is_to_see_of_a_product_goes_along() -> None:
    seen = Product(1, "Polera azul", Decimal(9990), picture="https://cdn.cl/p.jpg", link="https://t.cl/p")
    plain_one = Product(2, "Polera roja", Decimal(9990))
    [one] = (await ask("acme", "polera azul", products=[seen])).messages
    assert isinstance(one, Text) and "Polera azul: $9.990" in one.text
    assert one.cards == (Row("product-1", "Polera azul", "$9.990", "https://cdn.cl/p.jpg", "https://t.cl/p"),)
    [both] = (await ask("acme", "poleras", products=[seen, plain_one])).messages
    assert isinstance(both, List)
    assert [(row.picture, row.link) for row in both.rows] == [
        ("https://cdn.cl/p.jpg", "https://t.cl/p"), ("", ""),
    ]  # fmt: skip
    [bare] = (await ask("acme", "polera roja", products=[plain_one])).messages
    assert isinstance(bare, Text) and not bare.cards


class _Counted(GivenProducts):
    searches = 0

    async def search(self, text: str, limit: int = 5) -> list[Match]:
        self.searches += 1
        return await super().search(text, limit)


@pytest.mark.parametrize(
    "words_over_and_over",
    [
        "no quiero control. ",
        "2 control y 3 juego y ",
        "control para juego ps5. ",
        "¿dónde está el control? ",
        "aguanta zapato ",
        "¿aguanta el zapato rojo? ",
        "¿tienen wifi? ",
    ],
)
async def test_a_long_message_is_looked_for_a_bounded_number_of_times(words_over_and_over: str) -> None:
    counted = _Counted(DEMO["bravo"][1])
    await ask("bravo", words_over_and_over * 300, products=counted)
    assert counted.searches <= MOST


async def test_many_words_about_one_thing_are_few_searches() -> None:
    counted = _Counted(DEMO["bravo"][1])
    await ask("bravo", "aguanta " + " ".join(f"zapato{n}" for n in range(200)), products=counted)
    assert counted.searches <= 20


@pytest.mark.parametrize("currency", ["CLP", "USD", "BRL", "EUR", "PEN", "PYG"])
def test_what_was_offered_is_known_again_in_any_currency(currency: str) -> None:
    products = [Product(n, f"Kong {n}", Decimal(12990)) for n in (1, 2)]
    lines = "\n".join(f"• {each.name}: {format_price(each.price, currency)}, quedan 3" for each in products)
    assert shown([said(f"Tenemos esto.\n{lines}", "assistant")], products) == products


@pytest.mark.parametrize(
    ("text", "holds", "unanswered"),
    [
        (
            "¿Cuánto sale el volcano? ¿Y tienen wifi?",
            r"\$459.990.*De «Y tienen wifi\?» no tengo",
            ["Y tienen wifi?"],
        ),
        ("hacen envíos? tienen wifi?", r"enví.*De «tienen wifi\?» no tengo", ["tienen wifi?"]),
        ("hacen envíos y se puede pagar con cheque", "enví.*No tengo ese dato", None),
        ("hacen envíos? y me hace un descuento?", "enví.*descuentos los ve una persona", []),
    ],
)
async def test_of_several_questions_the_unknown_one_is_not_dropped(
    text: str, holds: str, unanswered: list[str] | None
) -> None:
    given = {"delivery.where": "Hacemos envíos a todo Chile."}
    tenant = Tenant("acme", "Acme", "es-CL", "CLP", "America/Santiago")
    reply = await ask("acme", text, knowledge=SearchedKnowledge(given, tenant, datetime(2026, 11, 30, 12)))
    assert re.search(holds, words(reply), re.DOTALL) and reply.hand_over
    assert list(reply.unanswered) == ([text] if unanswered is None else unanswered)


@pytest.mark.parametrize(
    "text", ["¿Hacen envíos? ¿Cuánto sale el volcano?", "Hola. ¿Cómo están? ¿Tienen volcano?"]
)
async def test_several_questions_that_are_known_disturb_nobody(text: str) -> None:
    reply = await ask("acme", text, knowledge=what_it_says("acme"))
    assert not reply.hand_over and not reply.unanswered


async def test_the_last_one_of_nothing_is_none() -> None:
    assert words(await ask("acme", "el último"))
