"""What a tenant may set of its page: how it looks, what it says, when it is open, who may embed it."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, PlainValidator, StringConstraints

from conserje import Opening
from conserje.kit import Closed

_Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})+"
_PORT = r"(?::[0-9]{1,5})?"
_ORIGIN = re.compile(rf"(?:https://{_HOST}|http://(?:(?:{_LABEL}\.)*localhost|127\.0\.0\.1)){_PORT}")
_OWN = re.compile(r"/pictures/[0-9a-f]{32}\.(?:jpg|png|webp|gif)")  # kept by core, shown at the page's host
_LOGO = re.compile(rf"(https://{_HOST}{_PORT})/\S*", re.ASCII)


def _origin(written: object) -> str:
    if not isinstance(written, str) or not _ORIGIN.fullmatch(written):
        raise ValueError('write an origin like "https://www.example.com", without a path')
    return written


def _logo(written: object) -> str:
    if not isinstance(written, str) or not (_LOGO.fullmatch(written) or _OWN.fullmatch(written)):
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
_Range = Annotated[Opening, PlainValidator(Opening.read, json_schema_input_type=str)]


class WebSettings(Closed):
    """A tenant's page. Nothing is needed: what is not set, the page says in the tenant's language."""

    title: _Short | None = Field(default=None, description="The page's name; none: the tenant's.")
    colour: Annotated[str, StringConstraints(pattern=r"\A#[0-9a-fA-F]{6}\z")] = "#0b6e4f"
    logo: Annotated[str, BeforeValidator(_logo)] | None = None
    greeting: _Long | None = Field(default=None, description="Said before anybody writes.")
    quick_answers: list[_Short] = Field(default=[], max_length=8, description="What one may want to write.")
    hours: dict[_Weekday, list[_Range]] = Field(
        default={}, description="The tenant's week: what is written here is what `knowledge set` writes."
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
