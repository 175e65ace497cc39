"""The door: who signs in and out, and who shows once more who they are."""

from __future__ import annotations

import math
from http import HTTPStatus

from starlette.responses import JSONResponse, RedirectResponse, Response

from conserje.access import logins, passkeys, passwords, sign_ins
from conserje.access.logins import LoginError
from conserje.access.passkeys import PasskeyRefused, Site
from conserje.access.tries import TooManyTries
from conserje.storage.scope import acting_for_all
from conserje_edge.console import cookies
from conserje_edge.console.asked import Asked
from conserje_edge.console.endpoint import local
from conserje_edge.console.place import OPEN, SIGNED_IN, Place, See, Seen, deed, view
from conserje_edge.console.refusal import Refusal

# What the browser keeps of this host alone: pages to go back to, what was typed, the worker and its address.
# Cookies it would drop of all hosts of the domain, where tenants' visitors have theirs.
LEFT_BEHIND = '"cache", "storage"'


def site(asked: Asked) -> Site:
    """The console as the browser knows it, for which passkeys are."""
    host = asked.request.headers["host"].lower()
    scheme = "https" if asked.request.state.secure else "http"
    return Site(host.rsplit(":", 1)[0] if not host.endswith("]") else host, f"{scheme}://{host}")


def signed_in(asked: Asked, token: str, url: str) -> Response:
    """The next page, in a browser that is signed in by a token of its own."""
    response = RedirectResponse(url, HTTPStatus.SEE_OTHER)
    cookies.keep_sign_in(asked.request, response, token)
    return response


def agent(asked: Asked) -> str:
    """What the browser calls itself."""
    return asked.request.headers.get("user-agent", "")


def refused(asked: Asked, template: str, error: LoginError) -> Seen:
    """The form once more, which says why it was not taken."""
    match error:
        case TooManyTries():
            minutes = math.ceil(error.after.total_seconds() / 60)
            told = asked.ngettext(
                "That was tried too often: wait for %(num)s minute, or come in by a passkey.",
                "That was tried too often: wait for %(num)s minutes, or come in by a passkey.",
                minutes,
            )
            return Seen(template, _form(asked, told), HTTPStatus.TOO_MANY_REQUESTS)
        case PasskeyRefused():
            told = asked._("The passkey was not taken: try it once more.")
        case _:
            told = asked._("This does not fit: look at what you typed.")
    return Seen(template, _form(asked, told), HTTPStatus.UNPROCESSABLE_ENTITY)


def _form(asked: Asked, told: str = "") -> dict[str, object]:
    return {"told": told, "next": _next(asked)}


def _next(asked: Asked) -> str:
    return local(asked.given("next") or asked.query.get("next", ""))


@view(OPEN)
async def look(asked: Asked) -> See | Seen:
    """Who is signed in has nothing to do here."""
    return See(_next(asked)) if asked.who else Seen("entrance/sign_in.html", _form(asked))


@deed(OPEN)
async def come_in(asked: Asked) -> Response | Seen:
    """By a passkey, or by e-mail address and password."""
    try:
        token = await (_by_passkey(asked) if asked.given("credential") else _by_password(asked))
    except LoginError as error:
        return refused(asked, "entrance/sign_in.html", error)
    return signed_in(asked, token, _next(asked))


async def _by_password(asked: Asked) -> str:
    """Raises LoginError."""
    refuse_passwords(asked)
    email, password = asked.given("email"), typed_password(asked)
    former = asked.who.sign_in if asked.who else None
    begun = await passwords.sign_in(asked.context.pool, email, password, asked.address, agent(asked), former)
    return begun.token


async def _by_passkey(asked: Asked) -> str:
    """Raises LoginError."""
    async with acting_for_all(asked.context.pool) as scope:
        connection = scope.connection
        login_id = await passkeys.check(connection, site(asked), asked.given("credential"), None)
        if asked.who:
            await sign_ins.end(connection, asked.who.sign_in)
        return await sign_ins.begin(connection, login_id, asked.address, agent(asked))


def refuse_passwords(asked: Asked) -> None:
    """Raises Refusal where the operator has switched them off."""
    if asked.context.settings.passwords == "off":
        raise Refusal(HTTPStatus.NOT_FOUND)


def typed_password(asked: Asked, name: str = "password") -> str:
    """As it was typed: what is around it is part of it."""
    value = asked.form.get(name)
    return value if isinstance(value, str) else ""


@deed(OPEN)
async def ask_device(asked: Asked) -> Response:
    """What a device is to sign for whoever comes in."""
    return await options(asked, None)


async def options(asked: Asked, login_id: int | None) -> Response:
    """What a browser hands to a device, of a login's or of whoever comes."""
    try:
        asks = await passkeys.request(asked.context.pool, site(asked), login_id, asked.address)
    except TooManyTries:
        return Response(status_code=HTTPStatus.TOO_MANY_REQUESTS)
    return JSONResponse(asks)


@deed(OPEN)
async def go(asked: Asked) -> Response:
    """Sign out of this browser."""
    response = RedirectResponse("/sign-in", HTTPStatus.SEE_OTHER)
    if asked.who:
        async with acting_for_all(asked.context.pool) as scope:
            await sign_ins.end(scope.connection, asked.who.sign_in)
    cookies.drop_sign_in(asked.request, response)
    response.headers["clear-site-data"] = LEFT_BEHIND
    return response


@view(SIGNED_IN, transaction="core")
async def look_again(asked: Asked) -> Seen:
    """The form in which somebody shows once more who they are."""
    login = await logins.get(asked.connection, asked.person.login_id)
    return Seen("entrance/step_up.html", {**_form(asked), "login": login})


@deed(SIGNED_IN)
async def step_up(asked: Asked) -> See | Seen:
    """By a passkey of theirs, or their password: for ten minutes they are not asked again."""
    pool, login_id = asked.context.pool, asked.person.login_id
    try:
        answer = asked.given("credential")
        if not answer:
            refuse_passwords(asked)
            await passwords.check(pool, login_id, typed_password(asked), asked.address)
        async with acting_for_all(pool) as scope:
            if answer:
                await passkeys.check(scope.connection, site(asked), answer, login_id)
            await sign_ins.step_up(scope.connection, asked.person.sign_in)
    except LoginError as error:
        async with pool.acquire() as connection:
            login = await logins.get(connection, login_id)
        seen = refused(asked, "entrance/step_up.html", error)
        return Seen(seen.template, {**seen.values, "login": login}, seen.status)
    return See(_next(asked))


@deed(SIGNED_IN)
async def ask_own_device(asked: Asked) -> Response:
    """What a device of theirs is to sign."""
    return await options(asked, asked.person.login_id)


PLACES = (
    Place("/sign-in", look, come_in),
    Place("/sign-in/passkey", post=ask_device),
    Place("/sign-out", post=go),
    Place("/step-up", look_again, step_up),
    Place("/step-up/passkey", post=ask_own_device),
)
