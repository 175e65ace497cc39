"""Knowledge as tenants write it: JSON, a table with heads, or questions as headings."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conserje.contract.hours import Hours
from conserje.contract.opt_out import bare
from conserje.shop import week_text
from conserje.shop.knowledge import (
    FACTS,
    LONGEST_ANSWER,
    LONGEST_QUESTION,
    MOST_QUESTIONS,
    MOST_WORDINGS,
    KnowledgeError,
    Question,
    Told,
)

LONGEST = 2 * 2**20  # bytes of a list
HEADS = ("topic", "question", "answer", "wordings")

_HEADS = {
    "topic": "tema topico asunto",
    "question": "pregunta pergunta",
    "answer": "respuesta resposta",
    "wordings": "otras_formas otras_palabras variantes outras_formas other_wordings",
}
_MEANT = {name.replace("_", " "): head for head, names in _HEADS.items() for name in (head, *names.split())}
_NAMES = {
    "hours": "horario horarios horario_de_atencion",
    "address": "direccion ubicacion endereco donde_estamos",
    "address.place": "place lugar mapa coordenadas",
    "delivery.where": "delivery despacho despachos envio envios entrega despacho_donde despacho_zonas",
    "delivery.cost": "despacho_costo costo_de_despacho despacho_precio delivery_cost entrega_custo",
    "delivery.time": "despacho_plazo plazo_de_despacho despacho_tiempo delivery_time entrega_prazo",
    "payment": "pago pagos medios_de_pago formas_de_pago pagamento",
    "returns": "devoluciones cambios cambios_y_devoluciones trocas_e_devolucoes",
    "wholesale": "mayorista por_mayor ventas_por_mayor atacado",
    "invoices": "boleta factura facturas boletas boletas_y_facturas nota_fiscal",
}
_TOPICS = {name.replace("_", " "): fact for fact, names in _NAMES.items() for name in (fact, *names.split())}
_PLACE = re.compile(r"-?\d{1,2}(?:\.\d{1,10})?,-?\d{1,3}(?:\.\d{1,10})?")
_SIGNS = re.compile(r"[^\w.]+")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_BETWEEN_WORDINGS = re.compile(r"(?<!\\)[|\n]")
_HEADING = re.compile(r"(#{1,6})[ \t]+(.*)")
_LIKE_HEADING = re.compile(r"\\*#{1,6}[ \t]")  # of an answer; a backslash before it says that it is none


@dataclass(frozen=True, slots=True)
class Written:
    """What a list says; `hours` None: nothing of them."""

    told: Told = field(default_factory=Told)
    hours: Mapping[str, Any] | None = None


def topic_of(name: str) -> str | None:
    """The fact that a name means, in English or Spanish; None: it is none."""
    return _TOPICS.get(_SIGNS.sub(" ", bare(name).lower().replace("_", " ")).strip())


def from_rows(rows: Iterable[tuple[str, str, str, Sequence[str]]]) -> Written:
    """From topic, question, answer and other wordings of each. Raises KnowledgeError."""
    facts: dict[str, str] = {}
    questions: dict[str, Question] = {}
    hours = None
    for topic, question, answer, wordings in rows:
        name = topic_of(topic) if topic else None
        if topic and name is None:
            raise KnowledgeError(f"{topic!r} is no topic: it is one of hours, {', '.join(FACTS)}.")
        if name == "hours":
            hours = opening_hours(answer)
        elif name:
            facts[name] = fact(name, answer)
        else:
            asked = one_question(question, answer, wordings)
            if asked.question in questions:
                raise KnowledgeError(f"The question {asked.question!r} is there twice: keep one.")
            questions[asked.question] = asked
    return _bounded(Written(Told(facts, list(questions.values())), hours))


def from_json(document: object) -> Written:
    """From what `as_json` gives. Raises KnowledgeError."""
    if not isinstance(document, dict):
        raise KnowledgeError('Write {"payment": "...", "questions": [{"question": "...", "answer": "..."}]}.')
    rows: list[tuple[str, str, str, Sequence[str]]] = []
    hours = None
    for name, value in document.items():
        if name == "questions":
            rows += [("", *_asked(each)) for each in _listed(value, "questions")]
        elif name == "hours" and isinstance(value, dict):
            hours = opening_hours(value)
        elif isinstance(value, dict):
            rows += [(_part(name, part), "", said, ()) for part, said in value.items()]
        else:
            rows.append((name, "", value, ()))
    written = from_rows(rows)
    return Written(written.told, hours or written.hours)


def from_csv(text: str) -> Written:
    """Raises KnowledgeError."""
    first = text.partition("\n")[0]
    reader = csv.DictReader(io.StringIO(text), delimiter=max(";,\t", key=first.count))
    heads = {
        head: _MEANT.get(_SIGNS.sub(" ", bare(head).lower().replace("_", " ")).strip())
        for head in _heads(reader)
    }
    if strange := [head for head, meant in heads.items() if meant is None]:
        raise KnowledgeError(f"The column {strange[0]!r} is none of {', '.join(HEADS)}.")
    if "answer" not in heads.values():
        raise KnowledgeError("There is no column answer (respuesta): the first line has the heads.")
    rows = []
    try:
        for row in reader:
            if None in row:
                raise KnowledgeError(f"Line {reader.line_num} has more cells than there are heads.")
            cells = {meant: (row[head] or "").strip() for head, meant in heads.items()}
            if any(cells.values()):
                wordings = [
                    each.replace("\\|", "|") for each in _BETWEEN_WORDINGS.split(cells.get("wordings", ""))
                ]
                rows.append((cells.get("topic", ""), cells.get("question", ""), cells["answer"], wordings))
    except csv.Error as error:
        raise KnowledgeError(f"Line {reader.line_num} cannot be read ({error}).") from None
    return from_rows(rows)


def _heads(reader: csv.DictReader[str]) -> Sequence[str]:
    try:
        return [head for head in reader.fieldnames or () if head.strip()]
    except csv.Error as error:
        raise KnowledgeError(f"The heads cannot be read ({error}).") from None


def from_markdown(text: str) -> Written:
    """A heading is a question or a topic, what follows its answer; a heading right below one of its level is
    another wording. Raises KnowledgeError."""
    rows: list[tuple[str, str, str, Sequence[str]]] = []
    headings: list[tuple[int, str]] = []
    said: list[str] = []
    for line in [*text.splitlines(), "# The end"]:
        found = _HEADING.fullmatch(line.rstrip())
        if not found:
            said.append(line[1:] if line[:1] == "\\" and _LIKE_HEADING.match(line) else line)
            continue
        answer = "\n".join(said).strip()
        if answer and headings:
            rows.append(_headed([title for _, title in headings], answer))
        if answer or (headings and headings[-1][0] != len(found[1])):
            headings = []
        said = []
        headings.append((len(found[1]), found[2].strip()))
    return from_rows(rows)


def _headed(titles: Sequence[str], answer: str) -> tuple[str, str, str, Sequence[str]]:
    first, *others = (title.removeprefix("\\") for title in titles)
    is_topic = topic_of(first) and not titles[0].startswith("\\")
    return (first, "", answer, ()) if is_topic else ("", first, answer, others)


def _heading(title: str, *, is_topic: bool = False) -> str:
    """With a backslash where it would be taken for a topic, or has one."""
    return f"## {title}" if is_topic or not (title[:1] == "\\" or topic_of(title)) else f"## \\{title}"


def _under_heading(answer: str) -> str:
    return "\n".join(f"\\{line}" if _LIKE_HEADING.match(line) else line for line in answer.split("\n"))


def as_json(told: Told, hours: Hours | None) -> dict[str, Any]:
    """All that a tenant has said, as `from_json` takes it."""
    questions = [
        {"question": each.question, "answer": each.answer, "wordings": list(each.wordings)}
        for each in told.questions
    ]
    return ({"hours": hours.written()} if hours else {}) | dict(told.facts) | {"questions": questions}


def as_rows(told: Told, hours: Hours | None) -> list[dict[str, str]]:
    """The same by the heads of a table."""
    rows = [("hours", "", hours_text(hours), "")] if hours else []
    rows += [(name, "", said, "") for name, said in told.facts.items()]
    rows += [
        ("", each.question, each.answer, " | ".join(w.replace("|", "\\|") for w in each.wordings))
        for each in told.questions
    ]
    return [dict(zip(HEADS, row, strict=True)) for row in rows]


def as_markdown(told: Told, hours: Hours | None) -> str:
    """The same with headings."""
    week = hours_text(hours) if hours else ""
    facts = {"hours": week, **told.facts} if week else told.facts
    parts = [f"{_heading(name, is_topic=True)}\n\n{_under_heading(said)}" for name, said in facts.items()]
    for each in told.questions:
        titles = "\n".join(_heading(title) for title in (each.question, *each.wordings))
        parts.append(f"{titles}\n\n{_under_heading(each.answer)}")
    return "\n\n".join(parts)


def hours_text(hours: Hours) -> str:
    """As `week_text` reads it."""
    written = hours.written()
    days = {**written["week"], **written["exceptions"]}
    return "; ".join(f"{day} {' '.join(ranges) or 'closed'}" for day, ranges in days.items())


def fact(name: str, said: object) -> str:
    """What is said of a fact. Raises KnowledgeError."""
    text = _text(said, name, LONGEST_ANSWER)
    if name == "address.place" and not _PLACE.fullmatch(text := text.replace(" ", "")):
        raise KnowledgeError(f"{text!r} is no place: write latitude and longitude, like -33.4372,-70.6506.")
    return text


def one_question(question: object, answer: object, wordings: Iterable[object]) -> Question:
    """Raises KnowledgeError."""
    asked = _line(question, "A question")
    others = [_line(each, f"A wording of {asked!r}") for each in wordings if str(each).strip()]
    if len(others) > MOST_WORDINGS:
        raise KnowledgeError(f"{asked!r} has {len(others)} other wordings, and at most {MOST_WORDINGS}.")
    return Question(asked, _text(answer, f"The answer to {asked!r}", LONGEST_ANSWER), tuple(others))


def _line(value: object, what: str) -> str:
    """A text of one line, as a heading is."""
    return _text(" ".join(value.split()) if isinstance(value, str) else value, what, LONGEST_QUESTION)


def _text(value: object, what: str, longest: int) -> str:
    text = "\n".join(value.strip().splitlines()) if isinstance(value, str) else ""
    if not 0 < len(text) <= longest or _UNSTORABLE.search(text):
        raise KnowledgeError(f"{what} is a text of 1 to {longest} characters.")
    return text


def opening_hours(written: Any) -> Mapping[str, Any]:
    """Hours as people or lists write them. Raises KnowledgeError."""
    try:
        hours = week_text.read(written) if isinstance(written, str) else written
        return Hours.read(hours).written()
    except (ValueError, AttributeError, TypeError) as error:
        raise KnowledgeError(f"hours: {error}.") from None


def _asked(each: object) -> tuple[Any, Any, Sequence[Any]]:
    if not isinstance(each, dict):
        raise KnowledgeError(
            'A question is written {"question": "...", "answer": "...", "wordings": ["..."]}.'
        )
    if strange := [name for name in each if name not in HEADS[1:]]:
        raise KnowledgeError(f"A question's {strange[0]!r} is none of {', '.join(HEADS[1:])}.")
    return each.get("question"), each.get("answer"), _listed(each.get("wordings") or [], "wordings")


def _listed(value: object, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise KnowledgeError(f"{name} is a list.")
    return value


def _part(name: str, part: str) -> str:
    return f"{name}.{part}" if f"{name}.{part}" in FACTS else f"{name} {part}"


def _bounded(written: Written) -> Written:
    if (there := len(written.told.questions)) > MOST_QUESTIONS:
        raise KnowledgeError(f"A tenant has at most {MOST_QUESTIONS} questions, and these are {there}.")
    return written


def read(name: str, content: bytes) -> Written:
    """A list by its file's name. Raises KnowledgeError."""
    if len(content) > LONGEST:
        raise KnowledgeError(f"{name} has {len(content)} bytes, and a list at most {LONGEST}.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise KnowledgeError(f"{name} is not UTF-8: save it as UTF-8, in Excel as `CSV UTF-8`.") from None
    match name.rpartition(".")[2].lower():
        case "json":
            try:
                return from_json(json.loads(text))
            except (json.JSONDecodeError, RecursionError) as error:
                raise KnowledgeError(f"{name} is not JSON: {error}.") from None
        case "csv":
            return from_csv(text)
        case "md":
            return from_markdown(text)
        case _:
            raise KnowledgeError(f"{name} is none of .json, .csv and .md: save it as one of them.")
