"""Conserje's public names: what a plugin needs, and all that a plugin may use."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conserje.contract.assistant import (
        Assistant,
        Contact,
        Match,
        NoAnswer,
        Product,
        Products,
        Reply,
        Tenant,
        Turn,
        Utterance,
    )
    from conserje.contract.channel import (
        Account,
        Answer,
        CannotTell,
        Channel,
        FetchFailed,
        FetchRefused,
        Finding,
        Forged,
        Malformed,
        Nothing,
        NotOffered,
        OptedOut,
        OutsideWindow,
        Page,
        Receipt,
        Refused,
        TryLater,
        Uncertain,
        Urls,
        Webhook,
    )
    from conserje.contract.language import in_language
    from conserje.contract.limits import Limits
    from conserje.contract.message import (
        Button,
        Buttons,
        Consent,
        ContactCard,
        Content,
        Edit,
        Event,
        File,
        Ignored,
        InboundMessage,
        List,
        Location,
        Media,
        Note,
        Order,
        OrderItem,
        OutboundMessage,
        Pressed,
        Reaction,
        Revocation,
        Row,
        Status,
        StatusUpdate,
        Template,
        TemplateButton,
        Text,
        Unknown,
        Unreadable,
        plain,
    )
    from conserje.contract.pages import House, Look, Said, Session, Visit
    from conserje.contract.prices import format_price
    from conserje.contract.sessions import SessionKey, new_session, signed, visitor
    from conserje.net.fetch import Fetched, fetch

__all__ = [
    "Account",
    "Answer",
    "Assistant",
    "Button",
    "Buttons",
    "CannotTell",
    "Channel",
    "Consent",
    "Contact",
    "ContactCard",
    "Content",
    "Edit",
    "Event",
    "FetchFailed",
    "FetchRefused",
    "Fetched",
    "File",
    "Finding",
    "Forged",
    "House",
    "Ignored",
    "InboundMessage",
    "Limits",
    "List",
    "Location",
    "Look",
    "Malformed",
    "Match",
    "Media",
    "NoAnswer",
    "NotOffered",
    "Note",
    "Nothing",
    "OptedOut",
    "Order",
    "OrderItem",
    "OutboundMessage",
    "OutsideWindow",
    "Page",
    "Pressed",
    "Product",
    "Products",
    "Reaction",
    "Receipt",
    "Refused",
    "Reply",
    "Revocation",
    "Row",
    "Said",
    "Session",
    "SessionKey",
    "Status",
    "StatusUpdate",
    "Template",
    "TemplateButton",
    "Tenant",
    "Text",
    "TryLater",
    "Turn",
    "Uncertain",
    "Unknown",
    "Unreadable",
    "Urls",
    "Utterance",
    "Visit",
    "Webhook",
    "fetch",
    "format_price",
    "in_language",
    "new_session",
    "plain",
    "signed",
    "visitor",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Loads the names once one is wanted: the command line is below this package too, and wants none."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from conserje.contract import assistant, channel, language, limits, message, pages, prices, sessions
        from conserje.net import fetch as fetcher

        for module in (assistant, channel, fetcher, language, pages, limits, message, prices, sessions):
            globals().update((each, vars(module)[each]) for each in __all__ if each in vars(module))
        return globals()[name]
