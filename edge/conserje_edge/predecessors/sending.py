"""The predecessors' route for sending: one program for each tenant posted a phone and a message to it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conserje.contract.channel import Malformed, read_json
from conserje.contract.message import Text
from conserje.delivery.addressees import SendUnfit, Whom
from conserje.delivery.sends import SendRefused, Wanted, send
from conserje.errors import DirectoryUnavailable, OperatorError, UnknownTenant, first_fault
from conserje.plugins.plugins import PluginMissing
from conserje.storage.scope import acting_for
from conserje.tenants import idempotency
from conserje.tenants.entry import Entry
from conserje.tenants.idempotency import Answered, KeyInUse, KeyReused
from conserje_edge.operator.auth import caller
from conserje_edge.operator.context import Context
from conserje_edge.wire.answers import Problem, unavailable
from conserje_edge.wire.hosts import SLUG
from conserje_edge.wire.requests import idempotency_key, read_body

OPERATOR = "operator"  # in whose name who has no key speaks


class Said(BaseModel):
    """What is posted."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    phone: str = Field(max_length=40)
    message: str


@dataclass
class Sending:
    """Writes to phones as the business."""

    context: Context

    async def answer(self, request: Request) -> Response:
        """POST /api/<slug>/send-message."""
        entry = await self._entry(request)
        body = await read_body(request.headers, request.receive, self.context.settings.body_limit)
        once = None
        if key := idempotency_key(request.headers):
            once = idempotency.Asked.of(entry.tenant.id, key, request.method, request.url.path, body)
        key_shown = caller(request).key
        wanted = _wanted(body, key_shown.id if key_shown else OPERATOR)
        try:
            answered = await self._send(entry, wanted, once)
        except SendRefused as error:
            return _refusal(HTTPStatus.CONFLICT, error.code, error)
        except SendUnfit as error:
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, error.code, error)
        except KeyInUse as error:
            return _refusal(HTTPStatus.CONFLICT, "idempotency-key-in-use", error)
        except KeyReused as error:
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused", error)
        except PluginMissing as error:
            raise unavailable(str(error)) from None
        return Response(answered.body, answered.status, media_type="application/json")

    async def _entry(self, request: Request) -> Entry:
        """The tenant in the path, whose key this is. Raises Problem."""
        slug, asking = request.path_params["slug"], caller(request)
        if not SLUG.match(slug):
            raise Problem(HTTPStatus.NOT_FOUND)
        try:
            entry = await self.context.directory.by_slug(slug)
        except UnknownTenant:
            raise Problem(HTTPStatus.NOT_FOUND) from None
        except DirectoryUnavailable as error:
            raise unavailable(str(error)) from None
        if asking.tenant_id not in (None, entry.tenant.id):
            raise Problem(HTTPStatus.NOT_FOUND)
        is_old = asking.key is not None and asking.key.uses == "predecessors"
        asking.require("write" if is_old else "send", entry.tenant.id)
        return entry

    async def _send(self, entry: Entry, wanted: Wanted, once: idempotency.Asked | None) -> Answered:
        async with acting_for(self.context.pool, entry.tenant.id) as scope:
            if once and (before := await idempotency.recall(scope.connection, once)):
                return before
            sent = await send(scope, entry, self.context.plugins, wanted)
            answered = Answered(HTTPStatus.OK, f'{{"success": true, "id": {sent.id}}}')
            if once:
                await idempotency.remember(scope.connection, once, answered)
            return answered


def _wanted(body: bytes, by: str) -> Wanted:
    """Raises Problem."""
    try:
        said = Said.model_validate(read_json(body))
    except Malformed:
        raise Problem(HTTPStatus.BAD_REQUEST, told={"detail": "The body is not JSON."}) from None
    except ValidationError as error:
        fault = first_fault(error)
        detail = f"{fault.place or 'The body'}: {fault.why}."
        raise Problem(HTTPStatus.BAD_REQUEST, told={"detail": detail}) from None
    return Wanted(Text(said.message), Whom(phone=said.phone), by)


def _refusal(status: HTTPStatus, code: str, error: OperatorError) -> Response:
    return JSONResponse({"success": False, "code": code, "error": str(error)}, status)


def routes(context: Context) -> list[Route]:
    return [Route("/api/{slug}/send-message", Sending(context).answer, methods=["POST"])]
