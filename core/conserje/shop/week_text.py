"""Hours as people write them: "lunes a viernes 10:00-20:00; sábado 11:00-14:00; 25-12-2026 cerrado"."""

from __future__ import annotations

import re
from typing import Any

from conserje.contract.hours import DAYS, Hours
from conserje.contract.opt_out import bare

_NAMES = {
    name: day
    for day, names in zip(
        DAYS,
        ("lunes lun segunda monday mon", "martes mar terca tuesday tue", "miercoles mie quarta wednesday wed",
         "jueves jue quinta thursday thu", "viernes vie sexta friday fri", "sabado sabados sab saturday sat",
         "domingo domingos dom sunday sun"),
        strict=True,
    )
    for name in names.split()
}  # fmt: skip
_CLOSED = {"cerrado", "cerrados", "fechado", "closed"}
_PART = re.compile(r"[;\n]")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_DATE = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_RANGE = re.compile(r"(\d{1,2}:\d\d)[-–](\d{1,2}:\d\d)")
_TIME = re.compile(r"\d{1,2}:\d\d")
_LINKS = {"a", "to", "ate", "hasta", "until", "al", "-"}
_FILLERS = {"de", "y", "e", "and", "los", "las", "from", "das", "feira", "hrs", "h", "el"}


def read(written: str) -> dict[str, Any]:
    """As `Hours.read` takes it. Raises ValueError."""
    week: dict[str, list[str]] = {}
    exceptions: dict[str, list[str]] = {}
    for part in filter(str.strip, _PART.split(written)):
        days, ranges = _part(part.strip())
        for day in days:
            (week if day in DAYS else exceptions)[day] = ranges
    hours = {"week": week, "exceptions": exceptions}
    Hours.read(hours)
    return hours


def _part(written: str) -> tuple[list[str], list[str]]:
    """The days, or the date, of a part, and their hours. Raises ValueError."""
    days: list[str] = []
    times: list[str] = []
    link, closed = False, False
    for word in bare(written).lower().replace("–", "-").replace("-feira", "").split():
        word = word.strip(",.:()")
        if found := _RANGE.fullmatch(word):
            times += [found[1], found[2]]
        elif _TIME.fullmatch(word):
            times.append(word)
        elif day := _day(word):
            days += _between(days[-1], day) if link and days and day in DAYS else [day]
        elif word in _CLOSED:
            closed = True
        elif word not in _LINKS | _FILLERS and word:
            raise ValueError(f'{written}: {word} is no day; write "lunes a viernes 10:00-20:00"')
        link = word in _LINKS
    if not days or len(times) % 2 or closed == bool(times):
        raise ValueError(f'{written}: write days and hours, like "lunes a viernes 10:00-20:00", or "cerrado"')
    padded = [time.rjust(5, "0") for time in times]
    return days, [f"{a}-{b}" for a, b in zip(padded[::2], padded[1::2], strict=True)]


def _day(word: str) -> str | None:
    if word in _NAMES:
        return _NAMES[word]
    if _ISO.fullmatch(word):
        return word
    if found := _DATE.fullmatch(word):
        return f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}"
    return None


def _between(first: str, last: str) -> list[str]:
    """The days after the first until the last."""
    begin, end = DAYS.index(first), DAYS.index(last)
    return [DAYS[(begin + n) % 7] for n in range(1, (end - begin) % 7 + 1)]
