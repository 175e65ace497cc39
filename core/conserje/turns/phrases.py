"""Phrases to try an assistant by: what a contact writes, and what a right answer to it holds."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from conserje.contract.assistant import Utterance
from conserje.contract.message import Text
from conserje.contract.opt_out import bare
from conserje.contract.prices import PriceError, format_price, price_of
from conserje.errors import OperatorError, first_fault

LONGEST = 2 * 2**20  # bytes of a file

_HEADS = {
    "phrase": "frase mensaje pregunta texto pergunta mensagem",
    "before": "antes mensajes_anteriores",
    "any": "contiene contiene_alguno contem",
    "all": "contiene_todo contem_tudo",
    "none": "no_contiene nao_contem",
    "products": "productos producto produtos",
    "amounts": "montos monto precios precio valores",
    "hand_over": "persona pasa_a_persona pessoa",
    "tenant": "tienda loja",
    "right": "correcto nota comentario",
}
_MEANT = {name: head for head, names in _HEADS.items() for name in (head, *names.split())}
_DECIDED = {
    **dict.fromkeys(("si", "yes", "sim"), True),
    **dict.fromkeys(("no", "nao"), False),
    **dict.fromkeys(("tambien", "tambem"), "or"),
}


class PhrasesError(OperatorError):
    """A file of phrases cannot be read; the text names the place and what is wrong."""


class Sought(NamedTuple):
    """What is looked for in a folded answer, and how it was written."""

    written: str
    expression: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Phrase:
    """What a contact writes, one after the other, of which the last answer counts; and what that one holds.

    `hand_over` None: it may tell a person or not; "or": where it tells one, nothing else is asked of it.
    """

    texts: tuple[str, ...]
    history: tuple[Utterance, ...] = ()
    any: tuple[Sought, ...] = ()
    all: tuple[Sought, ...] = ()
    none: tuple[Sought, ...] = ()
    products: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()  # as a contact reads them
    hand_over: bool | Literal["or"] | None = None
    tenant: str = ""


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _decided(value: object) -> object:
    return _DECIDED.get(bare_lower(value), value) if isinstance(value, str) else value


_Words = Annotated[str, Field(min_length=1, max_length=5000, pattern=r"^[^\x00]*$")]
_Some = Annotated[list[_Words], BeforeValidator(_listed)]


class _Written(BaseModel):
    """A phrase as a file has it; what is below `right` is for people."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    phrase: _Some
    history: list[Annotated[dict[Literal["contact", "assistant"], _Words], Field(min_length=1)]] = []
    any: _Some = []
    all: _Some = []
    none: _Some = []
    products: _Some = []
    amounts: Annotated[list[str | int | float], BeforeValidator(_listed)] = []
    hand_over: Annotated[bool | Literal["or"] | None, BeforeValidator(_decided)] = None
    tenant: str = ""
    right: object = None
    today: object = None
    grade_today: object = None


def bare_lower(text: str) -> str:
    """In lower case and without accents, with its signs."""
    return "".join(c for letter in text.casefold() for c in bare(letter))


def read(name: str, content: bytes, currency: str) -> list[Phrase]:
    """The phrases of a file, by its name. Raises PhrasesError."""
    if len(content) > LONGEST:
        raise PhrasesError(f"{name} has more than {LONGEST} bytes: divide it.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise PhrasesError(f"{name} is not UTF-8: save it as UTF-8, in Excel as `CSV UTF-8`.") from None
    match name.rpartition(".")[2].lower():
        case "json":
            found = _from_json(name, text, currency)
        case "csv":
            found = _from_csv(text, currency)
        case _:
            raise PhrasesError(f"{name} is neither .json nor .csv: save it as one of them.")
    if not found:
        raise PhrasesError(f"{name} has no phrase: write one.")
    return found


def _from_json(name: str, text: str, currency: str) -> list[Phrase]:
    try:
        document = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise PhrasesError(f"{name} is not JSON: {error}.") from None
    listed = document.get("phrases") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise PhrasesError('Write {"phrases": [{"phrase": "...", "any": ["..."]}]}.')
    return [from_row(row, f"Phrase {n}", currency) for n, row in enumerate(listed, 1)]


def from_row(row: object, place: str, currency: str) -> Phrase:
    """The phrase as JSON has it; what an answer holds is an expression. Raises PhrasesError."""
    return _phrase(row, place, currency, _expression)


def _from_csv(text: str, currency: str) -> list[Phrase]:
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(";,\t", key=first.count))
    found = []
    try:
        heads = {head: _MEANT.get(_head(head), "") for head in reader.fieldnames or () if head.strip()}
        if strange := [head for head, meant in heads.items() if not meant]:
            raise PhrasesError(f"The column {strange[0]!r} is none of {', '.join(_HEADS)}.")
        for row in reader:
            if None in row:
                raise PhrasesError(f"Line {reader.line_num} has more cells than there are heads.")
            cells = {meant: (row[head] or "").strip() for head, meant in heads.items()}
            if any(cells.values()):
                place = f"Line {reader.line_num}"
                found.append(_phrase(_from_cells(cells), place, currency, _words))
    except csv.Error as error:
        raise PhrasesError(f"Line {reader.line_num} cannot be read ({error}).") from None
    return found


def _head(written: str) -> str:
    return "_".join(bare_lower(written).replace("_", " ").split())


def _from_cells(cells: Mapping[str, str]) -> dict[str, Any]:
    """As JSON has it: several of a cell have | between them."""
    row: dict[str, Any] = {head: said for head, said in cells.items() if said}
    for head in ("before", "any", "all", "none", "products", "amounts"):
        if head in row:
            row[head] = [each.strip() for each in row[head].split("|") if each.strip()]
    return row | {"phrase": [*row.pop("before", ()), *([row["phrase"]] if "phrase" in row else ())]}


def _phrase(row: object, place: str, currency: str, sought: Callable[[str], Sought]) -> Phrase:
    """Raises PhrasesError."""
    try:
        written = _Written.model_validate(row)
    except ValidationError as error:
        raise PhrasesError(f"{place}, {first_fault(error)}") from None
    if not written.phrase:
        raise PhrasesError(f"{place}, phrase: it is empty.")
    held = (written.any, written.all, written.none, written.products, written.amounts)
    if not any(held) and written.hand_over is None:
        fields = "any, all, none, products, amounts and hand_over"
        raise PhrasesError(f"{place} does not say what a right answer holds: write one of {fields}.")
    try:
        return Phrase(
            texts=tuple(written.phrase),
            history=_history(written.history),
            any=tuple(map(sought, written.any)),
            all=tuple(map(sought, written.all)),
            none=tuple(map(sought, written.none)),
            products=tuple(written.products),
            amounts=tuple(format_price(price_of(each, currency), currency) for each in written.amounts),
            hand_over=written.hand_over,
            tenant=written.tenant,
        )
    except PriceError as error:
        raise PhrasesError(f"{place}, amounts: {error}") from None
    except re.error as error:
        raise PhrasesError(f"{place}: the expression {error.pattern!r} is wrong: {error.msg}.") from None


def _history(written: Sequence[Mapping[Literal["contact", "assistant"], str]]) -> tuple[Utterance, ...]:
    now = datetime.now(UTC)
    return tuple(Utterance(who, Text(text), now) for said in written for who, text in said.items())


def _words(written: str) -> Sought:
    return Sought(written, re.compile(re.escape(bare_lower(written))))


def _expression(written: str) -> Sought:
    """Accents and case do not matter, and a point is any sign."""
    plain = "".join(map(bare, written))
    return Sought(written, re.compile(plain, re.DOTALL | re.IGNORECASE))
