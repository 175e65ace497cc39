"""The predecessors' routes for bots: a tenant with number and assistant, and all else in metadata."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from conserje.contract.channel import Malformed
from conserje.errors import first_fault
from conserje.plugins import given, guard
from conserje.plugins.guard import PluginFailed
from conserje.storage.database import Connection
from conserje.tenants import export, phones, tenants
from conserje.tenants.entry import AccountUnusable, validated
from conserje.tenants.export import Record, RecordDiffers, RecordedAccount
from conserje.tenants.refusals import SENTENCES, TenantError
from conserje_edge.operator.auth import caller
from conserje_edge.operator.context import Context
from conserje_edge.wire.answers import Problem
from conserje_edge.wire.hosts import SLUG
from conserje_edge.wire.requests import read_body

NUMBERS = "twilio"  # the channel of a bot's number
INSTRUCTED = "openai"  # the assistant that takes instructions
WHATSAPP = "whatsapp:"
_NOT_OF_SLUGS = re.compile("[^a-z0-9]+")
OURS = frozenset(Record.model_fields) - {
    "name",
    "metadata",
}  # in a bot's metadata; the rest is the operator's


class Bot(BaseModel):
    """An entry of the list."""

    model_config = ConfigDict(extra="forbid")

    id: int | str | None = None
    name: str
    twilio_phone_number: str | None = None
    assistant_id: str | None = None
    instructions: str | None = None
    metadata: dict[str, Any] | None = None


class Odd(Exception):
    """An entry makes no sense; the text names the field."""


@dataclass
class Bots:
    """Lists tenants as bots, and makes tenants of such a list."""

    context: Context

    async def answer(self, request: Request) -> Response:
        return await (self.create if request.method == "POST" else self.listed)(request)

    async def listed(self, request: Request) -> Response:
        """GET /bots/."""
        caller(request).require("read")
        async with self.context.pool.acquire() as connection:
            return JSONResponse([self._shown(record) for record in await export.read(connection)])

    async def create(self, request: Request) -> Response:
        """POST /bots/ with one entry, or a list of which all are made or none."""
        caller(request).require("write")
        body = await read_body(request.headers, request.receive, self.context.settings.body_limit)
        try:
            posted = from_json(body, allow_inf_nan=False)
        except ValueError as error:
            raise _refusal(HTTPStatus.BAD_REQUEST, f"The body is no JSON: {error}.") from None
        entries = posted if isinstance(posted, list) else [posted]
        made, shown = await self._restore(entries)
        return JSONResponse(
            shown if isinstance(posted, list) else shown[0], HTTPStatus.CREATED if made else HTTPStatus.OK
        )

    async def _restore(self, entries: list[Any]) -> tuple[bool, list[dict[str, Any]]]:
        """Whether a tenant was made, and all of the entries as they are now. Raises Problem."""
        made, shown = False, []
        async with self.context.pool.acquire() as connection, connection.transaction():
            for place, entry in enumerate(entries, 1):
                try:
                    record = self._record(entry)
                    if slug := await _known(connection, entry, record):
                        await export.change(connection, self.context.vault, slug, record)
                    else:
                        made |= await export.restore(connection, record)
                except (Odd, AccountUnusable, TenantError) as error:
                    raise _refusal(HTTPStatus.BAD_REQUEST, f"{_named(entry, place)}: {error}") from None
                except RecordDiffers as error:
                    raise _refusal(HTTPStatus.CONFLICT, f"{_named(entry, place)}: {error}") from None
                [now] = await export.read(connection, record.slug)
                shown.append(self._shown(_with_missing(now, record)))
        return made, shown

    def _record(self, entry: object) -> Record:
        """The tenant that an entry describes. Raises Odd, TenantError or AccountUnusable."""
        try:
            bot = Bot.model_validate(entry)
        except ValidationError as error:
            raise Odd(first_fault(error)) from None
        metadata = bot.metadata or {}
        ours = {name: value for name, value in metadata.items() if name in OURS}
        try:
            record = Record.model_validate({"slug": _slug(bot.name), **ours, "name": bot.name})
        except ValidationError as error:
            raise Odd(f"metadata.{first_fault(error)}") from None
        if not SLUG.match(record.slug):
            raise Odd(f"metadata.slug: {SENTENCES['tenants_slug_form']}")
        if base := tenants.reserving_base(record.slug, self.context.settings.domains):
            raise Odd(f"metadata.slug: {record.slug} belongs to the base domain {base}: choose another.")
        theirs = {name: value for name, value in metadata.items() if name not in OURS}
        record.metadata = theirs | _kept(bot, record.slug) or None
        _instruct(record, bot)
        self._write_addresses(record)
        if bot.twilio_phone_number:
            _add_number(record, bot.twilio_phone_number)
        if record.phones:
            record.phones = [phones.normalised(phone) for phone in record.phones]
        self._check_settings(record)
        return record

    def _write_addresses(self, record: Record) -> None:
        """Write each address as its channel has it. Raises Odd."""
        for account in record.accounts or ():
            if channel := self.context.plugins.channels.get(account.channel):
                called = (channel, record.slug, "address", given.text, account.address)
                try:
                    account.address = guard.called(*called)
                except Malformed as error:
                    raise Odd(f"accounts: {error}") from None
                except PluginFailed as error:
                    raise Odd(f"accounts: {channel.name} cannot read an address: {error.place}.") from None

    def _check_settings(self, record: Record) -> None:
        """Raises AccountUnusable for settings that an installed plugin does not understand."""
        for account in record.accounts or ():
            if channel := self.context.plugins.channels.get(account.channel):
                what = f"settings of {account.channel} {account.address}"
                validated(channel.Settings, json.dumps(account.settings), what)
        for name, settings in (record.assistant_settings or {}).items():
            if assistant := self.context.plugins.assistants.get(name):
                validated(assistant.Settings, json.dumps(settings), f"settings of {name}")

    def _shown(self, record: Record) -> dict[str, Any]:
        """A tenant as an entry, from which it can be made again."""
        record.accounts = [each for each in map(self._seen, record.accounts or ()) if each]
        numbers = [
            account.address.removeprefix(WHATSAPP)
            for account in record.accounts
            if account.channel == NUMBERS and account.address.startswith(WHATSAPP)
        ]
        ours = record.model_dump(mode="json", exclude={"name", "metadata"}, exclude_none=True)
        instructions = ours["assistant_settings"].get(INSTRUCTED, {}).pop("instructions", "")
        theirs = dict(record.metadata or {})
        return {
            "id": theirs.pop("bot_id", record.slug),
            "name": record.name,
            "twilio_phone_number": numbers[0] if numbers else None,
            "assistant_id": theirs.pop("assistant_id", None),
            "instructions": instructions,
            "metadata": theirs | ours,
        }

    def _seen(self, account: RecordedAccount) -> RecordedAccount | None:
        """None for what every tenant has, made at its first use, where nothing is set in it."""
        channel = self.context.plugins.channels.get(account.channel)
        if channel is None or not channel.per_tenant:
            return account
        made = account.model_copy(update={"credentials": None})
        return made if account.settings or account.status != "active" else None


async def _known(connection: Connection, entry: dict[str, Any], record: Record) -> str | None:
    """The slug of the tenant that has the entry's id; it keeps it unless another is asked for."""
    if (id := entry.get("id")) is None or not (slug := await export.known(connection, str(id))):
        return None
    if "slug" not in (entry.get("metadata") or {}):
        record.slug = slug
    record.metadata = {name: value for name, value in (record.metadata or {}).items() if name != "bot_id"}
    return slug


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _NOT_OF_SLUGS.sub("-", plain).strip("-")[:40].rstrip("-")


