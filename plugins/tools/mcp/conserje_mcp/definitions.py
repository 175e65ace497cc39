"""What an MCP server says of its tools: strangers' words, taken only where they are as they were allowed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from conserje import Offer
from conserje_mcp.models import NAME, Allowed, callable_name
from conserje_mcp.server import Server

PAGES = 10
MOST = 500  # tools of one server that are looked at
LONGEST_SCHEMA = 8000  # characters
_NAME = re.compile(NAME)
_CHOICES = frozenset({"oneOf", "anyOf", "allOf", "enum", "not", "$ref"})  # which no model takes at the top


@dataclass(frozen=True, slots=True)
class Definition:
    """One tool as the server describes it."""

    name: str
    description: str
    schema: Mapping[str, Any]
    fault: str = ""  # why no model could call it

    @property
    def pin(self) -> str:
        written = json.dumps([self.name, self.description, self.schema], sort_keys=True)
        return hashlib.sha256(written.encode()).hexdigest()

    def offer(self, allowed: Allowed) -> Offer:
        described = f"A tool of the business's own server, which says of it: {self.description}"
        schema = {key: value for key, value in self.schema.items() if key != "$schema"}
        return Offer(callable_name(self.name), described, schema, allowed.effect)


async def definitions(server: Server) -> dict[str, Definition]:
    """By name. Raises NotDone or ServerDidNotSay."""
    found: dict[str, Definition] = {}
    cursor: dict[str, str] = {}
    for _ in range(PAGES):
        page = await server.ask("tools/list", cursor)
        listed = page.get("tools")
        found |= {each.name: each for each in _read(listed if isinstance(listed, list) else [])}
        match page.get("nextCursor"):
            case str(after) if after and len(found) < MOST:
                cursor = {"cursor": after}
            case _:
                break
    return found


def _read(listed: list[Any]) -> Iterator[Definition]:
    for each in listed[:MOST]:
        match each:
            case {"name": str(name), "inputSchema": dict(schema)}:
                said = each.get("description")
                described = said if isinstance(said, str) else ""
                yield Definition(name, described, schema, _fault(name, schema))


def _fault(name: str, schema: Mapping[str, Any]) -> str:
    if not _NAME.fullmatch(name):
        return "its name is not A-Z, a-z, 0-9, _, . and -, at most 64"
    try:
        written = json.dumps(schema)
    except RecursionError:
        return "its parameters are too deep"
    if len(written) > LONGEST_SCHEMA:
        return "its parameters are too long"
    if schema.get("type") != "object" or _CHOICES & schema.keys():
        return "its parameters are no plain object"
    return "it wants headers of its own" if '"x-mcp-header"' in written else ""


def withheld(allowed: Mapping[str, Allowed], found: Mapping[str, Definition]) -> dict[str, str]:
    """Why each tool that is allowed is not offered, where it is not."""
    return {name: why for name, each in allowed.items() if (why := _why(each, found.get(name)))}


def _why(allowed: Allowed, found: Definition | None) -> str:
    if found is None:
        return "the server has it no more"
    if found.pin != allowed.pin:
        return "the server says something else of it than when it was allowed"
    return found.fault
