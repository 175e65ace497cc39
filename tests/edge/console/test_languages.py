"""What the console says is said in Spanish and Portuguese, too, with money as a country has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from catalogues import AREAS, TRANSLATED, faults, translated

from conserje.tenants.tenants import Tenant
from conserje_edge.console import formats
from conserje_edge.console.languages import catalogue, chosen, speech

NOON = datetime(2025, 3, 4, 15, 5, tzinfo=UTC)


@pytest.mark.parametrize("language", TRANSLATED)
@pytest.mark.parametrize("area", AREAS)
def test_every_sentence_is_translated_and_none_is_left_over(area: str, language: str) -> None:
    """`python tests/catalogues.py` brings the catalogues in line; then the translations are to be written."""
    assert faults(area, language) == []


def test_sentences_of_two_areas_say_the_same() -> None:
    """One catalogue is made of all: of two translations the last would be everybody's."""
    for language in TRANSLATED:
        seen: dict[object, tuple[object, str]] = {}
        for area in AREAS:
            for each in translated(area, language):
                if each.id:
                    first, where = seen.setdefault(each.id, (each.string, area))
                    assert first == each.string, f"{each.id!r} in {where} and {area}"


@pytest.mark.parametrize(
    ("given", "own", "accepted", "language"),
    [
        ("pt", "es", "en", "pt"),
        ("xx", "es", "en", "es"),
        (None, None, "en-GB,es;q=0.9", "en"),
        (None, None, "fr, pt-BR;q=0.1", "pt"),
        (None, None, "es;q=0, en;q=x, de", "es"),
        (None, None, "", "es"),
    ],
)
def test_a_language_is_chosen(given: str | None, own: str | None, accepted: str, language: str) -> None:
    assert chosen(given, own, accepted) == language


def of(**columns: Any) -> Tenant:
    values = {"locale": "es-CL", "currency": "CLP", "time_zone": "America/Santiago"} | columns
    made = object.__new__(Tenant)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


@pytest.mark.parametrize(
    ("language", "tenant", "money", "time"),
    [
        ("es", of(), "$38.990", "12:05"),
        ("en", of(), "$38.990", "12:05"),
        ("pt", of(locale="pt-BR", currency="BRL", time_zone="America/Sao_Paulo"), "R$\xa038.990,00", "12:05"),
        ("es", of(locale="es", time_zone="America/Lima", currency="PEN"), "S/\xa038,990.00", "10:05"),
    ],
)
def test_money_and_times_are_the_country_s(language: str, tenant: Tenant, money: str, time: str) -> None:
    there = speech(language, tenant)
    assert formats.money(there, 38990, tenant.currency) == money
    assert formats.clock(there, NOON) == time


def test_what_costs_less_than_a_cent_is_not_nothing() -> None:
    assert formats.money(speech("en"), Decimal("0.0014"), "USD") == "$0.0014"


def test_durations_are_short() -> None:
    said = [formats.lasting(speech("es"), timedelta(seconds=each)) for each in (20, 300, 7200, 200_000)]
    assert said == ["1 min", "5 min", "2 h", "2 d"]


def test_catalogues_are_read() -> None:
    assert catalogue("es").gettext("Sign out") == "Salir"
