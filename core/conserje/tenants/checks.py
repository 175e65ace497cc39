"""What was found when an account's provider was asked last; another address, setting or token ends it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from conserje.contract.account import Finding
from conserje.storage.database import Connection
from conserje.storage.text import clean

MOST_FINDINGS, LONGEST_TEXT = 20, 1000

NOTE = "UPDATE accounts SET checked = $3 WHERE tenant_id = $1 AND id = $2"
LIST = "SELECT id, checked FROM accounts WHERE tenant_id = $1 AND checked IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found at a moment; nothing, where there is nobody who could be asked."""

    at: datetime
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> list[Finding]:
        return [each for each in self.findings if each.level == "error"]

    @property
    def is_mendable(self) -> bool:
        """Whether nothing is wrong but where the provider posts."""
        return all(each.posts_to is not None for each in self.errors)

    @property
    def is_told(self) -> bool:
        """Whether the provider has said anything of it, good or bad."""
        return not self.findings or any(each.level != "warning" for each in self.findings)


_CHECK = TypeAdapter(Check)


async def note(connection: Connection, tenant_id: int, account_id: int, findings: Sequence[Finding]) -> None:
    """Keep what is found now; nothing for an account removed."""
    check = Check(datetime.now(UTC), tuple(map(_stored, findings[:MOST_FINDINGS])))
    await connection.execute(NOTE, tenant_id, account_id, _CHECK.dump_json(check).decode())


def _stored(found: Finding) -> Finding:
    """As it can be stored: a plugin may write whatever it likes."""
    text, remedy = (clean(each)[:LONGEST_TEXT] for each in (found.text, found.remedy))
    posts_to = found.posts_to if found.posts_to is None else clean(found.posts_to)[:LONGEST_TEXT]
    return replace(found, text=text, remedy=remedy, posts_to=posts_to)


async def list_all(connection: Connection, tenant_id: int) -> dict[int, Check]:
    """By the accounts' ids; what another release has written otherwise is as if nobody had asked."""
    found = {}
    for row in await connection.fetch(LIST, tenant_id):
        try:
            found[row["id"]] = _CHECK.validate_json(row["checked"])
        except ValidationError:
            continue
    return found
