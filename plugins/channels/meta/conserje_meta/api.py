"""Meta's Graph API over core's HTTP client: calls, and what its answers mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from conserje import OptedOut, OutsideWindow, Refused, TryLater, Uncertain
from conserje_meta.errors import OUTSIDE_WINDOW, STOPPED_MARKETING, TOO_MANY_CALLS, WAITS, explain

LONGEST_WAIT = 300.0
_NEVER_WRITTEN = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


class GraphError(Exception):
    """Meta's own word that it did not do what it was asked; the text quotes nothing that was sent."""

    def __init__(self, code: int, status: int, retry_after: float | None) -> None:
        super().__init__(explain(code))
        self.code = code
        self.status = status
        # Seconds; None: asking again does not help.
        self.wait = (retry_after or WAITS[code]) if code in WAITS else None


class NotAsked(Exception):
    """Meta could not be reached, so it has nothing."""


class NoAnswer(Exception):
    """Meta's answer did not come, or was none of Meta's."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The Graph API with one access token. Each call raises GraphError, NotAsked or NoAnswer."""

    http: httpx2.AsyncClient
    url: str  # with the version
    token: str = field(repr=False)

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        return await self._ask("GET", path, params=query)

    async def post(self, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return await self._ask("POST", path, json=body or {})

    def authorization(self) -> dict[str, str]:
        """The headers of every call, those for a file's bytes too."""
        return {"Authorization": f"Bearer {self.token}", "User-Agent": "Conserje"}

    async def _ask(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        try:
            answer = await self.http.request(
                method,
                f"{self.url}/{path}",
                headers=self.authorization(),
                follow_redirects=False,
                **given,
            )
        except _NEVER_WRITTEN as error:
            raise NotAsked(f"Meta could not be reached ({type(error).__name__}).") from None
        except httpx2.TransportError as error:
            raise NoAnswer(f"Meta's answer did not come ({type(error).__name__}).") from None
        return _understood(answer)


def _understood(answer: httpx2.Response) -> dict[str, Any]:
    try:
        document = answer.json()
    except (ValueError, RecursionError):
        document = None
    error = document.get("error") if isinstance(document, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    retry_after = _seconds(answer.headers.get("retry-after", ""))
    if isinstance(code, int):
        raise GraphError(code, answer.status_code, retry_after)
    if answer.status_code == httpx2.codes.TOO_MANY_REQUESTS:
        raise GraphError(TOO_MANY_CALLS, answer.status_code, retry_after)
    if not (answer.is_success and isinstance(document, dict)):
        raise NoAnswer(f"Meta answered {answer.status_code}, which does not say what it did.")
    return document


def _seconds(retry_after: str) -> float | None:
    if not (retry_after.isascii() and retry_after.isdecimal()):
        return None
    return min(max(float(retry_after[:6]), 1.0), LONGEST_WAIT)


def outcome(error: GraphError | NotAsked | NoAnswer) -> Exception:
    """What a failed `send` means."""
    match error:
        case NotAsked():
            return TryLater(str(error))
        case GraphError(wait=float(wait)):
            return TryLater(str(error), wait)
        case GraphError(code=code) if code == OUTSIDE_WINDOW:
            return OutsideWindow(str(error))
        case GraphError(code=code) if code == STOPPED_MARKETING:
            return OptedOut(str(error), marketing=True)
        case GraphError(status=status) if status < 500:
            return Refused(str(error))
        case _:
            return Uncertain(str(error))
