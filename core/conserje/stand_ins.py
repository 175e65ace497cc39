"""What plugins are handed, without a database: for their tests, by the names of `conserje.testing`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

from conserje.contract.assistant import Known, Match, NoAnswer, Offer, Product, Result, Tenant, Utterance
from conserje.contract.hours import Hours
from conserje.contract.message import Text
from conserje.contract.tool import Lead
from conserje.shop import written
from conserje.shop.answers import Answers
from conserje.shop.search import Catalogue


class GivenProducts:
    """A tenant's products without a database."""

    def __init__(self, products: Sequence[Product] = ()) -> None:
        self._products = sorted(products, key=lambda product: product.name)
        self._catalogue = Catalogue(self._products)

    async def all(self) -> list[Product]:
        return list(self._products)

    async def search(self, text: str, limit: int = 5) -> list[Match]:
        return self._catalogue.search(text, limit)


class GivenKnowledge:
    """A tenant's knowledge without a database: what each text finds."""

    def __init__(self, found: Mapping[str, Sequence[Known]] | None = None) -> None:
        self._found = found or {}

    async def search(self, text: str) -> Sequence[Known]:
        return self._found.get(text, ())


class GivenTools:
    """Tools that answer what they are given to; `called` is what was asked of them."""

    def __init__(self, offers: Sequence[Offer] = (), results: Mapping[str, Result] | None = None) -> None:
        self.offers = offers
        self.called: list[tuple[str, Mapping[str, Any] | str]] = []
        self._results = results or {}

    async def call(self, name: str, arguments: Mapping[str, Any] | str) -> Result:
        self.called.append((name, arguments))
        return self._results.get(name) or Result("There is no such tool.", failed=True)


class GivenLeads:
    """Leads without a database; `opened` is what was."""

    def __init__(self, *, full: bool = False) -> None:
        self.opened: list[Lead] = []
        self._full = full

    async def open(self, lead: Lead) -> bool:
        if not self._full:
            self.opened.append(lead)
        return not self._full


class GivenBudget:
    """A budget that counts, and that may be empty."""

    def __init__(self, *, empty: bool = False) -> None:
        self.spent: list[tuple[str, Mapping[str, int]]] = []
        self.estimated: list[tuple[str, Mapping[str, int]]] = []  # of calls that were cut off
        self._empty = empty

    async def check(self) -> None:
        if self._empty:
            raise NoAnswer("The budget is spent.")

    async def spend(self, model: str, usage: Mapping[str, int], *, estimated: bool = False) -> None:
        (self.estimated if estimated else self.spent).append((model, usage))


class SearchedKnowledge:
    """What a tenant has written, as `conserje knowledge import` takes it, searched without a database.

    `now` is in the tenant's time zone.
    """

    def __init__(self, knowledge: Mapping[str, Any], tenant: Tenant, now: datetime) -> None:
        given = written.from_json(dict(knowledge))
        self._answers = Answers(given.told)
        self._tenant = replace(tenant, hours=Hours.read(given.hours)) if given.hours else tenant
        self._now = now

    async def search(self, text: str) -> Sequence[Known]:
        return self._answers.search(text, self._tenant, self._now)


def said(text: str, author: Literal["contact", "assistant"] = "contact") -> Utterance:
    return Utterance(author, Text(text), datetime.now(UTC))
