"""A place as the server asks it: who comes, may they, and then what is seen or done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import asyncpg
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Send
from starlette.types import Scope as Connected

from conserje.access import sign_ins
from conserje.access.signed import Signed
from conserje.errors import NotThere, OperatorError, UnknownTenant
from conserje.storage.scope import Scope, acting_for, acting_for_all
from conserje.tenants.entry import Entry
from conserje_edge.console import cookies, forms
from conserje_edge.console.asked import Asked
from conserje_edge.console.bells import Bells
from conserje_edge.console.languages import chosen, speech
from conserje_edge.console.place import Answer, Deed, Part, Place, See, Seen, ShowOnce, View
from conserje_edge.console.refusal import Refusal
from conserje_edge.console.render import Templates
from conserje_edge.operator.context import Context
from conserje_edge.wire.hosts import SLUG

STEP_UP, SIGN_IN = "/step-up", "/sign-in"
LIVE = "x-live"  # of what a script asks, and why: bell, let-go, form
OPERATORS = "/o/"  # below it nothing is there for who is not of the operator's


class _Undone(Exception):
    """Leaves the transaction of a deed that is answered by its form."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True)
class Endpoint:
    """An ASGI application for one place. What is refused is raised as Refusal."""

    context: Context
    bells: Bells
    templates: Templates
    place: Place

    async def __call__(self, scope: Connected, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        asked = await begin(self.context, request)
        request.state.asked = asked  # for the page of a refusal
        answer = await self._answer(asked)
        response = self._response(asked, answer)
        await response(scope, receive, send)

    async def _answer(self, asked: Asked) -> Answer:
        part = self._part(asked.request.method)
        if asked.who is None and not part.is_open:
            return See(f"{SIGN_IN}?{urlencode({'next': _page(asked)})}")
        path = await self._admit(asked, part)
        if part.is_act and asked.must_step_up(part.act):
            return See(f"{STEP_UP}?{urlencode({'next': _page(asked)})}")
        if isinstance(part, Deed):
            return await self._do(asked, part, path)
        assert isinstance(part, View)
        return await self._see(asked, part, path)

    def _part(self, method: str) -> Part:
        part = self.place.post if method == "POST" else self.place.get if method in ("GET", "HEAD") else None
        if part is None:
            raise Refusal(HTTPStatus.METHOD_NOT_ALLOWED)
        return part

    async def _admit(self, asked: Asked, part: Part) -> dict[str, Any]:
        """The path's parameters. Raises Refusal: what is another's is not there."""
        if self.place.path.startswith(OPERATORS) and not asked.person.operator_role:
            raise Refusal(HTTPStatus.NOT_FOUND)
        given = dict(asked.request.path_params)
        slug = given.pop("slug", None)
        if slug is not None:
            await self._look_at_tenant(asked, slug)
        if part.is_act:
            asked.act = part.act
            if not asked.may(part.act):
                raise Refusal(HTTPStatus.FORBIDDEN)
        return _typed(part, given)

    async def _look_at_tenant(self, asked: Asked, slug: str) -> None:
        entry = await tenant_of(self.context, asked.person, slug)
        if entry is None:
            raise Refusal(HTTPStatus.NOT_FOUND)
        asked.entry = entry
        asked.speech = speech(asked.language, entry.tenant)

    async def _see(self, asked: Asked, view: View, path: Mapping[str, Any]) -> Answer:
        if self.place.once and not asked.request.headers.get(LIVE):
            once = cookies.shown_once(asked.request)
            if once is not None:
                return Seen(self.place.once, once)
        try:
            async with self._transaction(asked, view):
                answer: Answer = await view.function(asked, **path)
                if view.audited and asked.person.member_of(asked.tenant_id) is None:
                    await asked.audit(asked.connection)
                return answer
        except NotThere:
            raise Refusal(HTTPStatus.NOT_FOUND) from None

    async def _do(self, asked: Asked, deed: Deed, path: Mapping[str, Any]) -> Answer:
        try:
            asked.form = await forms.read(asked.request, deed.upload)
            return await self._done(asked, deed, path)
        except _Undone as undone:
            return undone.answer
        except (OperatorError, asyncpg.DataError) as error:
            return _told(asked, error)
        finally:
            await asked.form.close()
            if deed.transaction == "core" and asked.entry:
                self.context.directory.changed(asked.entry.tenant.id)
            if asked.entry:
                self.bells.ring(asked.entry.tenant.id)

    async def _done(self, asked: Asked, deed: Deed, path: Mapping[str, Any]) -> Answer:
        async with self._transaction(asked, deed):
            answer: Answer = await deed.function(asked, **path)
            if isinstance(answer, Seen) and answer.status >= HTTPStatus.BAD_REQUEST:
                raise _Undone(answer)
            if deed.is_act and asked.scope:
                await asked.audit(asked.connection)
            return answer

    @asynccontextmanager
    async def _transaction(self, asked: Asked, part: Part) -> AsyncIterator[Scope | None]:
        if part.transaction is None:
            yield None
            return
        pool = self.context.pool
        opened = acting_for(pool, asked.tenant.id) if part.transaction == "tenant" else acting_for_all(pool)
        async with opened as asked.scope:
            yield asked.scope
        asked.scope = None

    def _response(self, asked: Asked, answer: Answer) -> Response:
        if isinstance(answer, See | ShowOnce):
            response: Response = RedirectResponse(answer.url, HTTPStatus.SEE_OTHER)
            if asked.request.method == "POST" and asked.request.headers.get(LIVE):  # a script that stays
                response = Response(status_code=HTTPStatus.NO_CONTENT, headers={"x-see": answer.url})
            cookies.keep_flashes(asked.request, response, asked.flashes)
            if isinstance(answer, ShowOnce):
                cookies.keep_once(asked.request, response, answer.url, answer.values)
            return response
        if isinstance(answer, Response):
            return answer
        return page(self.templates, asked, answer)


def page(templates: Templates, asked: Asked, seen: Seen) -> Response:
    """The page, with the sentences that the last one left."""
    patching = asked.request.headers.get(LIVE, "form") != "form"  # it has no place for them
    if not patching:
        asked.flashes = cookies.flashes(asked.request) + asked.flashes
    response = HTMLResponse(templates.render(asked, seen.template, seen.values), seen.status)
    if not patching:
        cookies.drop_flashes(asked.request, response)
        cookies.drop_once(asked.request, response)
    return response


async def begin(context: Context, request: Request) -> Asked:
    """Who asks, and in which language."""
    token, who = cookies.sign_in(request), None
    if token:
        who = await sign_ins.find(context.pool, token, request.state.address)
    wanted = request.query_params.get("lang")
    language = chosen(wanted, who.language if who else None, request.headers.get("accept-language", ""))
    return Asked(request, context, speech(language), who)


def _typed(part: Part, given: Mapping[str, str]) -> dict[str, Any]:
    """What cannot be is not there."""
    try:
        if "\0" in "".join(given.values()):
            raise Refusal(HTTPStatus.NOT_FOUND)
        return {name: part.path[name].validate_strings(value) for name, value in given.items()}
    except ValidationError:
        raise Refusal(HTTPStatus.NOT_FOUND) from None


async def tenant_of(context: Context, who: Signed, slug: str) -> Entry | None:
    """The tenant of this slug, where the person has a part in it; whether there is another, nobody hears."""
    if not SLUG.match(slug):
        return None
    try:
        entry = await context.directory.by_slug(slug)
    except UnknownTenant:
        return None
    return entry if who.operator_role or who.member_of(entry.tenant.id) else None


def _page(asked: Asked) -> str:
    """The page that is asked for, or from which something was posted."""
    url = asked.request.url
    if asked.request.method != "POST":
        return url.path + (f"?{url.query}" if url.query else "")
    left = urlsplit(asked.request.headers.get("referer", ""))
    if left.netloc != asked.request.headers["host"]:
        return "/"
    return local(left.path + (f"?{left.query}" if left.query else ""))


def local(path: str) -> str:
    """A path of this host's, or `/`: what stands in a link may lead anywhere."""
    there = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if there else "/"


def _told(asked: Asked, error: OperatorError | asyncpg.DataError) -> See:
    """The page that was left, which says why it was not done."""
    sentence = asked._("Something that was typed cannot be stored: look at it again.")
    asked.flash(str(error) if isinstance(error, OperatorError) else sentence, "bad")
    return See(_page(asked))
