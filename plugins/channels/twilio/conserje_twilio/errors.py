"""Twilio's errors: what each code means to an operator, and what follows for a message."""

from __future__ import annotations

import httpx2

from conserje import (
    AccountFault,
    CannotTell,
    OptedOut,
    OutsideWindow,
    Refused,
    TryLater,
    Uncertain,
    Unreachable,
)

# Conserje may offer the same message again: Twilio did not take it.
_BUSY = frozenset({20429, 21611, 30001, 63017, 63018})
OPTED_OUT = 21610
OUTSIDE_WINDOW = 63016
NO_SUCH_CONTENT = 21655
NO_SUCH_SERVICE = 21701
NOT_ACCEPTED = 20003
_TOO_MANY = 20429
_NO_SUCH_ACCOUNT = 20404

# Whatever the account sends is answered so, until somebody mends it at Twilio.
_FAULTS = frozenset(
    {21603, 21606, NO_SUCH_SERVICE, 21705, 30002, 63007, 63020, 63038}
)  # fmt: skip
_LASTING = frozenset({NOT_ACCEPTED, _NO_SUCH_ACCOUNT})  # until its credentials are others
_OF_STATUS: dict[int, int] = {
    httpx2.codes.UNAUTHORIZED: NOT_ACCEPTED,
    httpx2.codes.TOO_MANY_REQUESTS: _TOO_MANY,
}
_NOT_REACHED = (30003, 30004, 30005, 30006, 63003, 63014, 63032)
_REFUSALS: dict[int, type[Refused]] = {
    OPTED_OUT: OptedOut,
    OUTSIDE_WINDOW: OutsideWindow,
    **dict.fromkeys(_NOT_REACHED, Unreachable),
}

_MEANINGS = {
    20003: "Twilio does not accept the credentials; check account_sid and auth_token and seal them again",
    20404: "Twilio does not know this account; check account_sid",
    20429: "too many requests",
    21211: "the recipient's number is not valid",
    21408: "messages to this country are not enabled; allow it in Twilio's geographic permissions",
    21602: "the message is empty",
    21603: "the message names no sender; check the account's address",
    21604: "the message names no recipient",
    21606: "the account's address is no number of this Twilio account; check the address and account_sid",
    21609: "Twilio cannot report to our address; check CONSERJE_PUBLIC_URL and CONSERJE_DOMAINS",
    21610: "the contact has opted out; only the contact can opt in again, by START",
    21611: "the sender's queue is full",
    21614: "the recipient's number cannot receive messages",
    21617: "the text is longer than 1600 characters",
    21655: "the template is none of this Twilio account's, or was deleted; check its ContentSid (HX...)",
    21656: "the template's values do not fit it; compare them with its variables in the Twilio console",
    21701: "Twilio knows no such Messaging Service of this account; check messaging_service_sid",
    21705: "messaging_service_sid is no Messaging Service; its SID begins with MG",
    21910: "WhatsApp and SMS addresses do not go together; check the account's address",
    30001: "the sender's queue is full",
    30002: "Twilio has suspended the account; see the Twilio console",
    30003: "the recipient's telephone cannot be reached",
    30004: "the recipient blocks messages",
    30005: "the recipient's number is unknown",
    30006: "the recipient's number is a landline or cannot be reached",
    30007: "the carrier filtered the message",
    30008: "the carrier gave no reason",
    30034: "the number is not registered for the United States (A2P 10DLC); register it at Twilio",
    30036: "the message waited too long and expired",
    63003: "the recipient is not on WhatsApp",
    63005: "WhatsApp does not take this content",
    63007: "the account's address is no WhatsApp sender of this Twilio account; check the address",
    63014: "the recipient blocks messages of this sender",
    63016: "the contact wrote more than 24 h ago; send an approved template",
    63017: "the account sends too many messages",
    63018: "the sender sends too many messages",
    63019: "Twilio could not download the file; check its address",
    63020: "the business has not accepted Twilio's invitation at Meta; accept it",
    63024: "the recipient's number is not valid for WhatsApp",
    63027: "the template does not exist in this language; see the Twilio console",
    63028: "the template needs another number of values; see the Twilio console",
    63032: "WhatsApp does not deliver to this recipient",
    63038: "the account's daily limit is reached",
    12300: "Twilio refuses the content type of the file",
}


def explain(code: int | str) -> str:
    """One line for the operator; a code that is not known here points at Twilio's page."""
    known = _MEANINGS.get(int(code)) if str(code).isdecimal() else None
    return f"{code}: {known or f'see https://www.twilio.com/docs/api/errors/{code}'}"


class Denied(Exception):
    """Twilio answered with an error; `code` is its own, where it gave one."""

    def __init__(self, status: int, code: object, retry_after: float) -> None:
        super().__init__(f"Twilio answered {status}.")
        self.status = status
        self.code = code
        self.retry_after = retry_after


def outcome(error: Exception) -> Exception:
    """What a failed call means, as Refused, TryLater or Uncertain; it quotes nothing that was sent."""
    match error:
        case Denied():
            return _answered(error.status, error.code, error.retry_after)
        case httpx2.ConnectError() | httpx2.ConnectTimeout() | httpx2.PoolTimeout() | httpx2.ProxyError():
            return TryLater(f"Twilio could not be reached ({type(error).__name__}).")
    return Uncertain(f"Twilio's answer did not come, or was not Twilio's ({type(error).__name__}).")


def unanswered(error: Exception, status: int = 0) -> CannotTell:
    """Why Twilio could not be asked; the SDK's error does not say with which status."""
    status = error.status if isinstance(error, Denied) else status
    if status in _OF_STATUS:
        return CannotTell(f"{explain(_OF_STATUS[status])}.")
    return CannotTell(f"Twilio could not be asked ({type(error).__name__}).")


def _answered(status: int, code: object, retry_after: float) -> Exception:
    given = _known(code)
    if status in _OF_STATUS:
        busy = status == httpx2.codes.TOO_MANY_REQUESTS
        return TryLater(explain(given or _TOO_MANY), retry_after) if busy else judgement(NOT_ACCEPTED)
    if 400 <= status < 500 and given:
        return judgement(given, retry_after)
    return Uncertain(f"Twilio answered {status}, which does not say whether it took the message.")


def judgement(code: int, retry_after: float = 5.0) -> Exception:
    """What a failure means for the message, whether Twilio tells it at once or by a status."""
    if code in _BUSY:
        return TryLater(explain(code), retry_after)
    if code in _FAULTS | _LASTING:
        return AccountFault(explain(code), retry=code in _FAULTS)
    return _REFUSALS.get(code, Refused)(explain(code))


def _known(code: object) -> int | None:
    """Twilio's own code, if it is one: some answers repeat the status there."""
    return code if isinstance(code, int) and code >= 10000 else None
