"""Lets assistants call the tools of a tenant's own MCP server, each of which the tenant has allowed.

The calls are our own: the SDK takes 55 MB in each worker, for three questions of JSON-RPC.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from conserje import Account, Call, CannotTell, Finding, Nothing, Offering, Result, Tool
from conserje_mcp.definitions import Definition, definitions, withheld
from conserje_mcp.models import Allowed, Arguments, MCPCredentials, MCPSettings, callable_name
from conserje_mcp.server import NotDone, Server, ServerDidNotSay

if TYPE_CHECKING:
    import httpx2

LONGEST = 8000  # characters of a result
SHOWN = 300  # of what an effect gave, for the tenant's people
_CUT = "\n[cut: the answer is longer]"
_KEPT = 1000  # servers whose sessions are kept
_SHOWN_TOOLS = 20  # that are not allowed, by one check
_CHECK = "Look at it by `conserje account check`, then allow it anew."


class MCP(Tool[Arguments, MCPCredentials, MCPSettings, Nothing]):
    """Offers the allowed tools of the server whose URL is the address of the tenant's account."""

    name = "mcp"
    contract = 1
    description = "Stands for the tools of the business's own server."
    Parameters = Arguments
    Credentials = MCPCredentials
    Settings = MCPSettings
    Operator = Nothing

    def __init__(self, operator: Nothing, http: httpx2.AsyncClient) -> None:
        super().__init__(operator, http)
        self._servers: OrderedDict[tuple[str, str], Server] = OrderedDict()

    async def offer(self, account: Account[MCPCredentials, MCPSettings]) -> Offering:
        allowed = account.settings.tools
        if not allowed:
            return Offering()
        found = await self._found(account)
        off = withheld(allowed, found)
        offers = [found[name].offer(each) for name, each in allowed.items() if name not in off]
        why = "; ".join(f"{name} is off, since {reason}" for name, reason in off.items())
        return Offering(offers, f"{why}. {_CHECK}" if why else "")

    async def run(self, call: Call[Arguments, MCPCredentials, MCPSettings]) -> Result:
        names = {callable_name(name): name for name in call.settings.tools}
        if (name := names.get(call.name)) is None:
            return Result("The business does not allow this any more.", failed=True)
        server = self._server(call.tenant.slug, call.address, call.credentials)
        try:
            said = await server.ask("tools/call", {"name": name, "arguments": call.arguments.root})
        except NotDone as error:
            return Result(str(error), failed=True)
        except ServerDidNotSay as error:
            if call.settings.tools[name].effect:
                raise  # perhaps it was done
            return Result(str(error), failed=True)
        text = _cut(_text(said))
        return Result(text or "(nothing)", " ".join(text.split())[:SHOWN], failed=said.get("isError") is True)

    async def examine(self, account: Account[MCPCredentials, MCPSettings]) -> Sequence[Finding]:
        found, allowed = await self._found(account), account.settings.tools
        off = withheld(allowed, found)
        return [
            Finding("ok", f"The server answers, and has {len(found)} tools."),
            *([_IN_CLEAR] if account.address.lower().startswith("http://") else []),
            *(_of_allowed(account.tenant, name, allowed[name], off, found) for name in allowed),
            *_of_others(account.tenant, allowed, found),
        ]

    async def _found(self, account: Account[MCPCredentials, MCPSettings]) -> dict[str, Definition]:
        if not account.address:
            raise CannotTell("The tenant has no server: `conserje account add SLUG mcp URL` names it.")
        try:
            return await definitions(self._server(account.tenant, account.address, account.credentials))
        except (NotDone, ServerDidNotSay) as error:
            raise CannotTell(str(error)) from None

    def _server(self, slug: str, url: str, credentials: MCPCredentials) -> Server:
        """The one that is kept, whose session goes on; a session is nobody else's."""
        known = self._servers.pop((slug, url), None)
        if known is None or known.headers != credentials.headers:
            known = Server(url, credentials.headers)
        self._servers[slug, url] = known
        if len(self._servers) > _KEPT:
            self._servers.popitem(last=False)
        return known


_IN_CLEAR = Finding("warning", "What is said to the server, its token too, goes in clear over http://.")


def _of_allowed(
    slug: str, name: str, allowed: Allowed, off: Mapping[str, str], found: Mapping[str, Definition]
) -> Finding:
    if name not in off:
        kind = "does something" if allowed.effect else "looks something up"
        return Finding("ok", f"{name} is offered, and {kind}.")
    there = found.get(name)
    return Finding("error", f"{name} is off, since {off[name]}.", _allow(slug, there) if there else "")


def _of_others(
    slug: str, allowed: Mapping[str, Allowed], found: Mapping[str, Definition]
) -> Iterator[Finding]:
    others = [each for name, each in found.items() if name not in allowed]
    for each in others[:_SHOWN_TOOLS]:
        if each.fault:
            yield Finding("ok", f"{_plain(each.name)[:64]} cannot be allowed, since {each.fault}.")
        else:
            yield Finding("ok", f"{_plain(each.name)[:64]} is not allowed.", _allow(slug, each))
    if (more := len(others) - _SHOWN_TOOLS) > 0:
        yield Finding("ok", f"{more} more are not allowed.")


def _allow(slug: str, there: Definition) -> str:
    """What it says of itself, and the setting that allows that."""
    setting = json.dumps({there.name: {"pin": there.pin, "effect": True}})
    return (
        f'It says of itself: "{_plain(there.description)[:1000]}". Whoever wants that allows it by'
        f" `conserje tenant set {slug} --tool-setting 'mcp.tools={setting}'`, with false where it only looks"
        " something up."
    )


def _plain(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _text(said: Mapping[str, Any]) -> str:
    parts = said.get("content")
    texts = [text for part in (parts if isinstance(parts, list) else []) if (text := _part(part))]
    if not texts and "structuredContent" in said:
        return json.dumps(said["structuredContent"], ensure_ascii=False)
    return "\n".join(texts)


def _part(part: object) -> str:
    match part:
        case {"type": "text", "text": str(text)} | {"type": "resource", "resource": {"text": str(text)}}:
            return text
        case {"type": str(kind)}:
            return f"[{kind[:20]}]"
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - len(_CUT)] + _CUT
