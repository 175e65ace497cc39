"""Guides: where at Twilio and at Meta people find what an account needs, in words of a shop's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from conserje_edge.console.languages import N_


@dataclass(frozen=True, slots=True)
class Asked:
    """An input: its label, and where its value is found."""

    label: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Guide:
    """How one channel is set up; `kinds` are what may stand before an address, `made` is made up by us."""

    name: str
    about: str = ""
    steps: tuple[str, ...] = ()
    address: Asked = Asked(N_("Address"))
    wrong_address: str = ""
    kinds: tuple[tuple[str, str], ...] = ()
    fields: Mapping[str, Asked] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    made: frozenset[str] = frozenset()


_ACCESS_TOKEN = N_(
    "business.facebook.com, Settings, System users: make one who is an administrator, give it the app and the"
    " WhatsApp account, and generate a token that never ends, with whatsapp_business_messaging and"
    " whatsapp_business_management. The token of API Setup ends after a day."
)

GUIDES = {
    "twilio": Guide(
        "Twilio",
        N_("WhatsApp or SMS, by an account at Twilio."),
        (
            N_("Open console.twilio.com and sign in."),
            N_("Account Info, at the bottom of its first page, has the Account SID and the Auth Token."),
            N_(
                "WhatsApp: your number has to be under Messaging, Senders, WhatsApp senders."
                " SMS: it has to be under Phone Numbers, Manage, Active numbers."
            ),
            N_("Paste them here. They are tried at once, and Twilio is told where to bring messages."),
        ),
        Asked(N_("Number"), N_("With its country, like +56912345678.")),
        N_("This is no number: write it with its country, like +56912345678."),
        (("whatsapp:", "WhatsApp"), ("", "SMS")),
        {
            "account_sid": Asked("Account SID", N_("It begins with AC and has 34 signs.")),
            "auth_token": Asked("Auth Token", N_("It is hidden there: “Show” reveals it.")),
            "messaging_service_sid": Asked(
                "Messaging Service SID", N_("Only if your messages leave by one. It begins with MG.")
            ),
        },
        frozenset({"next_auth_token"}),
    ),
    "meta": Guide(
        "Meta",
        N_("WhatsApp, by an app of your own at Meta."),
        (
            N_(
                "Open developers.facebook.com, My apps, and choose the app that has WhatsApp. Without one,"
                " make an app of the kind Business, and add WhatsApp to it."
            ),
            N_("WhatsApp, API Setup has the Phone number ID and the WhatsApp Business Account ID."),
            N_("App settings, Basic has the App secret."),
            N_("Paste them here. They are tried at once, and Meta is told where to bring messages."),
        ),
        Asked(N_("Phone number ID"), N_("The digits that API Setup shows, not the number itself.")),
        N_("This is no Phone number ID: copy the digits that API Setup shows below the number."),
        (),
        {
            "waba_id": Asked("WhatsApp Business Account ID", N_("The digits beside the Phone number ID.")),
            "access_token": Asked(N_("Access token"), _ACCESS_TOKEN),
            "app_secret": Asked("App secret", N_("It is hidden there: “Show” reveals it.")),
            "list_button": Asked(
                N_("Word on the button that opens a list"), N_("At most 20 signs. Empty: ours.")
            ),
            "silenced_by_echoes": Asked(
                N_("The assistant is silent once you answer from your own telephone")
            ),
        },
        frozenset({"next_app_secret"}),
        frozenset({"verify_token"}),
    ),
}


def named(channel: str, address: str) -> str:
    """The account as people call it: its kind and its number."""
    for before, kind in guide_of(channel).kinds:
        if address.startswith(before):
            return f"{kind} {address.removeprefix(before)}"
    return address


def guide_of(channel: str) -> Guide:
    """Of a channel that nobody has written one for, what its own model says."""
    return GUIDES.get(channel) or Guide(channel)
