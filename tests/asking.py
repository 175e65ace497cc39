"""The catalog assistant of the demo's shops, and of others, asked without a database."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from conserje import (
    Contact,
    Content,
    Knowledge,
    Nothing,
    Product,
    Reply,
    Tenant,
    Text,
    Turn,
    Utterance,
    plain,
)
from conserje.shop.products import from_row
from conserje.testing import GivenBudget, GivenKnowledge, GivenProducts, GivenTools, SearchedKnowledge
from conserje_catalog import Catalog, CatalogSettings

FOLDER = Path(__file__).parent / "assistants" / "shops"  # of shops of other kinds, with what they are asked


def demo(slug: str) -> dict[str, Any]:
    own = FOLDER / f"{slug}.json"
    there = own if own.exists() else files("conserje_fakes").joinpath(f"demo_data/{slug}.json")
    return dict(json.loads(there.read_text("utf-8")))


def catalogue(slug: str) -> tuple[str, list[Product]]:
    listed = demo(slug)
    return listed["name"], [from_row(row, "CLP") for row in listed["products"]]


@lru_cache
def what_it_says(slug: str, locale: str = "es-CL") -> SearchedKnowledge:
    """What the demo's shop says of itself, on a Monday at noon."""
    tenant = Tenant(slug, SHOPS[slug][0], locale, "CLP", "America/Santiago")
    return SearchedKnowledge(demo(slug)["knowledge"], tenant, MONDAY)


MONDAY = datetime(2026, 11, 30, 12)


DEMO = {slug: catalogue(slug) for slug in ("acme", "bravo", "mundo-canino")}
OTHERS = {path.stem: catalogue(path.stem) for path in sorted(FOLDER.glob("*.json"))}
SHOPS = DEMO | OTHERS


@lru_cache
def _sold(slug: str) -> GivenProducts:
    return GivenProducts(SHOPS[slug][1])


async def ask(
    slug: str,
    *texts: str | Content,
    history: Sequence[Utterance] = (),
    greeting: str | None = None,
    products: Sequence[Product] | GivenProducts | None = None,
    locale: str = "es-CL",
    knowledge: Knowledge | None = None,
    tools: GivenTools | None = None,
) -> Reply:
    name, _ = SHOPS[slug]
    contents = [Text(text) if isinstance(text, str) else text for text in texts]
    if not isinstance(products, GivenProducts):
        products = GivenProducts(products) if products is not None else _sold(slug)
    turn = Turn(
        id=1,
        tenant=Tenant(slug, name, locale, "CLP", "America/Santiago"),
        contact=Contact(1, "Ana"),
        messages=[Utterance("contact", content, datetime.now(UTC)) for content in contents],
        history=history,
        products=products,
        knowledge=knowledge or GivenKnowledge(),
        tools=tools or GivenTools(),
        budget=GivenBudget(),
        credentials=Nothing(),
        settings=CatalogSettings(greeting=greeting),
    )
    return await Catalog(Nothing(), None).reply(turn)  # type: ignore[arg-type]  # it asks no provider


def words(reply: Reply) -> str:
    """What a channel without lists or buttons says."""
    (message,) = reply.messages
    return plain(message)
