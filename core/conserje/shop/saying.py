"""What a tenant has said about itself, in words: hours of the day that is asked for, where it is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby, pairwise
from typing import NamedTuple

from conserje.contract.assistant import Topic
from conserje.contract.hours import Hours, Openings
from conserje.contract.language import in_language
from conserje.contract.opt_out import bare


class _Words(NamedTuple):
    """How one language speaks of hours; the names in braces are filled in."""

    days: tuple[str, ...]  # Monday first
    months: tuple[str, ...]
    today: str
    tomorrow: str
    on: tuple[str, ...]  # each day of the week
    date: str
    every: str  # several days in a row
    open: str
    closed: str
    open_now: str
    closed_now: str
    opens: str
    week: str
    begin: str  # before a range
    also: str  # before the last of several
    range: str


_LANGUAGES = {
    "es": _Words(
        days=("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo"),
        months=("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre",
                "octubre", "noviembre", "diciembre"),
        today="Hoy {day}",
        tomorrow="Mañana {day}",
        on=("El {day}",) * 7,
        date="El {day} {number} de {month}",
        every="de {first} a {last}",
        open="{when} abrimos de {hours}.",
        closed="{when} estamos cerrados.",
        open_now="Sí, ahora estamos abiertos, hasta las {time}.",
        closed_now="Ahora estamos cerrados.",
        opens=" Abrimos {when} a las {time}.",
        week="Atendemos {week}.",
        begin="de",
        also=" y ",
        range="{opens} a {closes}",
    ),
    "pt": _Words(
        days=("segunda-feira", "terça-feira", "quarta-feira", "quinta-feira", "sexta-feira", "sábado",
              "domingo"),
        months=("janeiro", "fevereiro", "março", "abril", "maio", "junho", "julho", "agosto", "setembro",
                "outubro", "novembro", "dezembro"),
        today="Hoje, {day},",
        tomorrow="Amanhã, {day},",
        on=("Na {day}",) * 5 + ("No {day}",) * 2,
        date="Em {day}, {number} de {month},",
        every="de {first} a {last}",
        open="{when} abrimos das {hours}.",
        closed="{when} estamos fechados.",
        open_now="Sim, estamos abertos agora, até as {time}.",
        closed_now="Agora estamos fechados.",
        opens=" Abrimos {when} às {time}.",
        week="Atendemos {week}.",
        begin="das",
        also=" e ",
        range="{opens} às {closes}",
    ),
    "en": _Words(
        days=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
        months=("January", "February", "March", "April", "May", "June", "July", "August", "September",
                "October", "November", "December"),
        today="Today, {day},",
        tomorrow="Tomorrow, {day},",
        on=("On {day}",) * 7,
        date="On {day}, {month} {number},",
        every="from {first} to {last}",
        open="{when} we are open from {hours}.",
        closed="{when} we are closed.",
        open_now="Yes, we are open now, until {time}.",
        closed_now="We are closed now.",
        opens=" We open {when} at {time}.",
        week="We are open {week}.",
        begin="from",
        also=" and ",
        range="{opens} to {closes}",
    ),
}  # fmt: skip

_QUESTIONS: Mapping[str, Mapping[Topic, str]] = {
    "es": {
        "hours": "¿Cuál es el horario?", "address": "¿Dónde están?", "delivery": "¿Hacen despachos?",
        "payment": "¿Cómo se puede pagar?", "returns": "¿Se puede cambiar o devolver?",
        "wholesale": "¿Venden por mayor?", "invoices": "¿Dan boleta o factura?",
    },
    "pt": {
        "hours": "Qual é o horário?", "address": "Onde fica?", "delivery": "Fazem entregas?",
        "payment": "Como posso pagar?", "returns": "Posso trocar ou devolver?",
        "wholesale": "Vendem no atacado?", "invoices": "Emitem nota fiscal?",
    },
    "en": {
        "hours": "What are your hours?", "address": "Where are you?", "delivery": "Do you deliver?",
        "payment": "How can I pay?", "returns": "Can I return it?",
        "wholesale": "Do you sell wholesale?", "invoices": "Do you give invoices?",
    },
}  # fmt: skip

_WEEKDAYS = {
    name: day
    for day, names in enumerate(
        ("lunes segunda monday", "martes terca tuesday", "miercoles quarta wednesday",
         "jueves quinta thursday", "viernes sexta friday", "sabado sabados saturday saturdays",
         "domingo domingos sunday sundays")
    )
    for name in names.split()
}  # fmt: skip
_ARTICLES = {"el", "dia", "o", "the"}
_MONTHS = frozenset(name for words in _LANGUAGES.values() for name in words.months)
_WEEKEND = {"finde", "weekend", "weekends", "semana"}
_HOLIDAYS = {"feriado", "feriados", "festivo", "festivos", "holidays"}
_NAMED = {"navidad": (12, 25), "natal": (12, 25), "christmas": (12, 25), "nochebuena": (12, 24)}  # month, day
_NOW = {"ahora", "now", "agora", "aun", "todavia", "siguen", "sigue"}
_TODAY, _TOMORROW = {"hoy", "hoje", "today"}, {"mañana", "manana", "amanha", "tomorrow"}
_OF_DAY = {"almuerzo", "mediodia", "colacion", "almorzar", "siesta", "noche"}  # not just now
_STATE = {"abierto", "abiertos", "cerrado", "cerrados", "open", "closed", "abertos", "atendiendo"}
_NUMBER = re.compile(r"[12]?\d|3[01]")
_AHEAD = 14  # days in which an exception is worth saying


def question(topic: Topic, locale: str) -> str:
    return in_language(_QUESTIONS, locale)[topic]


def address(facts: Mapping[str, str], locale: str) -> str:
    """Where it is, with a link to the map where it has named the place; nothing where it has not said."""
    said = facts.get("address", "")
    if place := facts.get("address.place"):
        said = f"{said} https://maps.google.com/?q={place}".strip()
    return said


def hours(hours: Hours, asked: Sequence[str], locale: str, now: datetime) -> str:
    """The hours of the days that these words ask for, else of the week; nothing where it has not said."""
    words = in_language(_LANGUAGES, locale)
    asked = _without_mornings(asked)
    folded = {each if each == "mañana" else bare(each) for each in asked}
    for month, day in (_NAMED[name] for name in sorted(folded & _NAMED.keys())):
        named = _date(now.date(), month, day)
        return _of_day(hours, named, words, now) if named in hours.exceptions and named else ""
    if folded & _HOLIDAYS:
        return " ".join(_of_day(hours, day, words, now) for day in _exceptions(hours, now))
    days = _days(folded, asked, now)
    if days and days != [now.date()]:
        return " ".join(_of_day(hours, day, words, now) for day in days)
    if folded & _NOW or (
        folded & _TODAY and {"abierto", "abiertos", "open"} & folded and "hora" not in folded
    ):
        return state(hours, locale, now)
    if days:
        return " ".join(_of_day(hours, day, words, now) for day in days)
    if folded & _STATE and not folded & _OF_DAY:
        return state(hours, locale, now)
    return _week(hours, words, now)


def _without_mornings(asked: Sequence[str]) -> list[str]:
    """Of "mañana en la mañana" the first one: the second is a time of the day."""
    before = ("", *asked)
    return [word for n, word in enumerate(asked) if not (before[n] == "la" and bare(word) == "manana")]


def state(hours: Hours, locale: str, now: datetime) -> str:
    """Whether it is open, and until when, or when it opens."""
    words = in_language(_LANGUAGES, locale)
    if opening := hours.now(now):
        return words.open_now.format(time=opening.closes)
    return words.closed_now + _opens(hours, words, now)


def _opens(hours: Hours, words: _Words, now: datetime) -> str:
    if not (found := hours.after(now)):
        return ""
    when = _when(now.date() + timedelta(days=found.days), words, now)
    return words.opens.format(when=when[0].lower() + when[1:], time=found.opening.opens)


def _exceptions(hours: Hours, now: datetime) -> list[date]:
    return [day for day in sorted(hours.exceptions) if 0 <= (day - now.date()).days <= _AHEAD]


def _days(folded: set[str], asked: Sequence[str], now: datetime) -> list[date]:
    """The days that are named, the next ones of their names."""
    today = now.date()
    if folded & _TODAY:
        return [today]
    named = {_WEEKDAYS[word] for word in folded if word in _WEEKDAYS}
    if numbered := _numbered(asked, today):
        named.discard(numbered.weekday())
        return sorted({numbered, *(today + timedelta(days=(day - today.weekday()) % 7) for day in named)})
    if folded & _WEEKEND and ("fin" in folded or "semana" not in folded):
        named |= {5, 6}
    if named:
        return sorted(today + timedelta(days=(day - today.weekday()) % 7) for day in named)
    months = [n for n, name in enumerate(_LANGUAGES["es"].months, 1) if name in folded]
    numbers = [int(word) for word in asked if _NUMBER.fullmatch(word) and int(word)]
    if months and numbers:
        return [day for day in [_date(today, months[0], numbers[0])] if day]
    if folded & _TOMORROW:
        return [today + timedelta(days=2 if "pasado" in folded else 1)]
    return []


def _numbered(asked: Sequence[str], today: date) -> date | None:
    """The next day of a number that stands for one: "el 24", "el martes 8"; its month is not said."""
    for before, word in pairwise(asked):
        is_day = bare(before) in _WEEKDAYS or before in _ARTICLES
        if is_day and _NUMBER.fullmatch(word) and int(word) and not _MONTHS & set(asked):
            days = (today + timedelta(days=ahead) for ahead in range(62))
            return next((day for day in days if day.day == int(word) and _is_the(before, day)), None)
    return None


def _is_the(named: str, day: date) -> bool:
    """Whether the day is one of that weekday, where one is named."""
    return _WEEKDAYS.get(bare(named), day.weekday()) == day.weekday()


def _date(today: date, month: int, number: int) -> date | None:
    for year in (today.year, today.year + 1):
        try:
            day = date(year, month, number)
        except ValueError:
            return None
        if day >= today:
            return day
    return None


def _of_day(hours: Hours, day: date, words: _Words, now: datetime) -> str:
    when = _when(day, words, now)
    if openings := hours.on(day):
        return words.open.format(when=when, hours=_ranges(openings, words))
    return words.closed.format(when=when)


def _when(day: date, words: _Words, now: datetime) -> str:
    named = words.days[day.weekday()]
    days = (day - now.date()).days
    if days < 2:
        return (words.today, words.tomorrow)[days].format(day=named)
    if days < 7:
        return words.on[day.weekday()].format(day=named)
    return words.date.format(day=named, number=day.day, month=words.months[day.month - 1])


def _ranges(openings: Openings, words: _Words) -> str:
    ranges = (words.range.format(opens=each.opens, closes=each.closes) for each in openings)
    return f"{words.also}{words.begin} ".join(ranges)


def _week(hours: Hours, words: _Words, now: datetime) -> str:
    """Days of the same hours together; the exceptions of the next days after them."""
    parts = []
    for openings, group in groupby(enumerate(hours.days()), key=lambda each: each[1]):
        days = [day for day, _ in group]
        if openings:
            first, last = words.days[days[0]], words.days[days[-1]]
            named = words.every.format(first=first, last=last) if len(days) > 1 else first
            parts.append(f"{named} {words.begin} {_ranges(openings, words)}")
    said = words.week.format(week=_listed(parts, words)) if parts else words.closed_now
    for day in _exceptions(hours, now):
        said += " " + _of_day(hours, day, words, now)
    return said


def _listed(parts: Sequence[str], words: _Words) -> str:
    return words.also.join(filter(None, (", ".join(parts[:-1]), parts[-1])))
