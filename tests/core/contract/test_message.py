"""The neutral message: stored and read back, and read as words."""

from __future__ import annotations

from decimal import Decimal

import pytest

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
    Unknown,
    from_json,
    to_json,
)
from conserje.contract.plain import plain
from conserje.conversations.rows import stored

EACH: dict[str, Content] = {
    "hola": Text("hola"),
    "¿Cuál?\n1. Aceite": Text("¿Cuál?\n1. Aceite", (Button("a", "Aceite"),)),
    "[image/jpeg] mira": Media((File("https://x/1", "image/jpeg"),), "mira"),
    "[application/pdf boleta.pdf, file x]": Media(
        (File("1", "application/pdf", "boleta.pdf"), File("2", "", "x"))
    ),
    "[Casa -33.45000,-70.66000]": Location(-33.45, -70.66, "Casa"),
    "[Casa, Alameda 1 -33.45000,-70.66000]": Location(-33.45, -70.66, "Casa", "Alameda 1"),
    "[location -33.45000,-70.66000]": Location(-33.45, -70.66),
    "[contact Ana +569 a@x.cl]": ContactCard("Ana", ("+569",), ("a@x.cl",)),
    "[contact Ana +569] [contact Eva]": ContactCard("Ana", ("+569",), others=(Card("Eva"),)),
    "[reaction 👍]": Reaction("m1", "👍"),
    "[reaction taken back]": Reaction("m1"),
    "¿Cuál?\n[Aceite]\n[Brownie]": Buttons("¿Cuál?", (Button("a", "Aceite"), Button("b", "Brownie"))),
    "Hay:\n• Aceite: 10 ml\n• Té": List("Hay:", (Row("1", "Aceite", "10 ml"), Row("2", "Té"))),
    "Pan [1]": Pressed("1", "Pan"),
    "Sí": Pressed("Sí", "Sí"),
    "¿Cuál?\n[Pan [1]]\n[Pan [2]]": Buttons("¿Cuál?", (Button("1", "Pan"), Button("2", "Pan"))),
    "Hay:\n• Pan [1]: amasado\n• Pan [2]\n• Té": List(
        "Hay:", (Row("1", "Pan", "amasado"), Row("2", "Pan"), Row("3", "Té"))
    ),
    "[order]": Order(()),
    "[template t]": Template("t", "es", ("Ana",)),
    "Hola Ana": Template("t", "es", ("Ana",), "Hola Ana"),
    "[order 2 x p1 at 990 CLP, 1 x p2] gracias": Order(
        (OrderItem("p1", 2, Decimal(990)), OrderItem("p2", 1)), "CLP", "gracias"
    ),
    "[edited] hola!": Edit("k1", Text("hola!")),
    "[deleted]": Revocation("k1"),
    "wants no marketing": Note("wants no marketing"),
    "[sticker]": Unknown("sticker", {"x": [1, None]}),
}


@pytest.mark.parametrize(("words", "content"), EACH.items(), ids=str)
def test_what_is_stored_is_read_back_and_has_words(words: str, content: Content) -> None:
    assert from_json(to_json(content)) == content
    assert plain(content) == words


def test_what_an_earlier_release_stored_is_read() -> None:
    assert from_json('{"text":"hola","type":"text"}') == Text("hola")
    stored_then = '{"files":[{"ref":"r","content_type":"audio/ogg"}],"caption":"","type":"media"}'
    assert from_json(stored_then) == Media((File("r", "audio/ogg"),))


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("image/png", "image"),
        ("audio/ogg", "audio"),
        ("video/mp4", "video"),
        ("application/pdf", "document"),
        ("", "document"),
    ],
)
def test_a_file_is_shown_as_its_type_says(content_type: str, kind: str) -> None:
    assert File("r", content_type).kind == kind
    assert File("r", content_type, sticker=True).kind == "sticker"


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800b", "\udfff\x00"])
def test_what_postgres_cannot_store_is_replaced(text: str) -> None:
    content = from_json(stored(Media((File("r"),), text)))
    assert isinstance(content, Media)
    assert content.caption == text.translate(dict.fromkeys([0, 0xD800, 0xDFFF], "�"))
