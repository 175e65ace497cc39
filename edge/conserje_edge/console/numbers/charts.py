"""Charts: the arithmetic of what templates draw as SVG; each has its table beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

HEIGHT = 100.0  # of a chart, in its own units; its width is a step for each day
STEP, GAP = 10.0, 2.0
SHADES = 5  # of a heat map
HOURS = range(24)


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a day's bar."""

    day: date
    x: float
    y: float
    height: float
    series: int  # from 1
    value: float


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars by day, one part on the other."""

    width: float
    most: float  # what the highest bar or point stands for
    bars: list[Bar]
    line: str  # the days before, point by point; empty where they are not shown

    @property
    def bar_width(self) -> float:
        return STEP - GAP


def stacked(days: Sequence[date], *series: Mapping[date, float], before: Sequence[float] = ()) -> Bars:
    """The bars of these days, the first series at the bottom; a line for as many days before."""
    most = max((*(sum(each.get(day, 0) for each in series) for day in days), *before), default=0)
    bars = []
    for n, day in enumerate(days):
        top = HEIGHT
        for number, each in enumerate(series, 1):
            height = HEIGHT * each.get(day, 0) / most if most else 0.0
            top -= height
            if height:
                x = n * STEP + GAP / 2
                bars.append(Bar(day, x, round(top, 2), round(height, 2), number, each[day]))
    return Bars(len(days) * STEP, most, bars, _line(before, most))


def _line(values: Sequence[float], most: float) -> str:
    heights = (HEIGHT - (HEIGHT * value / most if most else 0) for value in values)
    return " ".join(f"{n * STEP + STEP / 2:g},{round(y, 2):g}" for n, y in enumerate(heights))


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of a weekday: what it comes to, and how dark it is, from 0 to SHADES."""

    hour: int
    value: int
    shade: int


def heat(hours: Mapping[tuple[int, int], int]) -> list[tuple[int, list[Cell]]]:
    """Seven weekdays, Monday is 1, with their 24 hours."""
    most = max(hours.values(), default=0)

    def cell(weekday: int, hour: int) -> Cell:
        value = hours.get((weekday, hour), 0)
        return Cell(hour, value, -(-value * SHADES // most) if most else 0)

    return [(weekday, [cell(weekday, hour) for hour in HOURS]) for weekday in range(1, 8)]
