"""What links lead to: to look at one changes nothing, to press its button takes it."""

from __future__ import annotations

from http import HTTPStatus

from starlette.responses import JSONResponse, Response

from conserje.access import invitations, logins, passkeys, passwords, sign_ins, tries
from conserje.access.invitations import Invitation, LinkSpent
from conserje.access.logins import LoginError, NoLogin
from conserje.access.passwords import WeakPassword
from conserje.access.tries import Attempt, TooManyTries
from conserje.storage.database import Connection
from conserje.storage.scope import acting_for_all
from conserje_edge.console.asked import Asked
from conserje_edge.console.entrance.browsers import called
from conserje_edge.console.entrance.door import (
    agent,
    refuse_passwords,
    refused,
    signed_in,
    site,
    typed_password,
)
from conserje_edge.console.entrance.mail import is_mailed
from conserje_edge.console.place import OPEN, Place, See, Seen, deed, view

SPENT = Seen("entrance/spent.html", {}, HTTPStatus.NOT_FOUND)


@view(OPEN)
async def look(asked: Asked, token: str) -> Seen:
    """To whom it offers what; to whoever has a login already it says that they sign in first."""
    try:
        invitation = await _offered(asked, token, "invitation")
    except LinkSpent:
        return SPENT
    return await _shown(asked, token, invitation)


async def _offered(asked: Asked, token: str, kind: str) -> Invitation:
    """Raises LinkSpent."""
    found = await invitations.find(asked.context.pool, token)
    if found.kind != kind:
        raise LinkSpent("The link was used, or is too old: ask for another.", "token")
    return found


async def _shown(
    asked: Asked, token: str, invitation: Invitation, error: str = "", status: int = HTTPStatus.OK
) -> Seen:
    async with asked.context.pool.acquire() as connection:
        is_known = await logins.find(connection, invitation.email) is not None
    values = {"invitation": invitation, "token": token, "is_known": is_known, "error": error}
    return Seen("entrance/invitation.html", values, status)


