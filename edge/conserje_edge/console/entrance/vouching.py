"""The way to the issuer and back: who comes in, or shows once more who they are, as the issuer knows them.

A browser leaves by a page of its own: after a form is sent, a policy of `form-action` lets none go elsewhere.
"""

from __future__ import annotations

import hmac
import logging
from http import HTTPStatus

from starlette.responses import RedirectResponse, Response

from conserje.access import audit, detours, invitations, logins, sign_ins, tries, vouched
from conserje.access.detours import Detour, DetourOver, Kind, Marks
from conserje.access.invitations import LinkSpent
from conserje.access.issuer import Issuer, IssuerAway, NotVouched, Vouched
from conserje.access.logins import LoginError, NoLogin
from conserje.access.signed import Signed
from conserje.access.tries import Attempt, TooManyTries
from conserje.storage.database import Connection
from conserje.storage.scope import acting_for_all
from conserje_edge.console import cookies
from conserje_edge.console.asked import Asked
from conserje_edge.console.endpoint import local
from conserje_edge.console.entrance.door import agent, refused, signed_in, site
from conserje_edge.console.languages import N_
from conserje_edge.console.place import OPEN, SIGNED_IN, Place, See, Seen, deed, view
from conserje_edge.console.refusal import Refusal

log = logging.getLogger(__name__)

ON_THE_WAY, BACK = "/oidc/go", "/oidc"
ME = "/me"


class NotShown(LoginError):
    """The issuer let somebody through whom it should have asked who they are."""


SAID: dict[type[LoginError], str] = {
    IssuerAway: N_("%(host)s does not answer: try again in a moment."),
    NotVouched: N_("%(host)s did not say who you are."),
    NotShown: N_("%(host)s did not ask you who you are. Show it in another way."),
    NoLogin: N_("No login here is of your account at %(host)s: ask for an invitation, or come in otherwise."),
    DetourOver: N_("That took too long, or was done in another window."),
    LinkSpent: N_("The invitation was used, or is too old: ask for another."),
}
TAKEN = N_("Your account at %(host)s opens another login already.")


def issuer(asked: Asked) -> Issuer:
    """Raises Refusal where the operator has named none."""
    named = asked.context.issuer
    if named is None:
        raise Refusal(HTTPStatus.NOT_FOUND)
    return named


async def _leave(asked: Asked, kind: Kind, invitation: str | None = None) -> Response | Seen:
    """Send the browser on its way."""
    issuer(asked)
    login_id = asked.person.login_id if kind in ("step-up", "keep") else None
    then = ME if kind == "keep" else local(asked.given("next"))
    pool = asked.context.pool
    try:
        token = await detours.begin(
            pool, kind, asked.address, login_id=login_id, next=then, invitation=invitation
        )
    except TooManyTries as error:
        return refused(asked, "entrance/astray.html", error)
    response = RedirectResponse(ON_THE_WAY, HTTPStatus.SEE_OTHER)
    cookies.keep_detour(asked.request, response, token)
    return response


@deed(OPEN)
async def sign_in(asked: Asked) -> Response | Seen:
    """Come in as the issuer knows them."""
    return await _leave(asked, "sign-in")


@deed(OPEN)
async def join(asked: Asked, token: str) -> Response | Seen:
    """Take an invitation so; whether it is there is seen when they are back."""
    return await _leave(asked, "join", token)


@deed(SIGNED_IN)
async def step_up(asked: Asked) -> Response | Seen:
    """Show the issuer once more who they are."""
    return await _leave(asked, "step-up")


@deed("me.secure")
async def keep(asked: Asked) -> Response | Seen:
    """Have the issuer as a way in from now on."""
    return await _leave(asked, "keep")


@deed("me.secure", transaction="core")
async def drop(asked: Asked) -> See:
    """Not have it any more; whoever else came in by it is out."""
    await vouched.drop(asked.connection, asked.person.login_id)
    await sign_ins.end_others(asked.connection, asked.person.login_id, asked.person.sign_in)
    asked.of = "issuer"
    return See(ME)


@view(OPEN)
async def go(asked: Asked) -> Seen:
    """The page by which the browser leaves."""
    named, token = issuer(asked), cookies.detour(asked.request)
    try:
        detour = await detours.find(asked.context.pool, token)
        way = await named.way(Marks.of(token), _back(asked), again=detour.kind == "step-up")
    except LoginError as error:
        return _astray(asked, error)
    return Seen("entrance/onward.html", {"way": way, "host": named.host})


@view(OPEN)
async def come_back(asked: Asked) -> Response | Seen:
    """Whoever comes back in the browser that left, once, and for whom the issuer vouches."""
    named, token = issuer(asked), cookies.detour(asked.request)
    try:
        stranger = f"vouching:{tries.network(asked.address)}"  # wrong passwords keep nobody out here
        await tries.count(asked.context.pool, Attempt(stranger, None))
        detour = await _ended(asked, token)
        who = await named.vouch(Marks.of(token), _back(asked), asked.query)
        async with acting_for_all(asked.context.pool) as scope:
            response = await _arrive(asked, scope.connection, detour, who)
    except LoginError as error:
        return _astray(asked, error)
    cookies.drop_detour(asked.request, response)
    return response


