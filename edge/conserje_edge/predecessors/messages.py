"""The predecessors' routes for writing to a tenant: the answer carries what the assistant says."""

from __future__ import annotations

import asyncio
import hashlib
import re
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conserje.contract.channel import AnyChannel, Malformed, Webhook, read_json
from conserje.contract.message import InboundMessage, contents
from conserje.contract.plain import plain
from conserje.conversations import listing
from conserje.conversations.listing import Exchange
from conserje.conversations.rows import digest, restored, stored
from conserje.errors import DirectoryUnavailable, UnknownTenant, first_fault
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import PluginMissing
from conserje.storage.scope import acting_for
from conserje.tenants import phones, tenants
from conserje.tenants.accounts import AccountRow
from conserje.tenants.entry import AccountUnusable, Entry
from conserje.tenants.refusals import TenantError
from conserje_edge.operator.auth import caller
from conserje_edge.operator.context import OperatorContext
from conserje_edge.wire.answers import Problem, unavailable
from conserje_edge.wire.hosts import SLUG
from conserje_edge.wire.requests import idempotency_key, read_body

CHANNEL = "json"
ANSWER_LIMIT = 15.0  # seconds
NEAREST = 3  # slugs suggested to the operator
SAID = {
    "answered": "success",
    "noted": "success",
    "with a person": "person",
    "held": "held",
    "dropped": "dropped",
}
LATER = ("pending", "held")
_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


class Written(BaseModel):
    """What is posted; the channel says what of it makes sense."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    telefono: str
    mensaje: str
    id: str | None = None  # names it once for its sender; an Idempotency-Key does, too


@dataclass
class Messages:
    """Writes to tenants by the channel json, and waits for what is answered."""

    context: OperatorContext

    async def write(self, request: Request) -> Response:
        """POST /webhook/<slug or old id>."""
        entry = await self._named(request, "write")
        return await self._exchange(entry, await self._read(request))

    async def write_by_sender(self, request: Request) -> Response:
        """POST /webhook, where the tenant is the sender's."""
        written = await self._read(request)
        entry = await self._of_sender(written.telefono)
        self._require(request, entry, "write")
        if entry is None:
            raise _refusal(
                HTTPStatus.NOT_FOUND,
                f"The sender {written.telefono} is no tenant's: add it by `conserje tenant phone add`.",
            )
        return await self._exchange(entry, written)

    async def answer(self, request: Request) -> Response:
        """GET /webhook/<slug>/<message id>."""
        entry = await self._named(request, "read")
        exchange = None
        if place := _ID.fullmatch(request.path_params["message"]):
            async with acting_for(self.context.pool, entry.tenant.id) as scope:
                exchange = await listing.exchange_at(
                    scope.connection, entry.tenant.id, int(place[1]), int(place[2])
                )
        if exchange is None:
            raise _refusal(HTTPStatus.NOT_FOUND, f"{entry.tenant.slug} has no such message.")
        return _answer(entry, exchange)

    async def _named(self, request: Request, scope: Literal["read", "write"]) -> Entry:
        """The tenant in the path: by its slug, else by an old id. Raises Problem."""
        name = request.path_params["name"]
        entry = await self._by_slug(name) or await self._by_alias(request, name)
        self._require(request, entry, scope)
        if entry is None:
            from rapidfuzz import process

            nearest = process.extract(name, await tenants.slugs(self.context.pool), limit=NEAREST)
            raise _refusal(
                HTTPStatus.NOT_FOUND, f"There is no tenant {name}.", nearest=[slug for slug, *_ in nearest]
            )
        return entry

    def _require(self, request: Request, entry: Entry | None, scope: Literal["read", "write"]) -> None:
        """Raises Problem; a tenant's key does not learn which others there are."""
        asking = caller(request)
        if asking.tenant_id not in (None, entry.tenant.id if entry else None):
            raise Problem(HTTPStatus.NOT_FOUND)
        asking.require(scope, asking.tenant_id)

    async def _by_slug(self, slug: str) -> Entry | None:
        if not SLUG.match(slug):
            return None
        try:
            return await self.context.directory.by_slug(slug)
        except UnknownTenant:
            return None
        except DirectoryUnavailable as error:
            raise unavailable(str(error)) from None

    async def _by_alias(self, request: Request, alias: str) -> Entry | None:
        if not alias.isprintable():  # Postgres cannot be asked for NUL
            return None
        found = await tenants.with_alias(self.context.pool, alias)
        if len(found) > 1 and caller(request).tenant_id is None:
            slugs = ", ".join(slug for _, slug in found)
            raise _refusal(HTTPStatus.CONFLICT, f"{alias} is an old id of {slugs}: write the slug.")
        return await self._by_slug(found[0][1]) if len(found) == 1 else None

    async def _of_sender(self, sender: str) -> Entry | None:
        try:
            slug = await phones.slug_of(self.context.pool, phones.normalised(sender))
        except TenantError:  # no phone is nobody's
            return None
        return await self._by_slug(slug) if slug else None

    async def _read(self, request: Request) -> Written:
        """The body, whatever content type it claims: curl calls everything a form. Raises Problem."""
        body = await read_body(request.headers, request.receive, self.context.settings.body_limit)
        key = idempotency_key(request.headers)
        try:
            written = Written.model_validate(read_json(body))
            return written if key is None else written.model_copy(update={"id": _named_by(key)})
        except Malformed:
            raise _refusal(HTTPStatus.BAD_REQUEST, "The body: it is not JSON.") from None
        except ValidationError as error:
            fault = first_fault(error)
            place = fault.place or "The body"
            raise _refusal(HTTPStatus.BAD_REQUEST, f"{place}: {fault.why}.") from None

    async def _exchange(self, entry: Entry, written: Written) -> Response:
        """Write as a contact, and answer with what is answered. Raises Problem."""
        entry, account, channel = await self._account(entry)
        hook, event = self._compose(entry, account, channel, written)
        await self.context.webhooks.take(channel, hook, entry)
        exchange = await self._wait(entry, account, digest(event.key))
        if restored(stored(event.content)) != exchange.message.content:
            detail = "This Idempotency-Key, or id, was another message's: make a new one for each."
            raise _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
        return _answer(entry, exchange)

    async def _account(self, entry: Entry) -> tuple[Entry, AccountRow, AnyChannel]:
        """The tenant's account of the channel, made where it is not there yet. Raises Problem."""
        try:
            channel = self.context.plugins.channel(CHANNEL)
        except PluginMissing as error:
            raise unavailable(str(error)) from None
        if (account := entry.own(CHANNEL)) is None or account.credentials is None:
            entry = await self.context.reception.ensure_account(entry, channel)
            account = entry.own(CHANNEL)
        if account is None:
            raise unavailable(f"{entry.tenant.slug}: its account of {CHANNEL} is not there yet")
        slug = entry.tenant.slug
        if not entry.tenant.active:
            raise _refusal(HTTPStatus.CONFLICT, f"{slug} is suspended: `conserje tenant resume` ends that.")
        if not account.active:
            raise _refusal(
                HTTPStatus.CONFLICT, f"The account {CHANNEL} of {slug} is suspended: set it active."
            )
        return entry, account, channel

    def _compose(
        self, entry: Entry, account: AccountRow, channel: AnyChannel, written: Written
    ) -> tuple[Webhook, InboundMessage]:
        """The signed request, and the message in it. Raises Problem."""
        url = f"{self.context.settings.tenant_url(entry.tenant.slug)}/bot/{CHANNEL}/webhook"
        try:
            opened = entry.opened(account, channel, self.context.vault)
            said = (opened, url, written.telefono, written.mensaje, *filter(None, [written.id]))
            hook = guard.called(channel, entry.tenant.slug, "compose", given.webhook, *said)
            (event,) = guard.parsed(channel, entry.tenant.slug, hook, opened)
        except AccountUnusable as error:
            raise unavailable(str(error)) from None
        except PluginFailed as error:
            raise unavailable(f"Channel {channel.name} failed to compose: {error.place}") from None
        except Malformed as error:
            raise _refusal(HTTPStatus.BAD_REQUEST, str(error)) from None
        assert isinstance(event, InboundMessage)
        return hook, event

    async def _wait(self, entry: Entry, account: AccountRow, key: bytes) -> Exchange:
        """The message with its answer, or without one after ANSWER_LIMIT. Raises Problem."""
        exchange = await self._look(entry, account, key)
        follow = self.context.feed.follow(entry.tenant.id, exchange.message.conversation_id, 0)
        try:
            async with asyncio.timeout(ANSWER_LIMIT), aclosing(follow) as looks:
                async for _ in looks:
                    exchange = await self._look(entry, account, key)
                    if exchange.message.state in SAID:
                        break
        except TimeoutError:
            pass
        return exchange

    async def _look(self, entry: Entry, account: AccountRow, key: bytes) -> Exchange:
        async with acting_for(self.context.pool, entry.tenant.id) as scope:
            exchange = await listing.exchange(scope.connection, entry.tenant.id, account.id, key)
        if exchange is None:
            raise Problem(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                f"{entry.tenant.slug}: a message was taken and is not stored",
            )
        return exchange


