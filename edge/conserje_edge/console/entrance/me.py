"""Me: a login's own language, password, passkeys, and the browsers in which it is signed in."""

from __future__ import annotations

import re
from http import HTTPStatus

from starlette.responses import JSONResponse, Response

from conserje.access import logins, passkeys, passwords, sign_ins
from conserje.access.logins import Login, LoginError
from conserje.access.passwords import WeakPassword
from conserje.access.tries import TooManyTries
from conserje.notices import devices
from conserje_edge.console.asked import Asked
from conserje_edge.console.entrance.browsers import called
from conserje_edge.console.entrance.device import is_offered
from conserje_edge.console.entrance.door import agent, refuse_passwords, site, typed_password
from conserje_edge.console.place import Place, See, Seen, deed, view
from conserje_edge.console.refusal import Refusal

ME = "/me"
_HEX = re.compile(r"(?:[0-9a-f]{2}){1,1023}")


async def _shown(asked: Asked, told: str = "", status: int = HTTPStatus.OK) -> Seen:
    connection, login_id = asked.connection, asked.person.login_id
    login = await logins.get(connection, login_id)
    values = {
        "login": login,
        "vouched": vouches(asked, login),
        "passkeys": await passkeys.list_all(connection, login_id),
        "sign_ins": [(each, called(each.agent)) for each in await sign_ins.list_all(connection, login_id)],
        "told": told,
        "offers_device": is_offered(asked),
        "is_device": await devices.is_kept(connection, asked.person.sign_in),
    }
    return Seen("entrance/me.html", values, status)


def has_password(asked: Asked, login: Login) -> bool:
    """Whether they come in by one."""
    return login.has_password and asked.context.settings.passwords == "on"


def vouches(asked: Asked, login: Login) -> bool:
    """Whether the issuer opens their login."""
    issuer = asked.context.issuer
    return issuer is not None and login.issuer == issuer.url


@view("me.read", transaction="core")
async def look(asked: Asked) -> Seen:
    return await _shown(asked)


@deed("me.change", transaction="core")
async def choose_language(asked: Asked) -> See:
    """None is as the browser asks."""
    language = {"es": "es", "pt": "pt", "en": "en"}.get(asked.given("language"))
    await logins.set_language(asked.connection, asked.person.login_id, language)  # type: ignore[arg-type]
    asked.after = {"language": language}
    return See(ME)


@deed("me.secure", transaction="core")
async def choose_password(asked: Asked) -> See | Seen:
    """Whoever else is signed in by the former one is out."""
    refuse_passwords(asked)
    try:
        stored = await passwords.hashed(typed_password(asked))
    except WeakPassword:
        told = asked._("A password has 12 characters at least: four words will do.")
        return await _shown(asked, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    await passwords.keep(asked.connection, asked.person.login_id, stored)
    await sign_ins.end_others(asked.connection, asked.person.login_id, asked.person.sign_in)
    asked.of = "password"
    asked.flash(asked._("The password is kept. Your other browsers are signed out."))
    return See(ME)


@deed("me.secure")
async def ask_device(asked: Asked) -> Response:
    """What a device is asked for."""
    person = asked.person
    try:
        asks = await passkeys.creation(
            asked.context.pool, site(asked), person.email, person.login_id, asked.address
        )
    except TooManyTries:
        return Response(status_code=HTTPStatus.TOO_MANY_REQUESTS)
    return JSONResponse(asks)


@deed("me.secure", transaction="core")
async def add_passkey(asked: Asked) -> See | Seen:
    """The key that a device has made."""
    login_id = asked.person.login_id
    name = asked.given("name") or called(agent(asked))
    try:
        made = await passkeys.created(asked.connection, site(asked), asked.given("credential"), login_id)
        await passkeys.keep(asked.connection, login_id, made, name)
    except LoginError:
        told = asked._("The passkey was not taken: try it once more.")
        return await _shown(asked, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    asked.of, asked.after = "passkey", {"name": name}
    asked.flash(asked._("The passkey is kept: from now on it signs you in."))
    return See(ME)


@deed("me.secure", transaction="core")
async def remove_passkey(asked: Asked, key_id: str) -> See | Seen:
    """Not the last way in."""
    login = await logins.get(asked.connection, asked.person.login_id)
    if login.passkeys == 1 and not (has_password(asked, login) or vouches(asked, login)):
        told = asked._("This is your only way in: make another one first.")
        return await _shown(asked, told, HTTPStatus.UNPROCESSABLE_ENTITY)
    name = await passkeys.remove(asked.connection, login.id, _bytes(key_id))
    asked.of, asked.before = "passkey", {"name": name}
    return See(ME)


@deed("me.change", transaction="core")
async def end_sign_in(asked: Asked, sign_in: str) -> See:
    """Sign out of one browser."""
    await sign_ins.revoke(asked.connection, asked.person.login_id, _bytes(sign_in))
    asked.of = "sign-in"
    return See(ME)


@deed("me.change", transaction="core")
async def end_others(asked: Asked) -> See:
    """Sign out of all browsers but this one."""
    await sign_ins.end_others(asked.connection, asked.person.login_id, asked.person.sign_in)
    asked.of = "sign-ins"
    return See(ME)


def _bytes(written: str) -> bytes:
    """Raises Refusal."""
    if not _HEX.fullmatch(written):
        raise Refusal(HTTPStatus.NOT_FOUND)
    return bytes.fromhex(written)


PLACES = (
    Place(ME, look),
    Place("/me/language", post=choose_language),
    Place("/me/password", post=choose_password),
    Place("/me/passkey", post=ask_device),
    Place("/me/passkeys", post=add_passkey),
    Place("/me/passkeys/{key_id}/remove", post=remove_passkey),
    Place("/me/sign-ins/end", post=end_others),
    Place("/me/sign-ins/{sign_in}/end", post=end_sign_in),
)
