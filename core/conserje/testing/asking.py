"""What assistants and tools are tried with, and what both keep: they wait for others, for many tenants."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx2

from conserje.contract.assistant import Contact, Tenant
from conserje.testing.provider import Handler, Provider, answering, raising
from conserje.testing.secrecy import check_error, discreet, secrets_of
from conserje.testing.watch import breathing

T = TypeVar("T")

TENANT = Tenant("tienda", "La Tienda", "es-CL", "CLP", "America/Santiago")
OTHER_TENANT = Tenant("ajena", "La Ajena", "pt-BR", "BRL", "America/Sao_Paulo")
CONTACT, OTHER_CONTACT = Contact(1, "Ana"), Contact(2, "Berta")

BAD_ANSWERS: Sequence[tuple[str, int, dict[str, str], str]] = (
    ("a 500", 500, {}, "{}"),
    ("a 502 of HTML", 502, {}, "<html>"),
    ("a 503", 503, {"retry-after": "17"}, ""),
    ("a 429", 429, {"retry-after": "17"}, "{}"),
    ("a 401", 401, {}, "{}"),
    ("a 403", 403, {}, "{}"),
    ("a redirect", 302, {"location": "https://elsewhere.example/"}, ""),
)
CUTS = (
    httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ReadTimeout, httpx2.WriteTimeout, httpx2.PoolTimeout,
    httpx2.ReadError, httpx2.RemoteProtocolError,
)  # fmt: skip


KEEP_NOTHING = "keep nothing of one in `self`, in the class or in the module."


def own(one: Any, other: Any) -> set[str]:
    """The secrets of a turn or a call that are not the other's."""
    return set(secrets_of(one.credentials)) - set(secrets_of(other.credentials))


@dataclass
class Desk:
    """A plugin that has started, and who stands in for whoever it asks."""

    plugin: Any
    provider: Provider
    http: httpx2.AsyncClient = field(repr=False)


@asynccontextmanager
async def desk(kind: Any, operator: Any, answer: Handler) -> AsyncIterator[Desk]:
    provider = Provider(answer)
    async with provider.client() as http:
        plugin = kind(kind.Operator.model_validate(dict(operator)), http)
        if starting := getattr(plugin, "start", None):
            await breathing(starting())
        try:
            yield Desk(plugin, provider, http)
        finally:
            if closing := getattr(plugin, "close", None):
                await breathing(closing())


async def outcome(work: Awaitable[T], private: Sequence[str]) -> T | Exception:
    """What it gives or raises, while the loop breathes and nothing private is said."""
    with discreet(private):
        try:
            return await breathing(work, may_wait=True)
        except Exception as error:
            check_error(error, private)
            return error


def bad_answers() -> Sequence[tuple[str, Handler]]:
    """Answers of a provider that does not do its part."""
    answered = [(what, answering(status, text, headers)) for what, status, headers, text in BAD_ANSWERS]
    return [*answered, *((error.__name__, raising(error)) for error in CUTS)]


def quoting(private: Sequence[str]) -> Handler:
    """A refusal that says what was sent again."""
    body = {"error": {"message": " ".join(private), "code": 1}, "message": " ".join(private)}
    return lambda _: httpx2.Response(400, json=body)
