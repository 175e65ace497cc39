"""Findings in the person's language: what our own plugins and core find out about an account.

They say it in English, as the command line and the API tell it. What a provider itself says stays as it is,
and so does what a plugin of somebody else's finds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_

_AS_THEY_SAY = (
    N_("The provider gave no answer within %(seconds)s s."),
    N_("Meta's answer did not come (%(error)s)."),
    N_("Meta could not be reached (%(error)s)."),
    N_("Twilio could not be asked (%(error)s)."),
    N_("Twilio accepts the credentials."),
    N_("The Twilio account is %(status)s."),
    N_("See the Twilio console."),
    N_("See the sender in the Twilio console."),
    N_("A TwiML app takes the messages to %(address)s."),
    N_("The Messaging Service leaves the webhook to the number."),
    N_("%(address)s is online."),
    N_("Twilio posts messages nowhere."),
    N_("Twilio posts messages to %(url)s."),
    N_("Twilio brings messages by %(method)s."),
    N_("Twilio does not post again what could not be taken."),
    N_("%(address)s is no WhatsApp sender of this Twilio account."),
    N_("%(address)s is no number of this Twilio account."),
    N_("The access token is good, and %(name)s is connected."),
    N_("%(name)s is not connected: %(status)s."),
    N_("See WhatsApp Manager."),
    N_("Contacts rate the number's messages as %(quality)s; Meta may limit it."),
    N_("Meta posts to nobody, not to %(webhook)s."),
    N_("Meta posts to %(url)s, not to %(webhook)s."),
    N_("Meta posts to %(url)s."),
    N_("Meta refuses to tell: %(error)s"),
    N_("The credentials name no WhatsApp Business Account, so its apps are not seen."),
    N_("An app is subscribed to the WhatsApp Business Account."),
    N_("No app is subscribed to the WhatsApp Business Account."),
    N_("The API key is good, and the server knows the model %(model)s."),
    N_("The model could not be tried within %(seconds)s s."),
    N_("The model can call tools."),
    N_("The model cannot call tools: it is asked without them, and answers from what it is told."),
    N_("The model can answer in the form of a JSON Schema."),
    N_("The model cannot answer in the form of a JSON Schema."),
)
_AGAIN, _HERE = N_("Check it again later."), N_("It can be set on this page.")
# What speaks of commands and sealing says here what there is on these pages.
_AS_IT_IS_HERE = {
    "20003: Twilio does not accept the credentials; "
    "check account_sid and auth_token and seal them again.": N_(
        "Twilio does not accept the credentials (20003): copy the account's SID and token once more."
    ),
    "20404: Twilio does not know this account; check account_sid.": N_(
        "Twilio does not know this account (20404): copy its SID once more."
    ),
    "21701: Twilio knows no such Messaging Service of this account; check messaging_service_sid.": N_(
        "Twilio knows no such Messaging Service of this account (21701): copy its SID once more."
    ),
    "Twilio accepts next_auth_token only.": N_("Twilio accepts the next token only."),
    "Seal the credentials with it as auth_token, and without next_auth_token.": N_(
        "Give it as the token, and leave the next one empty."
    ),
    "Check the account's address and account_sid; Twilio's sandbox is set in its console only.": N_(
        "Look at the number and the account's SID; Twilio's sandbox is set in its console only."
    ),
    "Check the account's address and access_token.": N_("Look at the number's ID and the access token."),
    "Check waba_id and access_token.": N_("Look at the business account's ID and the access token."),
    "Give waba_id in the account's credentials.": N_("Give its ID with the credentials."),
    "The account has no %(field)s; seal one, or set %(setting)s.": N_(
        "The account has no %(field)s: give it with the credentials."
    ),
    "Another model, or another setting of its server, can; then `conserje account check`.": N_(
        "Another model, or another setting of its server, can; then check it again."
    ),
    "Have `conserje account configure` set it.": _HERE,
    "Have it post to %(url)s.": _HERE,
    "Try again later, by `conserje account check`.": _AGAIN,
}
SAID: Mapping[str, str] = {each: each for each in _AS_THEY_SAY} | _AS_IT_IS_HERE
_NAMED = re.compile(r"%\((\w+)\)s")


class Words(NamedTuple):
    """A sentence, and its language where that is not the page's."""

    text: str
    lang: str = ""


def words(asked: Asked, said: str) -> Words:
    for theirs, ours in SAID.items():
        values = _values(theirs, said)
        if values is not None:
            return Words(asked._(ours, **values))
    return Words(said, "en")


def _values(sentence: str, said: str) -> dict[str, str] | None:
    """What stands where the sentence has names; None: another one was said."""
    begin, *rest = _NAMED.split(sentence)
    names, literals = rest[::2], rest[1::2]
    if not names:
        return {} if said == sentence else None
    if not said.startswith(begin) or not said.endswith(literals[-1]):
        return None
    values, at = {}, len(begin)
    for n, (name, literal) in enumerate(zip(names, literals, strict=True), 1):
        end = len(said) - len(literal) if n == len(names) else said.find(literal, at)
        if end <= at:
            return None
        values[name], at = said[at:end], end + len(literal)
    return values
