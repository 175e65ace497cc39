"""How Meta is asked: the Graph API over core's HTTP client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from conserje import Opened
from conserje.kit import form
from conserje_meta.errors import TOO_MANY_CALLS, GraphError, NoAnswer, NotAsked, details

_LONGEST_WAIT = 300.0
_NEVER_WRITTEN = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


@dataclass(frozen=True, slots=True)
class Graph:
    """The Graph API with one access token. Each call raises GraphError or NoAnswer."""

    http: httpx2.AsyncClient
    url: str  # with the version
    token: str = field(repr=False)

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await self._ask("POST", path, json=body or {})

    async def upload(self, path: str, fields: Mapping[str, str], name: str, opened: Opened) -> dict[str, Any]:
        """Post a file as it is read, never whole in memory. Raises what its reading raises, too."""
        sent = form(fields, "file", name, fields["type"], opened)
        headers = self.authorization() | sent.headers
        return await self._ask("POST", path, content=sent.content, headers=headers)

    def authorization(self) -> dict[str, str]:
        """The headers of every call, those for a file's bytes too."""
        return {"Authorization": f"Bearer {self.token}", "User-Agent": "Conserje"}

    async def _ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        try:
            answer = await self.http.request(
                method,
                f"{self.url}/{path}",
                follow_redirects=False,
                **{"headers": self.authorization(), **given},
            )
        except _NEVER_WRITTEN as error:
            raise NotAsked(f"Meta could not be reached ({type(error).__name__}).") from None
        except httpx2.RequestError as error:
            raise NoAnswer(f"Meta's answer did not come ({type(error).__name__}).") from None
        return _understood(answer, self.token)


def _understood(answer: httpx2.Response, token: str) -> dict[str, Any]:
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        document = None
    error = document.get("error") if isinstance(document, dict) else None
    error = error if isinstance(error, dict) else {}
    code = error.get("code")
    retry_after = _seconds(answer.headers.get("retry-after", ""))
    if isinstance(code, int):
        told = details(error).replace(token, "[redacted]")
        raise GraphError(code, answer.status_code, retry_after, error.get("error_subcode"), told)
    if answer.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        raise GraphError(TOO_MANY_CALLS, answer.status_code, retry_after)
    if not (answer.is_success and isinstance(document, dict)):
        raise NoAnswer(f"Meta answered {answer.status_code}, which does not say what it did.")
    return document


def _seconds(retry_after: str) -> float | None:
    if not (retry_after.isascii() and retry_after.isdecimal()):
        return None
    return min(max(float(retry_after[:6]), 1.0), _LONGEST_WAIT)
