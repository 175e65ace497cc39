"""How a content is made to fit what a channel carries: the same way for all channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conserje.contract.choices import can_be_told_apart, rows
from conserje.contract.cutting import split
from conserje.contract.language import in_language
from conserje.contract.limits import Limits
from conserje.contract.markup import marked
from conserje.contract.message import (
    Button,
    Buttons,
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
from conserje.contract.plain import line
from conserje.contract.prices import format_price
from conserje.contract.short_ids import can_leave

_ORDERS = {"es": ("Pedido:", "c/u"), "pt": ("Pedido:", "cada"), "en": ("Order:", "each")}


def fit(content: Content, limits: Limits, locale: str = "es") -> list[Content]:
    """`content` as contents that keep to `limits`, none if it says nothing; `locale` is the contact's.

    A file that core keeps stays one, see `linked`.
    """
    match content:
        case Text(text=text, choices=choices, cards=cards):
            shown = cards if "cards" in limits.carries else ()
            return _words(_marked(text, limits), limits, choices, shown)
        case Buttons() | List():
            return _fit_choices(content, limits)
        case Media():
            return _fit_files(content, limits)
        case Location() | ContactCard() | Template() | Order() | Reaction():
            return _fit_thing(content, limits, locale)
        case Pressed(title=said) | Note(text=said):
            return _words(said, limits)
        case Edit(content=edited):
            return fit(edited, limits, locale)
        case Revocation():
            return []
        case _:
            return [content]


def _marked(text: str, limits: Limits) -> str:
    words = marked(text, limits.markup)
    return words if words.strip() else text


def _words(
    text: str, limits: Limits, choices: tuple[Button, ...] = (), cards: tuple[Row, ...] = ()
) -> list[Content]:
    pieces = split(text, limits.text, limits.unit)
    return [*(Text(piece) for piece in pieces[:-1]), *(Text(piece, choices, cards) for piece in pieces[-1:])]


def _fit_choices(content: Buttons | List, limits: Limits) -> list[Content]:
    """Buttons, else a list, else the same with numbers; a price is paid for each message, so it is one."""
    text, choices = _marked(content.text, limits), rows(content)
    if "cards" not in limits.carries:
        choices = tuple(dict.fromkeys(replace(row, picture="", link="") for row in choices))
    if choices and text.strip() and limits.length(text) <= limits.body and can_be_told_apart(choices):
        if isinstance(content, Buttons) and _are_buttons(choices, limits):
            return [Buttons(text, _buttons(choices))]
        if _are_rows(choices, limits):
            return [List(text, choices)]
    numbered = [f"{n}. {line(row)}" for n, row in enumerate(choices, 1)]
    return _words("\n".join(filter(str.strip, (text, *numbered))), limits, _buttons(choices))


def _buttons(choices: Sequence[Row]) -> tuple[Button, ...]:
    return tuple(Button(row.id, row.title) for row in choices)


def _are_buttons(choices: Sequence[Row], limits: Limits) -> bool:
    return len(choices) <= limits.buttons and all(
        limits.length(row.title) <= limits.button_title and can_leave(row.id, limits) for row in choices
    )


def _are_rows(choices: Sequence[Row], limits: Limits) -> bool:
    return len(choices) <= limits.rows and all(
        limits.length(row.title) <= limits.row_title
        and limits.length(row.description) <= limits.row_description
        and can_leave(row.id, limits)
        for row in choices
    )


def _fit_files(content: Media, limits: Limits) -> list[Content]:
    """As many messages as it takes, the words under the first one that shows them, else on their own."""
    files, caption = content.files, _marked(content.caption, limits)
    if "media" not in limits.carries and all(file.ref.startswith("https://") for file in files):
        return _words(_addresses(caption, files), limits)
    size = max(limits.files, 1)
    groups = [files[n : n + size] for n in range(0, len(files), size)]
    shown = [n for n, group in enumerate(groups) if _shows_words(group, caption, limits)]
    if shown and caption.strip():
        return [Media(group, caption if n == shown[0] else "") for n, group in enumerate(groups)]
    return [*(Media(group) for group in groups), *_words(caption, limits)]


def _shows_words(files: Sequence[File], caption: str, limits: Limits) -> bool:
    return limits.length(caption) <= limits.caption and all(file.kind in limits.captions for file in files)


def _addresses(caption: str, files: Sequence[File]) -> str:
    return "\n".join(filter(str.strip, (caption, *(file.ref for file in files))))


def _fit_thing(
    content: Location | ContactCard | Template | Order | Reaction, limits: Limits, locale: str
) -> list[Content]:
    """As it is where the channel carries it and it is whole, else in words."""
    if content.type in limits.carries and _is_whole(content, limits):
        return [content]
    if words := _words(_in_words(content, locale), limits):
        return words
    return [content] if isinstance(content, Template) else []


def _is_whole(content: Location | ContactCard | Template | Order | Reaction, limits: Limits) -> bool:
    match content:
        case Location(name=name, address=address):
            return _is_on_earth(content) and max(map(limits.length, (name, address))) <= limits.body
        case ContactCard():
            return all(
                each.name.strip() and "".join((*each.phones, *each.emails)).strip() for each in content.cards
            )
        case Reaction(to=to):
            return bool(to)
        case _:
            return True


def _is_on_earth(place: Location) -> bool:
    return abs(place.latitude) <= 90 and abs(place.longitude) <= 180


def _in_words(content: Location | ContactCard | Template | Order | Reaction, locale: str) -> str:
    match content:
        case Location(latitude=latitude, longitude=longitude, name=name, address=address):
            place = f"https://www.google.com/maps?q={latitude:.6f},{longitude:.6f}"
            return _lines(name, address, place if _is_on_earth(content) else "")
        case ContactCard():
            return _lines(*(_lines(each.name, *each.phones, *each.emails) for each in content.cards))
        case Template(text=text):
            return text
        case Order(items=items, currency=currency, text=text):
            title, each = in_language(_ORDERS, locale)
            return _lines(title if items else "", *(_ordered(item, currency, each) for item in items), text)
        case Reaction():
            return ""


def _lines(*lines: str) -> str:
    return "\n".join(filter(str.strip, lines))


def _ordered(item: OrderItem, currency: str, each: str) -> str:
    price = "" if item.price is None else f" ({format_price(item.price, currency).strip()} {each})"
    return f"{item.quantity} x {item.product}{price}"


def linked(content: Media, limits: Limits) -> Content:
    """`content`, whose files are named by addresses, as words where the channel carries no files."""
    if "media" in limits.carries:
        return content
    return Text(_addresses(content.caption, content.files))
