"""What a view or a deed is told of the request beside its path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from conserje.access import acts, audit
from conserje.access.signed import Signed
from conserje.storage.database import Connection
from conserje.storage.scope import Scope
from conserje.storage.text import clean
from conserje.tenants.entry import Entry
from conserje.tenants.tenants import Tenant
from conserje_edge.console.languages import Speech
from conserje_edge.operator.context import Context


@dataclass(slots=True)
class Asked:
    """Who asks, of whom, and what was typed.

    A deed says by `of`, `before` and `after` what the audit keeps of it, secrets never.
    """

    request: Request
    context: Context
    speech: Speech
    who: Signed | None = None
    entry: Entry | None = None  # of the tenant in the path
    form: FormData = field(default_factory=FormData)
    scope: Scope | None = None  # of what is done in a transaction
    act: str = ""
    of: str = ""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    flashes: list[tuple[str, str]] = field(default_factory=list)  # a kind and a sentence, for the next page

    @property
    def person(self) -> Signed:
        """Who is signed in."""
        assert self.who is not None  # the act is not open to everybody
        return self.who

    @property
    def tenant(self) -> Tenant:
        """The one in the path, in which the person has a part."""
        assert self.entry is not None  # the path has {slug}
        return self.entry.tenant

    @property
    def tenant_id(self) -> int | None:
        return self.entry.tenant.id if self.entry else None

    @property
    def transaction(self) -> Scope:
        """Its `due` are the jobs of it."""
        assert self.scope is not None  # the view or the deed says `transaction`
        return self.scope

    @property
    def connection(self) -> Connection:
        return self.transaction.connection

    @property
    def language(self) -> str:
        return self.speech.language

    @property
    def zone(self) -> ZoneInfo:
        return self.speech.zone

    @property
    def address(self) -> IPv4Address | IPv6Address | None:
        """From where it is asked; None at a unix socket."""
        address: IPv4Address | IPv6Address | None = self.request.state.address
        return address

    @property
    def request_id(self) -> str:
        return str(self.request.state.request_id)

    def _(self, text: str, **values: object) -> str:
        """The sentence in the person's language; as in templates, a percent sign is written twice."""
        return self.speech.gettext(text) % values

    def ngettext(self, one: str, many: str, number: int, **values: object) -> str:
        """The sentence for so many; it may have the number as %(num)s."""
        return self.speech.ngettext(one, many, number) % {"num": number, **values}

    def may(self, act: str) -> bool:
        """Whether the person may do this to the tenant in the path; without one, to the installation."""
        return self.who is not None and acts.may(self.who, act, self.tenant_id)

    def must_step_up(self, act: str) -> bool:
        """Whether the person must show once more who they are before they do this."""
        return acts.ACTS[act].step_up and not self.person.stepped_up

    def to(self, *path: object, **query: object) -> str:
        """The address of a page of the tenant's: `asked.to("desk", 7, tab="mine")`."""
        way = "/".join(["", "t", self.tenant.slug, *map(str, path)])
        return f"{way}?{urlencode(query)}" if query else way

    def here(self, **query: object) -> str:
        """This page's address with other query parameters; None takes one away."""
        given = {**self.query, **query}
        left = {name: value for name, value in given.items() if value is not None}
        path = self.request.url.path
        return f"{path}?{urlencode(left)}" if left else path

    @property
    def query(self) -> dict[str, str]:
        """What is in the address behind the question mark."""
        return {name: clean(value) for name, value in self.request.query_params.items()}

    def given(self, name: str) -> str:
        """What was typed in a field, without space around it; empty where there is no such field."""
        value = self.form.get(name)
        return clean(value).replace("\r\n", "\n").strip() if isinstance(value, str) else ""

    def chosen(self, name: str) -> list[str]:
        """What was ticked of several fields of one name."""
        return [clean(value) for value in self.form.getlist(name) if isinstance(value, str)]

    def file(self, name: str) -> UploadFile | None:
        """The file of a field; None where none was chosen."""
        value = self.form.get(name)
        return value if isinstance(value, UploadFile) and value.filename else None

    def flash(self, text: str, kind: str = "good") -> None:
        """Show a sentence on the next page, once. The kinds are those of a badge."""
        self.flashes.append((kind, text))

    async def audit(self, connection: Connection) -> None:
        """Keep what was done; only for what opens its own transaction, others are kept by the frame."""
        await audit.record(
            connection, self.person, self.act, tenant_id=self.tenant_id, of=self.of,
            before=self.before, after=self.after, address=self.address, request_id=self.request_id,
        )  # fmt: skip
