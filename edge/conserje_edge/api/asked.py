"""What an operation is told of the request beside its arguments."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from conserje.storage.database import Connection
from conserje.storage.scope import Scope
from conserje.tenants.entry import Entry
from conserje.tenants.tenants import Tenant
from conserje_edge.api.models import Shown
from conserje_edge.api.problem import problem
from conserje_edge.operator.auth import Caller
from conserje_edge.operator.context import Context

ANY = "*"


@dataclass(slots=True)
class Asked:
    """Who asks, of whom, and how.

    `headers` go with the answer; `remembered` is answered in its place to who asks again by the same
    Idempotency-Key, where the answer has what is shown once.
    """

    caller: Caller
    context: Context
    request_id: str
    entry: Entry | None = None  # of the tenant in the path
    scope: Scope | None = None  # of an operation in a transaction
    if_match: str | None = None
    given: Mapping[str, str] = field(default_factory=dict)  # the request's headers
    headers: dict[str, str] = field(default_factory=dict)
    remembered: Shown | None = None

    @property
    def tenant(self) -> Tenant:
        """The one in the path, which the caller may see."""
        assert self.entry is not None  # the path has {slug}
        return self.entry.tenant

    @property
    def tenant_id(self) -> int | None:
        """Of the one in the path; without one it is asked of all, by the operator."""
        return self.entry.tenant.id if self.entry else None

    @property
    def transaction(self) -> Scope:
        """What is done in it is done once under an Idempotency-Key; its `due` are the jobs of it."""
        assert self.scope is not None  # the operation says `transaction`
        return self.scope

    @property
    def connection(self) -> Connection:
        return self.transaction.connection

    def match(self, now: Shown) -> None:
        """Raises Problem 412 where the caller has seen another state of the thing than this one."""
        if self.if_match is None or self.if_match.strip() == ANY:
            return
        if etag(now) not in [each.strip() for each in self.if_match.split(",")]:
            raise problem("changed-meanwhile")


def etag(shown: Shown) -> str:
    """A strong one: of what is answered, byte by byte."""
    return f'"{hashlib.sha256(shown.model_dump_json().encode()).hexdigest()[:32]}"'
