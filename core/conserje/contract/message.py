"""The neutral message: what every channel reads into and writes from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, TypeAdapter

from conserje.contract import addresses


def _is_empty(values: tuple[object, ...]) -> bool:
    return not values


def _is_unsaid(value: str) -> bool:
    return not value


def _is_none(value: object) -> bool:
    return value is None


@dataclass(frozen=True, slots=True)
class Button:
    """One thing to choose: what is shown, and the id that comes back."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """One thing of a list: the id that comes back, what is shown, and a line about it.

    `picture` and `link` are https addresses, for channels that have cards.
    """

    id: str
    title: str
    description: str = ""
    picture: Annotated[str, Field(exclude_if=_is_unsaid)] = ""
    link: Annotated[str, Field(exclude_if=_is_unsaid)] = ""


@dataclass(frozen=True, slots=True)
class Text:
    """Words; with `choices`, the numbered ones among them.

    `cards` are things that the words name, to be shown below them where the channel has cards.
    """

    text: str
    choices: Annotated[tuple[Button, ...], Field(exclude_if=_is_empty)] = ()  # most have none
    cards: Annotated[tuple[Row, ...], Field(exclude_if=_is_empty)] = ()
    type: Literal["text"] = "text"


FileKind = Literal["image", "audio", "video", "document", "sticker"]


@dataclass(frozen=True, slots=True)
class File:
    """A file: the provider's own reference, an https address, or what core keeps (`kept:<id>`).

    Of a voice note `heard` is what was heard in it, or `unheard` why nothing was.
    """

    ref: str
    content_type: str = ""
    name: str = ""
    sticker: bool = False
    heard: Annotated[str, Field(exclude_if=_is_unsaid)] = ""
    unheard: Annotated[Literal["", "long", "unclear"], Field(exclude_if=_is_unsaid)] = ""

    @property
    def media_type(self) -> str:
        """Its type without parameters, in small letters; where none is said, that of its address' ending."""
        said = self.content_type.partition(";")[0].strip().lower()
        return addresses.type_of(self.ref) if said in addresses.UNSAID else said

    @property
    def title(self) -> str:
        """Its name, else what its address calls it."""
        return self.name or addresses.name_of(self.ref, self.media_type)

    @property
    def kind(self) -> FileKind:
        """What it is shown as; what is neither picture, sound nor film is a document."""
        if self.sticker:
            return "sticker"
        match self.media_type.partition("/")[0]:
            case "image" | "audio" | "video" as kind:
                return kind
            case _:
                return "document"


@dataclass(frozen=True, slots=True)
class Media:
    """Pictures, audio, video or documents, with the words written under them."""

    files: tuple[File, ...]
    caption: str = ""
    type: Literal["media"] = "media"


@dataclass(frozen=True, slots=True)
class Location:
    """A place on the map."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""
    type: Literal["location"] = "location"


@dataclass(frozen=True, slots=True)
class Card:
    """Somebody's name, with the phones and addresses of theirs."""

    name: str
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ContactCard:
    """A contact card; with those that came in the same message, most often none."""

    name: str
    phones: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    others: Annotated[tuple[Card, ...], Field(exclude_if=_is_empty)] = ()
    type: Literal["contact_card"] = "contact_card"

    @property
    def cards(self) -> tuple[Card, ...]:
        """All of them."""
        return (Card(self.name, self.phones, self.emails), *self.others)


@dataclass(frozen=True, slots=True)
class Reaction:
    """A sign given to a message, named by the provider's id; none: the sign is taken back."""

    to: str
    emoji: str = ""
    type: Literal["reaction"] = "reaction"


@dataclass(frozen=True, slots=True)
class Buttons:
    """Words with things to choose below them."""

    text: str
    buttons: tuple[Button, ...]
    type: Literal["buttons"] = "buttons"


@dataclass(frozen=True, slots=True)
class List:
    """Words with more things to choose below them than buttons can hold, each with a line about it."""

    text: str
    rows: tuple[Row, ...]
    type: Literal["list"] = "list"


@dataclass(frozen=True, slots=True)
class Pressed:
    """The contact chose a button or a row of a list."""

    id: str
    title: str
    type: Literal["pressed"] = "pressed"


@dataclass(frozen=True, slots=True)
class TemplateButton:
    """What is filled into a template's button, which is counted from 0.

    It is the end of a link's address, the id that comes back from a reply, or the code to copy.
    """

    index: int
    value: str
    kind: Literal["link", "reply", "code"] = "link"


@dataclass(frozen=True, slots=True)
class Template:
    """A message that the provider has approved beforehand, with what is filled into its places.

    `text` is what it says then, for the record and for channels without templates. `names` are those of
    the values' places, where the provider names them. A `header` is the file or place above, or what is
    filled into its words.
    """

    name: str
    language: str = ""
    values: tuple[str, ...] = ()
    text: str = ""
    names: Annotated[tuple[str, ...], Field(exclude_if=_is_empty)] = ()
    header: Annotated[str | File | Location | None, Field(exclude_if=_is_none)] = None
    buttons: Annotated[tuple[TemplateButton, ...], Field(exclude_if=_is_empty)] = ()
    type: Literal["template"] = "template"


@dataclass(frozen=True, slots=True)
class OrderItem:
    """Some of one product; the price is of one."""

    product: str
    quantity: int
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What a contact put into the provider's own basket, with the words written to it."""

    items: tuple[OrderItem, ...]
    currency: str = ""
    text: str = ""
    type: Literal["order"] = "order"


