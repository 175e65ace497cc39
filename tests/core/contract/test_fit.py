"""What a channel can carry: a content is made to fit in one way for all, and an answer finds its choice."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

import pytest

from conserje.contract.choices import chosen
from conserje.contract.fit import fit, linked
from conserje.contract.limits import Limits, Unit, length
from conserje.contract.message import (
    Button,
    Buttons,
    Card,
    ContactCard,
    Content,
    Edit,
    File,
    List,
    Location,
    Media,
    Note,
    Order,
    OrderItem,
    Pressed,
    Reaction,
    Revocation,
    Row,
    Template,
    Text,
)
from conserje.contract.short_ids import LENGTH, short, shortened

WHICH = Buttons("¿Cuál?", (Button("a", "Aceite"), Button("b", "Brownie")))
ROWS = List("Hay:", (Row("1", "Aceite", "10 ml"), Row("2", "Brownie")))
NUMBERED = Text("¿Cuál?\n1. Aceite\n2. Brownie", (Button("a", "Aceite"), Button("b", "Brownie")))

LONG_ID = Buttons("¿Sí?", (Button("x" * 300, "Sí"),))
EMOJIS = Buttons("😀😀😀", (Button("a", "😀"),))


def _name(value: object) -> str:
    """The same in every process, which the order of a set is not."""
    return "" if isinstance(value, Limits) else str(value)


@pytest.mark.parametrize(
    ("content", "limits", "fitting"),
    [
        (WHICH, Limits(buttons=2), [WHICH]),
        (WHICH, Limits(buttons=1, rows=2), [List("¿Cuál?", (Row("a", "Aceite"), Row("b", "Brownie")))]),
        (WHICH, Limits(), [NUMBERED]),
        (WHICH, Limits(buttons=2, button_title=6), [NUMBERED]),
        (WHICH, Limits(buttons=2, body=3), [NUMBERED]),
        (ROWS, Limits(rows=2), [ROWS]),
        (
            ROWS,
            Limits(rows=2, row_description=3),
            [Text("Hay:\n1. Aceite: 10 ml\n2. Brownie", (Button("1", "Aceite"), Button("2", "Brownie")))],
        ),
        (Text("Uno dos. Tres."), Limits(text=8), [Text("Uno dos."), Text("Tres.")]),
        (Reaction("m1", "👍"), Limits(carries=frozenset({"reaction"})), [Reaction("m1", "👍")]),
        (Reaction("m1", "👍"), Limits(), []),
        (ContactCard("Ana", ("+569",)), Limits(), [Text("Ana\n+569")]),
        (ContactCard("Ana", ("+569",), others=(Card("Eva"),)), Limits(), [Text("Ana\n+569\nEva")]),
        (
            Location(-33.45, -70.66, "Local", "Calle 1"),
            Limits(),
            [Text("Local\nCalle 1\nhttps://www.google.com/maps?q=-33.450000,-70.660000")],
        ),
        (Template("t", "es", ("Ana",), "Hola Ana"), Limits(), [Text("Hola Ana")]),
        (Template("t"), Limits(), [Template("t")]),
        (Order((OrderItem("pan-1", 2),), "CLP", "gracias"), Limits(), [Text("Pedido:\n2 x pan-1\ngracias")]),
        (
            Order((OrderItem("p1", 2, Decimal(1990)),), "CLP"),
            Limits(),
            [Text("Pedido:\n2 x p1 ($1.990 c/u)")],
        ),
        (Order((), "CLP", "hola"), Limits(), [Text("hola")]),
        (LONG_ID, Limits(buttons=1, button_id=17), [LONG_ID]),  # which leaves by a short id
        (LONG_ID, Limits(buttons=1, button_id=16), [Text("¿Sí?\n1. Sí", LONG_ID.buttons)]),
        (EMOJIS, Limits(buttons=1, body=4, button_title=4), [EMOJIS]),
        (
            EMOJIS,
            Limits(buttons=1, body=4, button_title=4, unit="utf-16"),
            [Text("😀😀😀\n1. 😀", EMOJIS.buttons)],
        ),
        (EMOJIS, Limits(buttons=1, body=6, button_title=2, unit="utf-16"), [EMOJIS]),
        (Text("ñandú ñandú"), Limits(text=11, unit="bytes"), [Text("ñandú"), Text("ñandú")]),
        (Text(" \n"), Limits(), []),
        (Text("**"), Limits(), [Text("**")]),
        (Text("**Pan**", NUMBERED.choices), Limits(), [Text("Pan", NUMBERED.choices)]),
        (Text("**Pan**"), Limits(markup="whatsapp"), [Text("*Pan*")]),
        (Text("**Pan**"), Limits(markup="markdown"), [Text("**Pan**")]),
        (Pressed("a", "Aceite"), Limits(), [Text("Aceite")]),
        (Note("Llamó."), Limits(), [Text("Llamó.")]),
        (Edit("m1", Text("hola")), Limits(), [Text("hola")]),
        (Revocation("m1"), Limits(), []),
        (Location(0.0, 181.0, "Local"), Limits(carries=frozenset({"location"})), [Text("Local")]),
        (Location(0.0, 181.0), Limits(carries=frozenset({"location"})), []),
        (ContactCard("", ("+569",)), Limits(carries=frozenset({"contact_card"})), [Text("+569")]),
        (ContactCard(" "), Limits(carries=frozenset({"contact_card"})), []),
        (Reaction("", "👍"), Limits(carries=frozenset({"reaction"})), []),
    ],
    ids=_name,
)
def test_a_content_is_made_to_fit(content: Content, limits: Limits, fitting: list[Content]) -> None:
    assert fit(content, limits) == fitting


MENU = Limits(buttons=3, rows=10, markup="whatsapp")
A, B = Button("a", "A"), Button("b", "B")


@pytest.mark.parametrize(
    ("content", "fitting"),
    [
        (Buttons("**¿Cuál?**", (Button("a", "**A**"), B)), Buttons("*¿Cuál?*", (A, B))),
        (Buttons("¿?", (Button("a", " A\n1 "), B)), Buttons("¿?", (Button("a", "A 1"), B))),
        (Buttons("¿?", (Button("a", ""), B)), Buttons("¿?", (Button("a", "a"), B))),
        (Buttons("¿?", (Button("", "A"), B)), Buttons("¿?", (Button("A", "A"), B))),
        (Buttons("¿?", (Button(" ", " "), B)), Buttons("¿?", (B,))),
        (Buttons("¿?", (A, B, A)), Buttons("¿?", (A, B))),
        (Buttons("¿?", ()), Text("¿?")),
        (Buttons(" ", (A, B)), Text("1. A\n2. B", (A, B))),
        (Buttons("¿?", (A, Button("c", "a"))), Text("¿?\n1. A\n2. a", (A, Button("c", "a")))),
        (Buttons("¿?", (A, Button("a", "B"))), Text("¿?\n1. A\n2. B", (A, Button("a", "B")))),
        (Buttons("¿?", (Button(" a", "A"),)), Text("¿?\n1. A", (Button(" a", "A"),))),
        (Buttons("¿?", (Button("{{1}}", "A"),)), Text("¿?\n1. A", (Button("{{1}}", "A"),))),
        (Buttons("¿?", (Button("i" * 201, "A"),)), Buttons("¿?", (Button("i" * 201, "A"),))),
        (List("¿?", (Row("a", "", "Uno"), Row("b", "B"))), List("¿?", (Row("a", "Uno"), Row("b", "B")))),
        (
            List("¿?", (Row("1", "Pan", "amasado"), Row("2", "Pan", "integral"))),
            Text("¿?\n1. Pan: amasado\n2. Pan: integral", (Button("1", "Pan"), Button("2", "Pan"))),
        ),
        (List("¿?", (Row("i" * 201, "A"),)), List("¿?", (Row("i" * 201, "A"),))),
    ],
    ids=str,
)
def test_whatever_there_is_to_choose_can_be_sent(content: Content, fitting: Content) -> None:
    assert fit(content, MENU) == [fitting]


def test_of_two_with_the_same_words_the_number_chooses() -> None:
    (offered,) = fit(List("¿?", (Row("1", "Pan", "amasado"), Row("2", "Pan", "integral"))), MENU)
    assert chosen("2", offered) == Pressed("2", "Pan")


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("es-CL", "Pedido:\n2 x p1 (USD 9,50 c/u)"),
        ("pt-BR", "Pedido:\n2 x p1 (USD 9,50 cada)"),
        ("en-US", "Order:\n2 x p1 (USD 9,50 each)"),
    ],
)
def test_an_order_is_told_in_the_contact_s_language(locale: str, words: str) -> None:
    assert fit(Order((OrderItem("p1", 2, Decimal("9.5")),), "USD"), Limits(), locale) == [Text(words)]


PIC, SOUND = File("https://a.example/pan.JPG"), File("https://a.example/a.ogg", "audio/ogg")
FILES = Limits(carries=frozenset({"media"}), captions=frozenset({"image"}))


@pytest.mark.parametrize(
    ("content", "fitting"),
    [
        (Media((SOUND,), "oye"), [Media((SOUND,)), Text("oye")]),
        (Media((PIC,), "**mira**"), [Media((PIC,), "mira")]),
        (Media((SOUND, PIC, PIC), "mira"), [Media((SOUND,)), Media((PIC,), "mira"), Media((PIC,))]),
        (Media((PIC,), " "), [Media((PIC,))]),
        (Media((), "mira"), [Text("mira")]),
    ],
    ids=str,
)
def test_words_are_below_a_file_that_shows_them_else_on_their_own(
    content: Media, fitting: list[Content]
) -> None:
    assert fit(content, FILES) == fitting


def test_where_no_files_go_their_addresses_are_words_that_are_cut_like_others() -> None:
    assert fit(Media((PIC, SOUND), "**mira**"), Limits()) == [Text(f"mira\n{PIC.ref}\n{SOUND.ref}")]
    assert fit(Media((PIC,), "mira esto"), Limits(text=30)) == [Text("mira esto"), Text(PIC.ref)]
    kept = Media((File("kept:1"),), "mira")
    assert fit(kept, Limits()) == [kept]


def test_files_go_one_by_one_where_a_message_holds_one_with_the_words_under_the_first() -> None:
    files, media = (File("a"), File("b"), File("c")), frozenset({"media"})
    two, short = Limits(files=2, carries=media), Limits(caption=4, carries=media)
    assert fit(Media(files, "mira"), two) == [Media(files[:2], "mira"), Media(files[2:])]
    assert fit(Media(files[:1], "mira esto"), short) == [Media(files[:1]), Text("mira esto")]


def test_files_go_as_links_where_a_channel_carries_none() -> None:
    photo = Media((File("https://x/1"), File("https://x/2")), "mira")
    assert linked(photo, Limits()) == Text("mira\nhttps://x/1\nhttps://x/2")
    assert linked(photo, Limits(carries=frozenset({"media"}))) == photo


@pytest.mark.parametrize("written", ["2", " 2. ", "2)", "2️⃣", "la 2", "Opción 2", "brownie", "BROWNIE!"])
def test_the_number_or_the_words_come_back_as_the_choice(written: str) -> None:
    assert chosen(written, NUMBERED) == Pressed("b", "Brownie")


@pytest.mark.parametrize("written", ["3", "0", "2 por favor", "quiero 2", "", "¿brownie o aceite?"])
def test_anything_else_is_no_choice(written: str) -> None:
    assert chosen(written, NUMBERED) is None


def test_a_number_says_nothing_where_none_were_shown() -> None:
    assert chosen("2", WHICH) is None
    assert chosen("aceite", WHICH) == Pressed("a", "Aceite")
    assert chosen("aceite", ROWS) == Pressed("1", "Aceite")
    assert chosen("aceite", Text("Aceite")) is None


def test_of_two_with_the_same_words_none_is_chosen() -> None:
    assert chosen("té", Buttons("¿?", (Button("a", "Té"), Button("b", "Te")))) is None


CARD = Row("1", "Aceite", "$4.990", "https://cdn.example.com/a.jpg", "https://tienda.cl/a")


def test_cards_stay_where_a_channel_has_them_and_are_words_elsewhere() -> None:
    said = Text("Aceite: $4.990. " + "x" * 90, cards=(CARD,))
    shows, tells = Limits(text=100, carries=frozenset({"cards"})), Limits(text=100)
    *_, last = fit(said, shows)
    assert isinstance(last, Text) and last.cards == (CARD,)
    assert all(isinstance(each, Text) and not each.cards for each in fit(said, tells))
    assert [each.text for each in fit(said, shows)] == [each.text for each in fit(said, tells)]  # type: ignore[union-attr]


def test_rows_keep_picture_and_link_where_a_channel_has_cards() -> None:
    listed = List("Hay:", (CARD,))
    assert fit(listed, Limits(rows=2, carries=frozenset({"cards"}))) == [listed]
    assert fit(listed, Limits(rows=2)) == [List("Hay:", (Row("1", "Aceite", "$4.990"),))]
    assert fit(listed, Limits()) == [Text("Hay:\n1. Aceite: $4.990", (Button("1", "Aceite"),))]


CAPTIONS = Limits(carries=frozenset({"media"}), caption=4, unit="bytes")


def test_a_caption_is_counted_as_the_channel_counts() -> None:
    assert fit(Media((PIC,), "niña"), CAPTIONS) == [Media((PIC,)), Text("niña")]
    assert fit(Media((PIC,), "nina"), CAPTIONS) == [Media((PIC,), "nina")]


@pytest.mark.parametrize(
    ("unit", "button_id", "leaves"),
    [("characters", 19, False), ("characters", 20, True), ("utf-16", 22, False), ("bytes", 31, True)],
)
def test_an_id_that_is_too_long_leaves_as_a_short_one(unit: Unit, button_id: int, leaves: bool) -> None:
    id = "producto ñ 😀 " + "😀" * 2 + "x" * 4 + "é"
    assert [length(id, each) for each in get_args(Unit)] == [20, 23, 31]
    limits = Limits(buttons=1, rows=1, button_id=button_id, button_id_unit=unit)
    offered = (Buttons("¿?", (Button(id, "Sí"),)), List("¿?", (Row(id, "Sí", "claro"),)))
    gone = [shortened(each, limits) for each in offered]
    wanted = id if leaves else short(id)
    assert gone == [Buttons("¿?", (Button(wanted, "Sí"),)), List("¿?", (Row(wanted, "Sí", "claro"),))]
    assert len(short(id)) == LENGTH
    assert shortened(Text("hola"), limits) == Text("hola")
