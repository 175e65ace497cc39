"""Meta's errors: what each code means to an operator, and what follows for a message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conserje import AccountFault, OptedOut, OutsideWindow, Refused, TryLater, Uncertain, Unreachable

NOT_REACHED = 131026
OUTSIDE_WINDOW = 131047
STOPPED_MARKETING = 131050
TOO_MANY_CALLS = 4
UNSEEN = 33  # the subcode of 100 where the token's owner does not see the phone number
_DETAILS = 300  # characters of Meta's own words

# Whatever the account sends is answered so, until somebody mends it at Meta.
_FAULTS = frozenset({3, 10, 368, 131005, 131031, 131037, 131042, 131045, 133010})
_LASTING = frozenset({0, 190})  # until it is given another token

# Nothing was taken, and the same message may be offered again after so many seconds. Core doubles them
# from one try to the next.
_WAITS: dict[int, float] = {
    1: 10.0,
    2: 10.0,
    4: 60.0,
    80007: 60.0,
    130429: 2.0,
    131000: 10.0,
    131016: 30.0,
    131048: 300.0,
    131056: 6.0,  # one message in 6 s to the same contact
    131057: 60.0,
    131064: 60.0,
    133016: 300.0,
}

_MEANINGS = {
    0: "Meta does not accept the access token; make a new one and seal it again",
    1: "Meta has a failure of its own",
    2: "Meta cannot answer for now",
    3: "the app may not do this; see its permissions at Meta",
    4: "the app makes too many calls",
    10: "the access token lacks the permission whatsapp_business_messaging; make a new one and seal it again",
    100: "Meta does not know a field of the request, or this phone number id; check the account's address",
    190: "the access token has expired or was withdrawn; make a new one and seal it again",
    368: "Meta has blocked the account for breaking its policies; see WhatsApp Manager",
    80007: "the WhatsApp Business Account makes too many calls",
    130429: "the phone number sends too many messages",
    130472: "Meta does not deliver to this contact, who is part of an experiment of Meta's",
    131000: "Meta has a failure of its own",
    131005: "the access token may not use this phone number; see its permissions at Meta",
    131008: "Meta misses a field of the request",
    131009: "Meta does not accept a value of the request",
    131016: "Meta cannot answer for now",
    131021: "a phone number cannot write to itself",
    131026: "the contact cannot be reached: not on WhatsApp, or with too old an app",
    131030: "the recipient is not in the list of the test number; add it at Meta",
    131031: "Meta has locked the account; see WhatsApp Manager",
    131037: "the phone number's display name is not approved; see WhatsApp Manager",
    131042: "Meta has no valid means of payment; see the account's billing at Meta",
    131045: "the phone number is not registered with its certificate; register it again",
    131047: "the contact wrote more than 24 h ago; send an approved template",
    131048: "contacts reported too many messages of this phone number as spam",
    131049: "Meta withholds this message for the health of WhatsApp; do not offer it again within 24 h",
    131050: "the contact wants no marketing messages",
    131051: "Meta does not carry messages of this kind",
    131052: "Meta could not read the contact's file",
    131053: "Meta could not fetch the file, or does not carry its type; check its address",
    131056: "the phone number sends too many messages to this contact",
    131057: "the account is under maintenance at Meta",
    131062: "a message of this kind needs the contact's phone number, which WhatsApp does not tell",
    131063: "a message of this kind needs the contact's phone number, which WhatsApp does not tell",
    131064: "the contact gets too many messages",
    132000: "the template has another number of places than the values given; see WhatsApp Manager",
    132001: "there is no such approved template in this language; see WhatsApp Manager",
    132005: "the template is too long with these values; shorten them",
    132007: "the template breaks a rule of Meta's; see WhatsApp Manager",
    132008: "a value of the template has the wrong form",
    132012: "a value of the template has the wrong form",
    132015: "Meta has paused the template for its bad ratings",
    132016: "Meta has disabled the template for its bad ratings",
    133010: "the phone number is not registered with the Cloud API; register it with its PIN",
    133016: "the phone number was registered too often",
    135000: "Meta does not accept the request",
}


def explain(code: int, details: str = "") -> str:
    """One line for the operator, with Meta's own details; a code not known here points at Meta's page."""
    if 200 <= code < 300:
        known = "the access token lacks a permission; make a new one and seal it again"
    else:
        known = _MEANINGS.get(
            code,
            "see https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes",
        )
    return f"{code}: {known} ({details[:_DETAILS]})" if details else f"{code}: {known}"


def judgement(code: int, text: str, subcode: object = None, retry_after: float | None = None) -> Exception:
    """What a failure means for the message, whether Meta tells it at once or by a status."""
    if code in _WAITS:
        return TryLater(text, retry_after or _WAITS[code])
    if code in _LASTING:
        return AccountFault(text, retry=False)
    if code in _FAULTS or 200 <= code < 300 or (code == 100 and subcode == UNSEEN):
        return AccountFault(text)
    if code == OUTSIDE_WINDOW:
        return OutsideWindow(text)
    if code == NOT_REACHED:
        return Unreachable(text)
    return OptedOut(text, marketing=True) if code == STOPPED_MARKETING else Refused(text)


def details(error: Mapping[str, Any]) -> str:
    """What Meta says beside the code, in one line."""
    data = error.get("error_data")
    told = data.get("details") if isinstance(data, dict) else None
    return " ".join(told.split()) if isinstance(told, str) else ""


class GraphError(Exception):
    """Meta's own word that it did not do what it was asked, with its details."""

    def __init__(
        self,
        code: int,
        status: int,
        retry_after: float | None,
        subcode: object = None,
        details: str = "",
    ) -> None:
        super().__init__(explain(code, details))
        self.code = code
        self.subcode = subcode
        self.status = status
        self.judgement = judgement(code, str(self), subcode, retry_after)
        # Seconds; None: asking again does not help.
        self.wait = self.judgement.after if isinstance(self.judgement, TryLater) else None


class NoAnswer(Exception):
    """Meta's answer did not come, or was not Meta's."""


class NotAsked(NoAnswer):
    """Meta could not be reached, so it has nothing."""


def outcome(error: GraphError | NoAnswer) -> Exception:
    """What a failed `send` means."""
    match error:
        case NotAsked():
            return TryLater(str(error))
        case GraphError() if error.status < 500 or type(error.judgement) not in (Refused, Unreachable):
            return error.judgement
        case _:
            return Uncertain(str(error))
