"""Conserje's public names: what a plugin needs, and all that a plugin may use.

Public are the names in this package's `__all__`, all of `conserje.kit`, and for tests `conserje.testing`.
What stands there goes on working from release to release, as long as the contract's number
(`Channel.contract`) is the same; every other module of `conserje` changes without notice. A plugin may use
what it requires itself, and httpx2, pydantic and, for pages, starlette, which Conserje brings along.

What the operator sets for a plugin is its model `Operator`: the field `base_url` of the plugin `pigeon` is
the variable CONSERJE_PIGEON_BASE_URL, read once, when a process starts. A value is one string that the
field's type can read: a text, a number, yes or no, a SecretStr, a Literal. An empty one is none given.
Where a field without default is not given, the plugin is skipped and named, with the variable that it
lacks; a value that the model refuses keeps Conserje from starting, and so does a variable that no plugin
has. Tests and `conserje up --demo` point `base_url` to a stand-in: no plugin writes its provider's address
anywhere else.

`self.http` is the process's one httpx2.AsyncClient, for asking the provider: 5 s to connect, 10 s without a
byte (`timeout=` of a request changes that; core ends the whole call in its own time), at most 100
connections of all plugins together, no redirects, no cookies, no proxy and nothing else of the environment.
Each request has its whole address and its own headers. It is everybody's: a plugin neither closes nor
changes it. `claims`, `verify`, `parse`, `acknowledge` and whatever else is no coroutine may not ask
anybody. An address that a contact, a tenant or a file gave goes to `fetch`, which asks no machine inside.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conserje.contract.account import Abilities, Account, Finding, NotOffered
    from conserje.contract.assistant import (
        Assistant,
        Budget,
        Contact,
        Heard,
        Knowledge,
        Known,
        Match,
        NoAnswer,
        Offer,
        Picture,
        Product,
        Products,
        Reply,
        Result,
        Tenant,
        Tools,
        Turn,
        Utterance,
        Voice,
    )
    from conserje.contract.channel import (
        AccountFault,
        Answer,
        CannotTell,
        Channel,
        FetchFailed,
        FetchRefused,
        Forged,
        Malformed,
        Nothing,
        OptedOut,
        OutsideWindow,
        Page,
        Receipt,
        Refused,
        TryLater,
        Uncertain,
        Unreachable,
        Urls,
        Webhook,
        judged,
    )
    from conserje.contract.hours import Hours, Opening
    from conserje.contract.language import in_language
    from conserje.contract.limits import Limits, Pace
    from conserje.contract.message import (
        BusinessMessage,
        Button,
        Buttons,
        Card,
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
        Opened,
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
    )
    from conserje.contract.model import ModelAssistant
    from conserje.contract.pages import House, Identity, Look, Said, Session, Shown, UploadRefused, Visit
    from conserje.contract.phones import phone_number
    from conserje.contract.plain import plain
    from conserje.contract.prices import format_price
    from conserje.contract.sessions import SessionKey, new_session, signed, visitor
    from conserje.contract.tool import Call, Lead, Leads, Offering, Tool
    from conserje.contract.wire import (
        Line,
        ModelCredentials,
        ModelOperator,
        ModelSettings,
        Prompt,
        Spoken,
        Step,
        VendorFailed,
        Wanted,
        retry_after,
    )
    from conserje.net.fetch import Fetched, fetch

__all__ = [
    "Abilities",
    "Account",
    "AccountFault",
    "Answer",
    "Assistant",
    "Budget",
    "BusinessMessage",
    "Button",
    "Buttons",
    "Call",
    "CannotTell",
    "Card",
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
    "Heard",
    "Hours",
    "House",
    "Identity",
    "Ignored",
    "InboundMessage",
    "Knowledge",
    "Known",
    "Lead",
    "Leads",
    "Limits",
    "Line",
    "List",
    "Location",
    "Look",
    "Malformed",
    "Match",
    "Media",
    "ModelAssistant",
    "ModelCredentials",
    "ModelOperator",
    "ModelSettings",
    "NoAnswer",
    "NotOffered",
    "Note",
    "Nothing",
    "Offer",
    "Offering",
    "Opened",
    "Opening",
    "OptedOut",
    "Order",
    "OrderItem",
    "OutboundMessage",
    "OutsideWindow",
    "Pace",
    "Page",
    "Picture",
    "Pressed",
    "Product",
    "Products",
    "Prompt",
    "Reaction",
    "Receipt",
    "Refused",
    "Reply",
    "Result",
    "Revocation",
    "Row",
    "Said",
    "Session",
    "SessionKey",
    "Shown",
    "Spoken",
    "Status",
    "StatusUpdate",
    "Step",
    "Template",
    "TemplateButton",
    "Tenant",
    "Text",
    "Tool",
    "Tools",
    "TryLater",
    "Turn",
    "Uncertain",
    "Unknown",
    "Unreachable",
    "Unreadable",
    "UploadRefused",
    "Urls",
    "Utterance",
    "VendorFailed",
    "Visit",
    "Voice",
    "Wanted",
    "Webhook",
    "fetch",
    "format_price",
    "in_language",
    "judged",
    "new_session",
    "phone_number",
    "plain",
    "retry_after",
    "signed",
    "visitor",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Loads the names once one is wanted: the command line is below this package too, and wants none."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from conserje.contract import (
            account,
            assistant,
            channel,
            hours,
            language,
            limits,
            message,
            model,
            pages,
            phones,
            plain,
            prices,
            sessions,
            tool,
            wire,
        )
        from conserje.net import fetch as fetcher

        for module in (
            account,
            assistant,
            channel,
            fetcher,
            hours,
            language,
            pages,
            limits,
            message,
            model,
            phones,
            plain,
            prices,
            sessions,
            tool,
            wire,
        ):
            globals().update((each, vars(module)[each]) for each in __all__ if each in vars(module))
        return globals()[name]
