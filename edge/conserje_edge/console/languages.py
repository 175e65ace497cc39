"""Languages: what a person reads the console in, and how a tenant's country writes times and money."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import get_global
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from conserje.tenants.tenants import Tenant

FOLDER = Path(__file__).with_name("locale")
OWN = "en"  # the sentences in the code
LANGUAGES = {"es": "Español", "pt": "Português", OWN: "English"}
DEFAULT = "es"


def N_(text: str) -> str:
    """Mark a sentence that is translated where it is shown."""
    return text


@dataclass(frozen=True, slots=True)
class Speech:
    """One person's language, and the country and the time zone of what they look at."""

    language: str
    locale: Locale  # of dates: the language as it is spoken there
    country: Locale  # of numbers and money: as they are written there
    zone: ZoneInfo

    def gettext(self, text: str) -> str:
        return catalogue(self.language).gettext(text)

    def ngettext(self, one: str, many: str, number: int) -> str:
        return catalogue(self.language).ngettext(one, many, number)


def speech(language: str, tenant: Tenant | None = None) -> Speech:
    """How to speak to somebody who looks at a tenant; without one, at the installation."""
    if tenant is None:
        return Speech(language, _locale(language), _locale(language), ZoneInfo("UTC"))
    own, _, territory = tenant.locale.partition("-")
    territory = territory or get_global("zone_territories").get(tenant.time_zone, "")
    return Speech(language, _locale(language, territory), _locale(own, territory), ZoneInfo(tenant.time_zone))


@cache
def _locale(language: str, territory: str = "") -> Locale:
    """The language as it is spoken in the territory, where anybody says how that is."""
    given = Locale.negotiate([f"{language}_{territory}", language], _known())
    return given or Locale(DEFAULT)


@cache
def _known() -> list[str]:
    from babel.localedata import locale_identifiers

    return locale_identifiers()


def chosen(given: str | None, of_person: str | None, accepted: str) -> str:
    """The language that is asked for, else the person's, else the browser's."""
    for each in (given, of_person):
        if each in LANGUAGES:
            return str(each)
    wanted = Locale.negotiate(_by_liking(accepted), list(LANGUAGES), sep="-")
    return wanted.language if wanted else DEFAULT


def _by_liking(accepted: str) -> list[str]:
    """The tags of an Accept-Language, most liked first; what cannot be read is not liked."""
    liked: list[tuple[float, str]] = []
    for part in accepted[:200].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            liked.append((-float(quality or 1), tag))
        except ValueError:
            continue
    return [tag for quality, tag in sorted(liked, key=lambda each: each[0]) if quality]


@cache
def catalogue(language: str) -> NullTranslations:
    """What the areas say in a language, read from their files once."""
    read = Translations()
    for path in sorted((FOLDER / language).glob("*.po")):
        read.merge(_read(path, language))
    return read


def _read(path: Path, language: str) -> Translations:
    with path.open("rb") as file:
        said: Catalog = read_po(file, locale=language)
    compiled = io.BytesIO()
    write_mo(compiled, said)
    compiled.seek(0)
    return Translations(compiled)