def _kept(bot: Bot, slug: str) -> dict[str, Any]:
    """What Conserje has no other place for."""
    kept = {"bot_id": None if bot.id == slug else bot.id, "assistant_id": bot.assistant_id}
    return {name: value for name, value in kept.items() if value is not None}


def _instruct(record: Record, bot: Bot) -> None:
    if (bot.instructions or bot.assistant_id) and record.assistant is None:
        record.assistant = INSTRUCTED
    if bot.instructions:
        settings = record.assistant_settings or {}
        own = settings.get(INSTRUCTED, {}) | {"instructions": bot.instructions}
        record.assistant_settings = settings | {INSTRUCTED: own}


def _add_number(record: Record, number: str) -> None:
    """Raises Odd."""
    try:
        address = WHATSAPP + phones.normalised(number)
    except TenantError as error:
        raise Odd(f"twilio_phone_number: {error}") from None
    listed = record.accounts or []
    if (NUMBERS, address) not in [(account.channel, account.address) for account in listed]:
        record.accounts = [*listed, RecordedAccount(channel=NUMBERS, address=address)]


def _with_missing(now: Record, given: Record) -> Record:
    """`now`, which says where credentials that were an account's own have yet to be given."""
    own = {
        (account.channel, account.address)
        for account in given.accounts or ()
        if account.credentials in ("sealed", "missing")
    }
    for account in now.accounts or ():
        if (account.channel, account.address) in own and account.credentials != "sealed":
            account.credentials = "missing"
    return now


def _named(entry: object, place: int) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return f"Entry {place} ({name})" if isinstance(name, str) else f"Entry {place}"


def _refusal(status: HTTPStatus, detail: str) -> Problem:
    return Problem(status, told={"detail": detail})


def routes(context: Context) -> list[Route]:
    bots = Bots(context)
    return [Route(path, bots.answer, methods=["GET", "POST"]) for path in ("/bots", "/bots/")]
