"""A tenant's people: who comes in by which role, who is invited, who is let go."""

from __future__ import annotations

from http import HTTPStatus
from typing import get_args

from conserje.access import invitations, members
from conserje.access.logins import LastOwner
from conserje.access.signed import TenantRole
from conserje.errors import OperatorError
from conserje.tenants import phones
from conserje_edge.console.asked import Asked
from conserje_edge.console.entrance.mail import hand_out
from conserje_edge.console.place import Place, See, Seen, ShowOnce, deed, view
from conserje_edge.console.refusal import Refusal

ROLES: tuple[TenantRole, ...] = get_args(TenantRole)
PEOPLE = "/t/{slug}/people"


async def _shown(asked: Asked, told: str = "", status: int = HTTPStatus.OK) -> Seen:
    people = await members.list_all(asked.connection, asked.tenant.id)
    return Seen("entrance/people.html", {"people": people, "roles": ROLES, "told": told}, status)


@view("people.read", transaction="core")
async def look(asked: Asked) -> Seen:
    return await _shown(asked)


@deed("people.change", transaction="core")
async def add(asked: Asked) -> See | Seen | ShowOnce:
    """Somebody new, who is invited where they are to come in."""
    name, email, role = asked.given("name"), asked.given("email"), _role(asked)
    try:
        phone = phones.normalised(asked.given("phone")) if asked.given("phone") else None
        async with asked.connection.transaction():  # so that the list can be read if it is refused
            person = await members.add(asked.connection, asked.tenant.id, name, email, phone, role)
    except OperatorError:
        told = asked._(
            "That was not taken: look at the name, which is nobody else's, the address and the phone."
        )
        return await _shown(asked, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    asked.of, asked.after = f"person {person}", {"name": name, "email": email, "role": role}
    if role is None:
        return See(asked.to("people"))
    return await _invite(asked, person, email)


@deed("people.change", transaction="core")
async def invite(asked: Asked, person: int) -> See | ShowOnce:
    """Once more: the former link is void."""
    email = (await members.get(asked.connection, asked.tenant.id, person)).email
    asked.of, asked.after = f"person {person}", {"invited": email}
    return await _invite(asked, person, email)


async def _invite(asked: Asked, person: int, email: str) -> See | ShowOnce:
    made = await invitations.invite_person(asked.connection, asked.tenant.id, person)
    return await hand_out(asked, made, email, "invitation", asked.to("people"))


@deed("people.change", transaction="core")
async def change_role(asked: Asked, person: int) -> See | Seen:
    """They sign in anew, and have another part."""
    role = _role(asked)
    try:
        former = await members.change_role(
            asked.connection, asked.tenant.id, person, role, by_operator=_from_outside(asked)
        )
    except LastOwner:
        told = asked._("The last owner stays: make somebody else an owner first.")
        return await _shown(asked, told, HTTPStatus.CONFLICT)
    asked.of, asked.before, asked.after = f"person {person}", {"role": former}, {"role": role}
    return See(asked.to("people"))


@deed("people.change", transaction="core")
async def remove(asked: Asked, person: int) -> See | Seen:
    """They come in no more, and are given nothing; what is theirs stays theirs until somebody gives it on."""
    try:
        name = await members.remove(
            asked.connection, asked.tenant.id, person, by_operator=_from_outside(asked)
        )
    except LastOwner:
        told = asked._("The last owner stays: make somebody else an owner first.")
        return await _shown(asked, told, HTTPStatus.CONFLICT)
    asked.of, asked.before = f"person {person}", {"name": name}
    return See(asked.to("people"))


def _role(asked: Asked) -> TenantRole | None:
    """None: is given leads, and does not come in. Raises Refusal for what the form has not."""
    chosen = asked.given("role")
    role = next((each for each in ROLES if each == chosen), None)
    if chosen and role is None:
        raise Refusal(HTTPStatus.BAD_REQUEST)
    return role


def _from_outside(asked: Asked) -> bool:
    return asked.person.member_of(asked.tenant_id) is None


PLACES = (
    Place(PEOPLE, look, add, "entrance/link_made.html"),
    Place(PEOPLE + "/{person}/role", post=change_role),
    Place(PEOPLE + "/{person}/invite", post=invite),
    Place(PEOPLE + "/{person}/remove", post=remove),
)