async def _ended(asked: Asked, token: str) -> Detour:
    """The detour of this browser, and of who is signed in here. Raises DetourOver."""
    state = asked.query.get("state", "").encode(errors="replace")
    if not hmac.compare_digest(state, Marks.of(token).state.encode()):
        raise DetourOver("Another browser left.")
    async with acting_for_all(asked.context.pool) as scope:
        detour = await detours.end(scope.connection, token)
    here = asked.who.login_id if asked.who else None
    if detour.login_id not in (None, here):
        raise DetourOver("Somebody else is signed in now.")
    return detour


async def _arrive(asked: Asked, connection: Connection, detour: Detour, who: Vouched) -> Response:
    """What the detour was for. Raises LoginError."""
    match detour.kind:
        case "sign-in":
            login_id = await _whose(asked, connection, who)
            begun = await _begin(asked, connection, login_id, who.has_shown(detour))
            return signed_in(asked, begun, detour.next)
        case "join":
            return await _join(asked, connection, detour, who)
        case "step-up":
            await _step_up(asked, connection, detour, who)
        case "keep":
            await _keep(asked, connection, detour, who)
    return RedirectResponse(detour.next, HTTPStatus.SEE_OTHER)


async def _whose(asked: Asked, connection: Connection, who: Vouched) -> int:
    """The login of theirs. Raises NoLogin."""
    login_id, is_new = await vouched.whose(connection, who)
    if is_new:
        await _note(asked, connection, login_id, who)
    return login_id


async def _note(asked: Asked, connection: Connection, login_id: int, who: Vouched) -> None:
    """That there is another way in by this login is kept."""
    login = await logins.get(connection, login_id)
    signed = Signed(login_id, login.email, login.name, login.language, login.operator_role, (), b"", False)
    await audit.record(
        connection, signed, "me.secure", tenant_id=None, of="issuer", after={"issuer": who.issuer},
        address=asked.address, request_id=asked.request_id,
    )  # fmt: skip


async def _begin(asked: Asked, connection: Connection, login_id: int, has_shown: bool) -> str:
    """The token of a new sign-in; the browser's former one ends."""
    if asked.who:
        await sign_ins.end(connection, asked.who.sign_in)
    return await sign_ins.begin(connection, login_id, asked.address, agent(asked), has_shown=has_shown)


async def _join(asked: Asked, connection: Connection, detour: Detour, who: Vouched) -> Response:
    """Somebody new, whom the invitation's link has let in. Raises LoginError."""
    assert detour.invitation is not None  # the database says so
    invitation = await invitations.take_hashed(connection, detour.invitation)
    if invitation.kind != "invitation":
        raise LinkSpent("That was no invitation.")
    if await logins.find(connection, invitation.email):  # a link gives no login of somebody's away
        raise NoLogin("Sign in first.")
    login_id = await logins.add(connection, invitation.email, invitation.name)
    await vouched.keep(connection, login_id, who)
    await invitations.join(connection, invitation, login_id)
    begun = await _begin(asked, connection, login_id, who.has_shown(detour))
    return signed_in(asked, begun, f"/t/{invitation.slug}/desk" if invitation.slug else "/")


async def _step_up(asked: Asked, connection: Connection, detour: Detour, who: Vouched) -> None:
    """Raises LoginError."""
    if await _whose(asked, connection, who) != detour.login_id:
        raise NoLogin("The issuer knows them as somebody else.")
    if not who.has_shown(detour):
        raise NotShown("The issuer let them through.")
    await sign_ins.step_up(connection, asked.person.sign_in)


async def _keep(asked: Asked, connection: Connection, detour: Detour, who: Vouched) -> None:
    """Raises LoginError."""
    assert detour.login_id is not None  # the database says so
    await vouched.keep(connection, detour.login_id, who)
    await _note(asked, connection, detour.login_id, who)


def _back(asked: Asked) -> str:
    """Where the issuer sends the browser: it must know this address of the console's."""
    return site(asked).origin + BACK


def _astray(asked: Asked, error: LoginError) -> Seen:
    """The page of who did not arrive, which says why."""
    if isinstance(error, TooManyTries):
        return refused(asked, "entrance/astray.html", error)
    away = isinstance(error, IssuerAway)
    if away or isinstance(error, NotVouched):
        log.warning("%s (request %s)", error, asked.request_id)
    status = HTTPStatus.SERVICE_UNAVAILABLE if away else HTTPStatus.UNPROCESSABLE_ENTITY
    told = asked._(SAID.get(type(error), TAKEN), host=issuer(asked).host)
    return Seen("entrance/astray.html", {"told": told, "next": "/"}, status)


PLACES = (
    Place("/sign-in/oidc", post=sign_in),
    Place("/invitation/{token}/oidc", post=join),
    Place("/step-up/oidc", post=step_up),
    Place("/me/oidc", post=keep),
    Place("/me/oidc/drop", post=drop),
    Place(ON_THE_WAY, go),
    Place(BACK, come_back),
)
