"""What a tenant may set of its page: how it looks, what it says, when it is open, who may embed it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from typing import Annotated, Literal, NamedTuple, Self, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StringConstraints

_DAY, _WEEK = 24 * 60, 7 * 24 * 60  # minutes
_Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
_WEEKDAYS = get_args(_Weekday)

_RANGE = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)")
_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})+"
_PORT = r"(?::[0-9]{1,5})?"
_ORIGIN = re.compile(rf"(?:https://{_HOST}|http://(?:(?:{_LABEL}\.)*localhost|127\.0\.0\.1)){_PORT}")
_LOGO = re.compile(rf"(https://{_HOST}{_PORT})/\S*", re.ASCII)


class _Hours(NamedTuple):
    """Opening hours of a day in minutes after midnight; an end that is not later is on the next day."""

    begin: int
    end: int

    @classmethod
    def read(cls, written: object) -> Self:
        found = _RANGE.fullmatch(written) if isinstance(written, str) else None
        if not found:
            raise ValueError('write hours like "09:00-18:30"')
        begin = int(found[1]) * 60 + int(found[2])
        end = int(found[3]) * 60 + int(found[4]) if found[3] else _DAY
        if begin == end:
            raise ValueError('the hours end when they begin; write "00:00-24:00" for the whole day')
        return cls(begin, end)

    def __str__(self) -> str:
        return "–".join(f"{minute // 60:02}:{minute % 60:02}" for minute in self)

    def contain(self, minute: int) -> bool:
        """Whether `minute`, counted from the day's midnight through the week, is within."""
        return (minute - self.begin) % _WEEK < ((self.end - self.begin) % _DAY or _DAY)


def _origin(written: object) -> str:
    if not isinstance(written, str) or not _ORIGIN.fullmatch(written):
        raise ValueError('write an origin like "https://www.example.com", without a path')
    return written


def _logo(written: object) -> str:
    if not isinstance(written, str) or not _LOGO.fullmatch(written):
        raise ValueError('write the address of a picture like "https://www.example.com/logo.png"')
    return written


def _https(written: object) -> str:
    if not isinstance(written, str) or urlsplit(written).scheme != "https" or not urlsplit(written).hostname:
        raise ValueError('write an address like "https://www.example.com/privacy"')
    return written


def is_origin(written: str) -> bool:
    """Whether it is one of https, and nothing that would say more in a header."""
    return _LOGO.fullmatch(f"{written}/") is not None


_Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
_Long = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
_Range = Annotated[_Hours, PlainValidator(_Hours.read, json_schema_input_type=str)]


class WebSettings(BaseModel):
    """A tenant's page. Nothing is needed: what is not set, the page says in the tenant's language."""

    model_config = ConfigDict(extra="forbid")

    title: _Short | None = Field(default=None, description="The page's name; none: the tenant's.")
    colour: Annotated[str, StringConstraints(pattern=r"\A#[0-9a-fA-F]{6}\z")] = "#0b6e4f"
    logo: Annotated[str, BeforeValidator(_logo)] | None = None
    greeting: _Long | None = Field(default=None, description="Said before anybody writes.")
    quick_answers: list[_Short] = Field(default=[], max_length=8, description="What one may want to write.")
    hours: dict[_Weekday, list[_Range]] = Field(
        default={}, description="In the tenant's time zone; a day that is not named is closed."
    )
    closed_text: _Long | None = Field(default=None, description="Said outside of the hours.")
    origins: list[Annotated[str, BeforeValidator(_origin)]] = Field(
        default=[], max_length=20, description="The sites that may show the page within theirs."
    )
    privacy: _Long | None = Field(default=None, description="What becomes of what is written.")
    privacy_url: Annotated[str, BeforeValidator(_https)] | None = None

    @property
    def logo_origin(self) -> str | None:
        found = _LOGO.fullmatch(self.logo) if self.logo else None
        return found[1] if found else None

    @property
    def week(self) -> list[list[_Hours]]:
        """The hours of each day, Monday first."""
        return [sorted(self.hours.get(day, [])) for day in _WEEKDAYS]

    def opens_after(self, moment: datetime, zone: tzinfo) -> tuple[int, _Hours] | None:
        """The next hours to begin, and in how many days; None where it never opens."""
        now = moment.astimezone(zone)
        for days in range(8):
            for hours in self.week[(now.weekday() + days) % 7]:
                if days or hours.begin > now.hour * 60 + now.minute:
                    return days, hours
        return None

    def changes_after(self, moment: datetime, zone: tzinfo) -> timedelta | None:
        """How long it stays open, or closed, from that moment on; None: for ever."""
        now = moment.astimezone(zone)
        minute = now.weekday() * _DAY + now.hour * 60 + now.minute
        edges = {(edge - minute) % _WEEK or _WEEK for edge in self._edges()}
        begun = timedelta(seconds=now.second, microseconds=now.microsecond)
        rests = (timedelta(minutes=ahead) - begun for ahead in sorted(edges))
        before = self.open_at(moment, zone)
        return next((rest for rest in rests if self.open_at(moment + rest, zone) is not before), None)

    def _edges(self) -> Iterator[int]:
        """The minutes of the week at which hours begin or end."""
        for day, listed in self.hours.items():
            for begin, end in listed:
                begins = _WEEKDAYS.index(day) * _DAY + begin
                yield from (begins, begins + ((end - begin) % _DAY or _DAY))

    def open_at(self, moment: datetime, zone: tzinfo) -> bool | None:
        """Whether it is open at that moment; None where no hours are set."""
        if not self.hours:
            return None
        now = moment.astimezone(zone)
        minute = now.weekday() * _DAY + now.hour * 60 + now.minute
        return any(
            hours.contain(minute - _WEEKDAYS.index(day) * _DAY)
            for day, listed in self.hours.items()
            for hours in listed
        )
