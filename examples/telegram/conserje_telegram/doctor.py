"""Whether a bot is well and posts to us, and its setting up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from conserje import CannotTell, Finding, Refused
from conserje.kit import Answered
from conserje_telegram.api import Bot, words
from conserje_telegram.updates import KINDS

_RECENT = 3600.0  # seconds in which an error of posting counts
_SEAL = "Seal the token that @BotFather shows for this bot."
_CONFIGURE = "Have `conserje account configure` set it."


async def examine(bot: Bot, address: str, webhook: str) -> list[Finding]:
    """Raises CannotTell."""
    answered = await bot.look("getMe")
    if not answered.ok:
        return [Finding("error", f"Telegram does not accept the token: {words(answered)}.", _SEAL)]
    me = _told(answered)
    if str(me.get("id")) != address:
        return [Finding("error", f"The token is of the bot {me.get('id')}, not of {address}.", _SEAL)]
    info = _told(await bot.look("getWebhookInfo"))
    return [Finding("ok", f"The token is good: @{me.get('username', '?')}."), *_of_webhook(info, webhook)]


def _of_webhook(info: Mapping[str, Any], webhook: str) -> Iterator[Finding]:
    used = str(info.get("url", ""))
    if used != webhook:
        text = f"Telegram posts to {used or 'nobody'}, not to {webhook}."
        yield Finding("error", text, _CONFIGURE, used)
        return
    yield Finding("ok", f"Telegram posts to {webhook}.")
    if set(info.get("allowed_updates", ())) != set(KINDS):
        yield Finding("warning", "Telegram does not post all that is read here.", _CONFIGURE, used)
    if info.get("last_error_date", 0) > time.time() - _RECENT:
        waiting = info.get("pending_update_count", 0)
        text = f"Telegram could not post: {info.get('last_error_message', '?')}; {waiting} wait."
        yield Finding("warning", text, "See that the address can be reached from outside.")


async def configure(bot: Bot, webhook: str, secret: str) -> None:
    """Raises Refused or CannotTell."""
    wanted = {"url": webhook, "secret_token": secret, "allowed_updates": list(KINDS)}
    answered = await bot.look("setWebhook", **wanted)
    if not answered.ok:
        raise Refused(f"Telegram refuses: {words(answered)}.")


def _told(answered: Answered) -> Mapping[str, Any]:
    """Raises CannotTell."""
    match answered.json:
        case {"result": dict(result)}:
            return result
    raise CannotTell(f"Telegram's answer ({answered.status}) says nothing of the bot.")