@deed(OPEN)
async def accept(asked: Asked, token: str) -> Response | Seen:
    """By whoever is signed in under its e-mail address, or by somebody new with a password or a passkey."""
    try:
        invitation = await _offered(asked, token, "invitation")
        by_passkey = bool(asked.given("credential"))
        stored = "" if asked.who or by_passkey else await _new_password(asked)
        async with acting_for_all(asked.context.pool) as scope:
            begun = await _join(asked, scope.connection, token, stored)
    except LinkSpent:
        return SPENT
    except WeakPassword:
        told = asked._("A password has 12 characters at least: four words will do.")
        return await _shown(asked, token, invitation, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    except LoginError:
        told = asked._("That was not taken: look at what you typed.")
        return await _shown(asked, token, invitation, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    return signed_in(asked, begun, f"/t/{invitation.slug}/desk" if invitation.slug else "/")


async def _new_password(asked: Asked) -> str:
    """What is stored of it. Raises WeakPassword."""
    refuse_passwords(asked)
    return await passwords.hashed(typed_password(asked))


async def _join(asked: Asked, connection: Connection, token: str, stored: str) -> str:
    """The token of the sign-in in which they have their part. Raises LoginError."""
    invitation = await invitations.take(connection, token)
    login = await logins.find(connection, invitation.email)
    if login is None:
        login_id = await _come_new(asked, connection, invitation, stored)
    elif asked.who and asked.who.login_id == login.id:
        login_id = login.id
    else:  # a link gives no login of somebody's away
        raise NoLogin("Sign in first.")
    await invitations.join(connection, invitation, login_id)
    await sign_ins.end_others(connection, login_id)
    return await sign_ins.begin(connection, login_id, asked.address, agent(asked))


async def _come_new(asked: Asked, connection: Connection, invitation: Invitation, stored: str) -> int:
    """Raises LoginError."""
    login_id = await logins.add(connection, invitation.email, asked.given("name") or invitation.name)
    if answer := asked.given("credential"):
        made = await passkeys.created(connection, site(asked), answer, None)
        await passkeys.keep(connection, login_id, made, called(agent(asked)))
    elif stored:
        await passwords.keep(connection, login_id, stored)
    else:  # who is signed in by another login signs out first
        raise NoLogin("Sign out first.")
    return login_id


@deed(OPEN)
async def ask_device(asked: Asked, token: str) -> Response:
    """What a device is asked for, of who takes an invitation."""
    try:
        invitation = await _offered(asked, token, "invitation")
        pool = asked.context.pool
        asks = await passkeys.creation(pool, site(asked), invitation.email, None, asked.address)
    except LinkSpent:
        return Response(status_code=HTTPStatus.NOT_FOUND)
    except TooManyTries:
        return Response(status_code=HTTPStatus.TOO_MANY_REQUESTS)
    return JSONResponse(asks)


@view(OPEN)
async def look_at_reset(asked: Asked, token: str) -> Seen:
    """The form of a new password."""
    refuse_passwords(asked)
    try:
        invitation = await _offered(asked, token, "reset")
    except LinkSpent:
        return SPENT
    return Seen("entrance/reset.html", {"invitation": invitation, "token": token, "error": ""})


@deed(OPEN)
async def reset(asked: Asked, token: str) -> Response | Seen:
    """A new password, and whoever had come in is out."""
    try:
        invitation = await _offered(asked, token, "reset")
        stored = await _new_password(asked)
        async with acting_for_all(asked.context.pool) as scope:
            await invitations.take(scope.connection, token)
            login = await logins.called(scope.connection, invitation.email)
            await invitations.begin_anew(scope.connection, login.id, stored)
            begun = await sign_ins.begin(scope.connection, login.id, asked.address, agent(asked))
    except WeakPassword:
        told = asked._("A password has 12 characters at least: four words will do.")
        values = {"invitation": invitation, "token": token, "error": told}
        return Seen("entrance/reset.html", values, HTTPStatus.UNPROCESSABLE_ENTITY)
    except LoginError:
        return SPENT
    return signed_in(asked, begun, "/")


@view(OPEN)
async def look_at_link(asked: Asked, token: str) -> Seen:
    """The button that signs in."""
    try:
        invitation = await _offered(asked, token, "link")
    except LinkSpent:
        return SPENT
    return Seen("entrance/link.html", {"invitation": invitation, "token": token})


@deed(OPEN, transaction="core")
async def enter(asked: Asked, token: str) -> Response | Seen:
    """Sign in by a link that the operator made."""
    try:
        begun = await invitations.enter(asked.connection, token, asked.address, agent(asked))
    except LinkSpent:
        return SPENT
    if asked.who:
        await sign_ins.end(asked.connection, asked.who.sign_in)
    return signed_in(asked, begun, "/")


@view(OPEN)
async def forgotten(asked: Asked) -> Seen:
    """Where somebody asks for a new password."""
    refuse_passwords(asked)
    return Seen("entrance/forgotten.html", {"is_mailed": is_mailed(asked), "told": ""})


@deed(OPEN)
async def offer_reset(asked: Asked) -> See | Seen:
    """Nobody is told whether there is such a login: it is looked for by who mails."""
    refuse_passwords(asked)
    if not is_mailed(asked):
        return See("/reset")
    email = asked.given("email")
    try:
        await tries.count(asked.context.pool, Attempt.of(email, asked.address, "reset"))
    except TooManyTries as error:
        seen = refused(asked, "entrance/forgotten.html", error)
        return Seen(seen.template, {**seen.values, "is_mailed": True}, seen.status)
    if len(email) <= LONGEST_EMAIL:
        async with acting_for_all(asked.context.pool) as scope:
            offered = await invitations.offer_reset(scope.connection, email)
            scope.due.append(await invitations.due(scope.connection, offered, None))
    asked.flash(asked._("If there is a login of this address, a link is on its way to it."))
    return See("/sign-in")


LONGEST_EMAIL = 254

PLACES = (
    Place("/invitation/{token}", look, accept),
    Place("/invitation/{token}/passkey", post=ask_device),
    Place("/reset", forgotten, offer_reset),
    Place("/reset/{token}", look_at_reset, reset),
    Place("/link/{token}", look_at_link, enter),
)
