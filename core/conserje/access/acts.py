"""Acts: what somebody does at the console, who may do it, and what is asked of them again before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from conserje.access.signed import OperatorRole, Signed, TenantRole

_OF_TENANTS: tuple[TenantRole, ...] = get_args(TenantRole)
_OF_OPERATORS: tuple[OperatorRole, ...] = get_args(OperatorRole)
Tells = Literal["values", "names"]


@dataclass(frozen=True, slots=True)
class Act:
    """The least role each that may do it; None: nobody of them.

    What is `own` is of the login itself: whoever is signed in may. With `step_up` the password or a passkey
    is asked for again. `tells` is what the audit keeps of a change: values, or, where they are a contact's,
    the names of what changed.
    """

    tenant: TenantRole | None
    operator: OperatorRole | None
    step_up: bool = False
    own: bool = False
    tells: Tells = "values"


_READ = Act("reader", "reader")
_TALK = Act("agent", "operator", tells="names")
_RUN = Act("owner", "operator")
_GUARDED = Act("owner", "operator", step_up=True)

ACTS: dict[str, Act] = {
    "conversation.read": _READ,
    "conversation.take": _TALK,
    "conversation.say": _TALK,
    "conversation.suggest": _TALK,
    "conversation.note": _TALK,
    "conversation.give": _TALK,
    "contact.read": _READ,
    "contact.change": _TALK,
    "contact.export": Act("owner", "operator", step_up=True, tells="names"),
    "contact.forget": Act("owner", "operator", step_up=True, tells="names"),
    "prepared.read": _READ,
    "prepared.change": Act("agent", "operator"),
    "lead.read": _READ,
    "lead.change": _TALK,
    "product.read": _READ,
    "product.change": _RUN,
    "knowledge.read": _READ,
    "knowledge.change": _RUN,
    "assistant.change": _RUN,
    "assistant.try": _RUN,
    "bound.change": Act(None, "operator"),
    "account.read": _READ,
    "account.check": _RUN,
    "account.change": _GUARDED,
    "tenant.read": _READ,
    "tenant.change": _RUN,
    "people.read": _READ,
    "people.change": _GUARDED,
    "key.read": Act("owner", "owner"),
    "key.change": Act("owner", "owner", step_up=True),
    "statistics.read": _READ,
    "held.read": _READ,
    "held.change": _RUN,
    "subscription.read": _READ,
    "subscription.change": _GUARDED,
    "audit.read": _RUN,
    "installation.read": Act(None, "reader"),
    "tenant.add": Act(None, "operator"),
    "tenant.suspend": Act(None, "operator"),
    "plugin.resume": Act(None, "operator"),
    "login.read": Act(None, "owner"),
    "login.change": Act(None, "owner", step_up=True),
    "backup.make": Act(None, "operator", step_up=True),
    "me.read": Act(None, None, own=True),
    "me.change": Act(None, None, own=True),
    "me.secure": Act(None, None, own=True, step_up=True),
}


def may(person: Signed, act: str, tenant_id: int | None) -> bool:
    """Whether they may do this to the tenant; None: to the installation, or to themselves.

    Raises KeyError for an act that nobody has named.
    """
    asked = ACTS[act]
    member = person.member_of(tenant_id)
    return (
        asked.own
        or _reaches(_OF_OPERATORS, person.operator_role, asked.operator)
        or _reaches(_OF_TENANTS, member.role if member else None, asked.tenant)
    )


def _reaches(roles: Sequence[str], has: str | None, least: str | None) -> bool:
    """Roles stand from the highest to the lowest."""
    return has is not None and least is not None and roles.index(has) <= roles.index(least)
