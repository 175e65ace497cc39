"""Operators' logins: who runs the installation, who is invited to; and resets for whoever is locked out."""

from __future__ import annotations

from http import HTTPStatus
from typing import get_args

from conserje.access import invitations, logins
from conserje.access.logins import LastOwner, LoginError
from conserje.access.signed import OperatorRole
from conserje_edge.console.asked import Asked
from conserje_edge.console.entrance.door import refuse_passwords
from conserje_edge.console.entrance.mail import hand_out
from conserje_edge.console.place import Place, See, Seen, ShowOnce, deed, view
from conserje_edge.console.refusal import Refusal

ROLES: tuple[OperatorRole, ...] = get_args(OperatorRole)
LOGINS = "/o/logins"


async def _shown(asked: Asked, told: str = "", status: int = HTTPStatus.OK) -> Seen:
    values = {
        "logins": await logins.operators(asked.connection),
        "invited": await invitations.open_to(asked.connection, None),
        "roles": ROLES,
        "told": told,
    }
    return Seen("entrance/logins.html", values, status)


@view("login.read", transaction="core")
async def look(asked: Asked) -> Seen:
    return await _shown(asked)


@deed("login.change", transaction="core")
async def invite(asked: Asked) -> See | Seen | ShowOnce:
    """Somebody is to run the installation, too."""
    email, name, role = asked.given("email"), asked.given("name"), _role(asked)
    try:
        async with asked.connection.transaction():  # so that the list can be read if it is refused
            made = await invitations.invite_operator(asked.connection, email, name or email, role)
    except LoginError:
        told = asked._("That was not taken: look at what you typed.")
        return await _shown(asked, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    asked.of, asked.after = f"login {email}", {"invited": email, "role": role}
    return await hand_out(asked, made, email, "invitation", LOGINS)


@deed("login.change", transaction="core")
async def change_role(asked: Asked, login_id: int) -> See | Seen:
    """They sign in anew."""
    login, role = await logins.get(asked.connection, login_id), _role(asked)
    if login.operator_role is None:
        raise Refusal(HTTPStatus.NOT_FOUND)
    try:
        await logins.change_role(asked.connection, login_id, role)
    except LastOwner:
        return await _last(asked)
    asked.of = f"login {login.email}"
    asked.before, asked.after = {"role": login.operator_role}, {"role": role}
    return See(LOGINS)


@deed("login.change", transaction="core")
async def remove(asked: Asked, login_id: int) -> See | Seen:
    """They run the installation no more; who is of a tenant's people comes in as one of these."""
    login = await logins.get(asked.connection, login_id)
    try:
        await logins.change_role(asked.connection, login_id, None)
    except LastOwner:
        return await _last(asked)
    asked.of, asked.before = f"login {login.email}", {"role": login.operator_role}
    return See(LOGINS)


async def _last(asked: Asked) -> Seen:
    told = asked._("The last owner stays: make somebody else an owner first.")
    return await _shown(asked, told, HTTPStatus.CONFLICT)


@deed("login.change", transaction="core")
async def withdraw(asked: Asked, invitation: int) -> See:
    """Nobody comes in by it any more."""
    await invitations.withdraw(asked.connection, invitation)
    asked.of = f"invitation {invitation}"
    return See(LOGINS)


@deed("login.change", transaction="core")
async def reset(asked: Asked) -> See | Seen | ShowOnce:
    """A new password for whoever lost theirs, of any tenant."""
    refuse_passwords(asked)
    login = await logins.find(asked.connection, asked.given("email"))
    if login is None:
        told = asked._("There is no login of this address.")
        return await _shown(asked, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    asked.of = f"login {login.email}"
    offered = await invitations.offer_reset(asked.connection, login.email)
    return await hand_out(asked, offered, login.email, "reset", LOGINS)


def _role(asked: Asked) -> OperatorRole:
    """Raises Refusal for what the form has not."""
    chosen = asked.given("role")
    role = next((each for each in ROLES if each == chosen), None)
    if role is None:
        raise Refusal(HTTPStatus.BAD_REQUEST)
    return role


PLACES = (
    Place(LOGINS, look, invite, "entrance/link_made.html"),
    Place(LOGINS + "/reset", post=reset),
    Place(LOGINS + "/{login_id}/role", post=change_role),
    Place(LOGINS + "/{login_id}/remove", post=remove),
    Place(LOGINS + "/invitations/{invitation}/withdraw", post=withdraw),
)
