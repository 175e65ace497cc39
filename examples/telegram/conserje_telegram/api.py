"""How the Bot API is asked, and what its refusals mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from conserje import AccountFault, Refused, Unreachable
from conserje.kit import Answered, ask, look

_RETRY_AFTER = "parameters.retry_after"
# Of Telegram's own words those are repeated that quote nobody: these, and codes as BUTTON_DATA_INVALID.
_KNOWN = re.compile(
    r"bot was blocked by the user|user is deactivated|bot can't initiate conversation with a user"
    r"|chat not found|user not found|can't parse entities"
    r"|message text is empty|message is too long|message caption is too long"
    r"|failed to get HTTP URL content|wrong type of the web page content"
    r"|file is too big|invalid file_id|wrong file_id or the file is temporarily unavailable"
    r"|bad webhook|invalid webhook URL specified|secret token is too long"
    r"|(?<=: )[A-Z]{2,}(?:_[A-Z0-9]+)+$"
)
# Who never wrote to the bot, or is there no more, is as far away as who has blocked it.
_NOBODY = frozenset({"chat not found", "user not found", "PEER_ID_INVALID"})


@dataclass(frozen=True, slots=True)
class Bot:
    """The Bot API with one token, which stands in every address."""

    http: httpx2.AsyncClient
    base_url: str
    token: str = field(repr=False)

    async def send(self, method: str, **sent: Any) -> Mapping[str, Any]:
        """Something that must not happen twice: what Telegram made of it. Raises what `Channel.send` may."""
        answered = await ask(self.http, "POST", self._url(method), retry_after=_RETRY_AFTER, **sent)
        if not answered.ok:
            raise self.refusal(answered)
        return _result(answered)

    async def look(self, method: str, **fields: object) -> Answered:
        """Something that may be asked again. Raises CannotTell."""
        return await look(self.http, "POST", self._url(method), retry_after=_RETRY_AFTER, json=fields)

    def refusal(self, answered: Answered) -> Exception:
        """What an answer means that is none of ours to try again."""
        said = words(answered)
        if answered.status in (401, 404):  # the token is part of the path
            remedy = "seal the one that @BotFather shows"
            return AccountFault(f"Telegram does not accept the token: {remedy}.", retry=False)
        if answered.status == 403 or said in _NOBODY:
            return Unreachable(said)
        return Refused(f"Telegram refuses the message: {said}.")

    def file_url(self, path: str) -> str:
        return f"{self.base_url}/file/bot{self.token}/{path}"

    def _url(self, method: str) -> str:
        return f"{self.base_url}/bot{self.token}/{method}"


def words(answered: Answered) -> str:
    """What Telegram says of it."""
    said = answered.json.get("description") if isinstance(answered.json, dict) else None
    known = _KNOWN.search(said) if isinstance(said, str) else None
    return known[0] if known else f"error {answered.status}"


def _result(answered: Answered) -> Mapping[str, Any]:
    result = answered.json.get("result") if isinstance(answered.json, dict) else None
    return result if isinstance(result, dict) else {}
