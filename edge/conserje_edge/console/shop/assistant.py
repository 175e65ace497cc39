"""Who answers for a shop, how, with which tools and for how much; tried before it is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from conserje.contract.assistant import Utterance
from conserje.contract.message import Text
from conserje.costs.prices import usd
from conserje.errors import OperatorError
from conserje.operations import tenant_change
from conserje.operations.tenant_change import Changes
from conserje.rules import budget
from conserje.rules.budget import Bounds
from conserje.storage.text import clean
from conserje.tenants import tenants
from conserje.turns import grading
from conserje.turns.phrases import Phrase
from conserje.turns.trial import Trial, Tried
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Place, See, Seen, deed, view
from conserje_edge.console.shop import draft as drafts
from conserje_edge.console.shop.draft import Draft
from conserje_edge.wire.answers import Problem
from conserje_edge.wire.rates import MINUTE, Window

LONGEST, REMEMBERED = 1000, 20  # characters of what is tried, and how much of the talk before
_tries = Window(40, 10 * MINUTE)  # of a tenant: each may cost

BOUNDS = {
    "tokens_of_contact": N_("Tokens for one contact in a day"),
    "usd_of_contact": N_("US dollars for one contact in a day"),
    "tokens_of_day": N_("Tokens in a day"),
    "usd_of_day": N_("US dollars in a day"),
    "tokens_of_month": N_("Tokens in a month"),
    "usd_of_month": N_("US dollars in a month, with messages"),
}


class Bound(NamedTuple):
    """What may be spent, what has been, and whose word it is."""

    name: str
    label: str
    most: Decimal | int  # 0: no bound
    spent: Decimal | int | None  # None: it is of each contact
    own: str  # as it is in the field of who may change it
    wrong: str = ""


@view("assistant.change", transaction="tenant")
async def look(asked: Asked) -> Seen:
    """The page; of another assistant, if one is named in the address."""
    return await _page(asked, drafts.kept(asked, asked.query.get("assistant", "")))


async def _page(asked: Asked, draft: Draft, status: int = 200, **values: Any) -> Seen:
    talk = values.get("talk", [])
    told: dict[str, Any] = {
        "draft": draft, "names": drafts.NAMES, "installed": sorted(asked.context.plugins.assistants),
        "unready": "" if draft.wrong else drafts.unready(asked, draft), "tag": drafts.tag_of(asked.tenant),
        "bounds": await _bounds(asked, values.get("wrong_bounds", {})), "talk": talk,
        "remembered": json.dumps(talk), "tried": None, "error": "", "say": "",
        "listeners": tenant_change.listeners(asked.context.plugins),
    }  # fmt: skip
    return Seen("shop/assistant.html", told | values, status)


async def _bounds(asked: Asked, wrong: Mapping[str, str]) -> list[Bound]:
    tenant = asked.tenant
    bounds = Bounds.of(asked.context.settings).over(tenant)
    spent = await budget.spent(asked.context.pool, tenant)
    return [
        Bound(
            name,
            label,
            getattr(bounds, name),
            None if name.endswith("_of_contact") else spent[name],
            asked.given(name) if wrong else _own(getattr(tenant, name)),
            wrong.get(name, ""),
        )
        for name, label in BOUNDS.items()
    ]


def _own(value: Decimal | int | None) -> str:
    return "" if value is None else f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


@deed("assistant.change", transaction="core")
async def keep(asked: Asked) -> See | Seen:
    """Keep who answers, and how."""
    tenant = await tenants.lock(asked.connection, asked.tenant.id)
    assert asked.entry is not None  # the path has {slug}
    asked.entry = replace(asked.entry, tenant=tenant)
    if asked.given("tag") != drafts.tag_of(tenant):
        told = asked._("Somebody else has changed it meanwhile. This is how it is now: change it again.")
        return await _page(asked, drafts.kept(asked), 409, error=told)
    draft = drafts.typed(asked, tenant)
    if draft.wrong:
        return await _page(asked, draft, 422)
    await tenant_change.change(asked.context, asked.connection, tenant.slug, draft.changes)
    asked.of, asked.after = f"assistant {draft.assistant}", _told(draft.changes)
    asked.flash(asked._("This is how you answer from now on."))
    return See(asked.to("assistant"))


def _told(changes: Changes) -> dict[str, Any]:
    return {
        **changes.columns, "settings": dict(changes.assistant_settings), "tools": dict(changes.tools),
    }  # fmt: skip


@deed("assistant.try")
async def attempt(asked: Asked) -> Seen:
    """Ask the assistant as it was typed; nothing is kept, and nothing is sent."""
    draft, say, talk = drafts.typed(asked, asked.tenant), asked.given("say")[:LONGEST], _talk(asked)
    asked.of = f"assistant {draft.assistant}"
    if asked.given("anew"):
        return await _page(asked, draft)
    if draft.wrong:
        return await _page(asked, draft, 422, talk=talk, say=say)
    if not say:
        told = asked._("Write what a customer would write.")
        return await _page(asked, draft, 422, talk=talk, error=told)
    try:
        _tries.admit(asked.tenant.id)
        tried = await _ask(asked, draft, say, talk)
    except Problem:
        told = asked._("That was tried very often just now: wait some minutes.")
        return await _page(asked, draft, 429, talk=talk, say=say, error=told)
    except OperatorError as error:
        return await _page(asked, draft, 422, talk=talk, say=say, error=str(error))
    async with asked.context.pool.acquire() as connection, connection.transaction():
        await asked.audit(connection)
    words = grading.words(tried.reply)
    talk = [*talk, ["contact", say], *([["assistant", words]] if words else [])][-REMEMBERED:]
    cost = None if tried.micros is None else usd(tried.micros)
    return await _page(asked, draft, talk=talk, tried=tried, cost=cost)


async def _ask(asked: Asked, draft: Draft, say: str, talk: list[list[str]]) -> Tried:
    """Raises AccountUnusable or PluginMissing."""
    assert asked.entry is not None  # the path has {slug}
    trial = Trial.of(asked.context.thinking, draft.entry(asked.entry), None)
    now = datetime.now(UTC)
    history = [
        Utterance("contact" if who == "contact" else "assistant", Text(text), now) for who, text in talk
    ]
    return await trial.ask(Phrase((say,), tuple(history)))


def _talk(asked: Asked) -> list[list[str]]:
    """What was said before in this trial, as the page had it."""
    try:
        said = json.loads(asked.given("talk") or "[]")
        return [[clean(str(who)), clean(str(text))[:5000]] for who, text in said][-REMEMBERED:]
    except (ValueError, TypeError, RecursionError):
        return []


@deed("bound.change", transaction="core")
async def bound(asked: Asked) -> See | Seen:
    """Say what may be spent at most."""
    columns: dict[str, object] = {}
    wrong = {}
    for name in BOUNDS:
        try:
            columns[name] = _amount(name, asked.given(name))
        except (InvalidOperation, ValueError):
            wrong[name] = asked._("Write a number from 0, or nothing.")
    if wrong:
        return await _page(asked, drafts.kept(asked), 422, wrong_bounds=wrong)
    columns["hold_over_month"] = bool(asked.given("hold_over_month"))
    tenant = asked.tenant
    asked.of = "bounds of spending"
    asked.before = {name: _own(getattr(tenant, name)) for name in BOUNDS}
    asked.after = {name: asked.given(name) for name in BOUNDS}
    await tenant_change.change(asked.context, asked.connection, tenant.slug, Changes(columns=columns))
    asked.flash(asked._("The bounds are kept."))
    return See(asked.to("assistant"))


@deed("assistant.change", transaction="core")
async def voices(asked: Asked) -> See:
    """Say who writes down voice notes."""
    name = asked.given("voice_notes") or None
    asked.of, asked.before, asked.after = "voice notes", {"by": asked.tenant.voice_notes}, {"by": name}
    changes = Changes(columns={"voice_notes": name})
    await tenant_change.change(asked.context, asked.connection, asked.tenant.slug, changes)
    on, off = N_("Voice notes are written down from now on."), N_("Nobody hears voice notes from now on.")
    asked.flash(asked._(on if name else off))
    return See(asked.to("assistant"))


def _amount(name: str, typed: str) -> Decimal | int | None:
    """None: the operator's own. Raises ValueError or InvalidOperation."""
    if not typed:
        return None
    amount = Decimal(typed.replace(",", "."))
    if not 0 <= amount <= (1_000_000 if name.startswith("usd") else 10**12):
        raise ValueError(typed)
    if name.startswith("usd"):
        return amount.quantize(Decimal("0.000001"))
    if amount != amount.to_integral_value():
        raise ValueError(typed)
    return int(amount)


PLACES = (
    Place("/t/{slug}/assistant", look, keep),
    Place("/t/{slug}/assistant/try", post=attempt),
    Place("/t/{slug}/assistant/voices", post=voices),
    Place("/t/{slug}/assistant/bounds", post=bound),
)
