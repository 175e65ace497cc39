"""What is sent and read to try a channel: a content of each kind, and what of it must be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conserje.contract.limits import Limits
from conserje.contract.message import (
    Button,
    Buttons,
    ContactCard,
    Content,
    File,
    List,
    Location,
    Media,
    Pressed,
    Reaction,
    Row,
    Template,
    Text,
)

TEXT = "¿Tienen café? ☕ 100% ñandú & té + más"
FILE_URL = "https://tienda.bot.example/files/71/vitrina.jpg"
FILE_BYTES = b"\xff\xd8\xff\xe0 a picture of the window " * 400

_MOST = 20  # choices of one message
_PLACE = Location(-33.4372, -70.6506, "Tienda central", "Alameda 100")

CONTENTS: Mapping[str, Content] = {
    "text": Text(TEXT),
    "media": Media((File(FILE_URL, "image/jpeg", "vitrina.jpg"),), "La vitrina nueva"),
    "location": _PLACE,
    "contact_card": ContactCard("Eva Soto", ("+56944444444",), ("eva@correo.example",)),
    "reaction": Reaction("mensaje-anterior-1", "👍"),
    "template": Template("pedido_listo", "es", ("Ana", "mañana"), "Hola Ana, tu pedido llega mañana."),
    "pressed": Pressed("cafe-molido-1", "Café molido"),
}


def buttons(limits: Limits) -> Buttons:
    """As many and as long as the channel says that it takes."""
    choices = (
        Button(_long(f"b{n}-", limits.button_id), _long(f"Opcion{n} ", limits.button_title))
        for n in range(1, min(limits.buttons, _MOST) + 1)
    )
    return Buttons(_long("Elige uno: ", limits.body), tuple(choices))


def rows(limits: Limits) -> List:
    """The same for rows."""
    choices = (
        Row(
            _long(f"r{n}-", limits.button_id),
            _long(f"Opcion{n} ", limits.row_title),
            _long(f"Caja{n} ", limits.row_description),
        )
        for n in range(1, min(limits.rows, _MOST) + 1)
    )
    return List(_long("Elige uno: ", limits.body), tuple(choices))


def longest(limits: Limits) -> Text:
    """A text as long as the channel says that it takes."""
    return Text(_long("Principio, ", limits.text - 4, 20_000) + " fin")


def _long(beginning: str, length: int, most: int = 1000) -> str:
    """ASCII, so that it is as long in characters as in bytes, and without a space at its end."""
    long = min(length, most)
    return (beginning + "palabra-" * (long // 8 + 1))[:long].rstrip()


def wanted(content: Content) -> Iterator[str]:
    """The words of a content that its receiver must see, and the ids that must come back."""
    match content:
        case Text(text=text):
            yield text
        case Buttons(text=text, buttons=choices):
            yield from (text, *(part for each in choices for part in (each.id, each.title)))
        case List(text=text, rows=choices):
            yield from (
                text,
                *(part for each in choices for part in (each.id, each.title, each.description) if part),
            )
        case Media(caption=caption):
            yield from filter(None, (caption,))
        case _:
            yield from _of_thing(content)


def _of_thing(content: Content) -> Iterator[str]:
    match content:
        case Location(latitude=latitude, longitude=longitude, name=name):
            yield from (f"{abs(latitude):g}", f"{abs(longitude):g}", *filter(None, (name,)))
        case ContactCard(name=name, phones=phones, emails=emails):
            yield from (name, *phones, *emails)
        case Reaction(to=to, emoji=emoji):
            yield from (to, emoji)
        case Template(name=name, values=values):
            yield from (name, *values)