def _named_by(key: str) -> str:
    """The id of what is written under an Idempotency-Key."""
    return "key." + hashlib.sha256(key.encode()).hexdigest()[:40]


def _refusal(status: HTTPStatus, detail: str, **more: Any) -> Problem:
    return Problem(status, told={"detail": detail, **more})


def _answer(entry: Entry, exchange: Exchange) -> Response:
    message, turn = exchange.message, exchange.turn
    status = SAID.get(message.state, "pending")
    said = [reply.content for reply in exchange.replies]
    name = f"{message.conversation_id}-{message.id}"
    slug = entry.tenant.slug
    return JSONResponse(
        {
            "status": status,
            "tenant": slug,
            "message_id": name,
            "respuesta": "\n\n".join(map(plain, said)),
            "mensajes": [contents.dump_python(content, mode="json") for content in said],
            "intent": turn.intent if turn else None,
            "confidence": turn.confidence if turn else None,
            "waited_ms": round(turn.waited.total_seconds() * 1000) if turn else None,
            "thought_ms": round(turn.thought.total_seconds() * 1000) if turn else None,
        },
        HTTPStatus.ACCEPTED if status in LATER else HTTPStatus.OK,
        {"location": f"/webhook/{slug}/{name}"} if status in LATER else None,
    )


def routes(context: OperatorContext) -> list[Route]:
    messages = Messages(context)
    return [
        Route("/webhook", messages.write_by_sender, methods=["POST"]),
        Route("/webhook/{name}", messages.write, methods=["POST"]),
        Route("/webhook/{name}/{message}", messages.answer, methods=["GET"]),
    ]