@dataclass(frozen=True, slots=True)
class Edit:
    """The contact wrote a message anew; `of` is the key of the event that it replaces."""

    of: str
    content: Annotated[Text | Media, Discriminator("type")]
    type: Literal["edit"] = "edit"


@dataclass(frozen=True, slots=True)
class Revocation:
    """The contact took a message back; `of` is the key of its event."""

    of: str
    type: Literal["revocation"] = "revocation"


@dataclass(frozen=True, slots=True)
class Note:
    """Something that the provider tells about the contact, which nobody wrote."""

    text: str
    type: Literal["note"] = "note"


@dataclass(frozen=True, slots=True)
class Unknown:
    """A kind of message that the channel does not know, kept as it came."""

    kind: str
    raw: dict[str, Any]
    type: Literal["unknown"] = "unknown"


Content = Annotated[
    Text
    | Media
    | Location
    | ContactCard
    | Reaction
    | Buttons
    | List
    | Pressed
    | Template
    | Order
    | Edit
    | Revocation
    | Note
    | Unknown,
    Discriminator("type"),
]

contents: TypeAdapter[Content] = TypeAdapter(Content)
_written = contents.serializer.to_json  # as `dump_json` is, which looks at a dozen options first

WORDLESS = (Reaction, Edit, Revocation, Note)
"""The kinds that are kept and shown, and that nobody answers by themselves."""


def is_wordless(content: Content) -> bool:
    """Whether nobody answers it by itself: by its kind, or because nothing is to be seen in it."""
    if isinstance(content, Text):
        return not any(letter.isprintable() and not letter.isspace() for letter in content.text)
    return isinstance(content, WORDLESS)


def to_json(content: Content) -> str:
    """The form in which a content is stored."""
    return _written(content).decode()


def from_json(stored: str) -> Content:
    """The content stored as `stored`."""
    return contents.validate_json(stored)


Consent = Literal["", "out", "in", "marketing out", "marketing in"]
"""What a provider says of a contact's will: nothing more, or nothing more of what the business begins."""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """Something that a contact wrote.

    `key` names the event once for all redeliveries within the account; where the sender can
    choose an id, the key contains the sender. `sender` is where an answer goes; `identities`
    are further names of the same person at the same provider (a business-scoped user id).
    `quotes` is the provider's id of the message that this one answers. With `consent` the provider
    says that the contact wants no more, or again, and has told the contact so. `beside` is what of the
    item makes no sense, where the rest of it does: kept and shown, and it costs the message nothing.
    """

    address: str
    key: str
    sender: str
    content: Content
    identities: tuple[str, ...] = ()
    name: str = ""
    provider_id: str = ""
    at: datetime | None = None  # when it was written, if the event comes later than the provider meant
    quotes: str = ""
    consent: Consent = ""
    beside: Unreadable | None = None


@dataclass(frozen=True, slots=True)
class BusinessMessage:
    """Something that the business itself wrote to a contact by another way than Conserje: on its telephone,
    in the provider's inbox.

    `key` is the provider's id of it, which names it once for all redeliveries; `contact` is whom it was
    written to. `identities`, `at` and `beside` are as of an InboundMessage.
    """

    address: str
    key: str
    contact: str
    content: Content
    identities: tuple[str, ...] = ()
    at: datetime | None = None
    beside: Unreadable | None = None


Status = Literal["sent", "delivered", "read", "failed"]
Fault = Literal["", "passing", "lasting"]  # an account's: "lasting" until somebody changes it


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """What became of a message of ours, named by our id where the provider returns it."""

    address: str
    key: str
    status: Status
    provider_id: str
    message_id: int | None = None
    cause: str = ""
    consent: Consent = ""
    billable: bool | None = None  # None: the provider does not say
    category: str = ""  # of the price, as the provider calls it
    outside_window: bool = False  # it failed because the contact wrote too long ago
    try_after: float | None = None  # seconds; it failed, and the provider may take it again then
    account_fault: Fault = ""  # it failed, and so does whatever else the account sends
    beside: Unreadable | None = None  # as of an InboundMessage


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An item whose signature is good and whose meaning is not clear: kept raw and shown."""

    address: str
    key: str
    raw: str
    cause: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """An item that is understood and concerns nobody here: counted by its kind, and not kept."""

    address: str
    kind: str  # one of few words, the channel's own


Kept = InboundMessage | BusinessMessage | StatusUpdate | Unreadable
Event = Kept | Ignored


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that core keeps: its size in bytes, and the bytes as they come."""

    size: int
    parts: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class OutboundMessage:
    """One message on its way to the provider, already within the channel's limits.

    `id` is ours and may travel with the message; `status_url` is where the provider reports
    what became of it; `owned` are the provider ids that are known to belong to other messages;
    `quotes` is the provider's id of the message that this one answers. Its files have https addresses; those
    that core keeps can be opened as well.
    """

    id: int
    to: str
    content: Content
    status_url: str
    attempted_at: datetime
    owned: frozenset[str] = field(default=frozenset())
    quotes: str = ""
    opener: Callable[[File], Opened | None] | None = field(default=None, repr=False, compare=False)

    def open(self, file: File) -> Opened | None:
        """A file of the message for a provider that takes bytes; None: it can be had at its address alone.

        Called by `send`, as often as need be. Raises TryLater, which `send` hands on.
        """
        return self.opener(file) if self.opener else None
