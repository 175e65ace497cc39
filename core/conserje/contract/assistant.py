"""The contract of an assistant: turns what a contact wrote into a reply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel

from conserje.contract.account import Account, Finding, NotOffered
from conserje.contract.hours import Hours
from conserje.contract.message import Content

if TYPE_CHECKING:
    import httpx2

C = TypeVar("C", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)
O = TypeVar("O", bound=BaseModel)  # noqa: E741


class NoAnswer(Exception):
    """The assistant has no answer. The text is shown to the operator, so it holds nothing private."""


@dataclass(frozen=True, slots=True)
class Product:
    """Something that a tenant sells. `price` is in the tenant's currency; `stock` None: not counted."""

    id: int
    name: str
    price: Decimal
    stock: int | None = None
    category: str = ""
    description: str = ""
    keywords: tuple[str, ...] = ()
    picture: str = ""  # https:// addresses; empty: none
    link: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A product that may be meant, and how surely: 0 to 1."""

    product: Product
    score: float


class Products(Protocol):
    """The tenant's own products, and nobody else's."""

    async def search(self, text: str, limit: int = 5) -> list[Match]:
        """The products that `text` may mean, surest first."""
        ...

    async def all(self) -> list[Product]:
        """Every product on sale, by name."""
        ...


Topic = Literal["hours", "address", "delivery", "payment", "returns", "wholesale", "invoices", ""]


@dataclass(frozen=True, slots=True)
class Known:
    """What a tenant has said about itself, and how surely it was asked for: 0 to 1.

    `answer` can be said as it stands, in the tenant's language; of hours it speaks of the day that is
    asked for. The tenant's own questions have no topic.
    """

    question: str
    answer: str
    kind: Literal["fact", "question"]
    topic: Topic
    score: float


class Knowledge(Protocol):
    """What the tenant has said about itself, and nobody else's."""

    async def search(self, text: str) -> Sequence[Known]:
        """What answers `text`, surest first; a further one answers something else that is asked in it.

        Empty where nothing fits well.
        """
        ...


@dataclass(frozen=True, slots=True)
class Tenant:
    """The client business, as an assistant sees it."""

    slug: str
    name: str
    locale: str
    currency: str
    time_zone: str
    hours: Hours | None = None  # None: not said


@dataclass(frozen=True, slots=True)
class Contact:
    """The person who writes."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of the conversation's past."""

    author: Literal["contact", "assistant"]
    content: Content
    at: datetime
    quoted: Content | None = None  # the message that it answers, where the contact pointed at one


@dataclass(frozen=True, slots=True)
class Turn(Generic[C, S]):
    """The unanswered messages, and all that an assistant may know to answer them.

    `id` stays the same when a turn is thought twice: effects are keyed by it.
    """

    id: int
    tenant: Tenant
    contact: Contact
    messages: Sequence[Utterance]
    history: Sequence[Utterance]
    products: Products
    knowledge: Knowledge
    credentials: C
    settings: S


@dataclass(frozen=True, slots=True)
class Reply:
    """What the assistant says, in at most 20 messages; none: silence.

    `quote`: it points at the last message it answers.
    """

    messages: Sequence[Content] = ()
    intent: str | None = None
    confidence: float | None = None
    hand_over: bool = False
    quote: bool = False
    usage: dict[str, int] = field(default_factory=dict)


class Assistant(Generic[C, S, O]):
    """Turns what a contact wrote into a reply; one instance per worker serves every tenant.

    The tenant's settings for it are the tenant's `assistant_settings` under its name. Credentials
    of its own are an account of the tenant whose channel is the assistant's name.
    """

    name: ClassVar[str]
    Credentials: type[C]
    Settings: type[S]
    Operator: type[O]

    def __init__(self, operator: O, http: httpx2.AsyncClient) -> None:
        self.operator = operator
        self.http = http

    def shared_credentials(self) -> C | None:
        """The operator's credentials for tenants that have none of their own."""
        return None

    async def reply(self, turn: Turn[C, S]) -> Reply:
        """Answer the turn's messages; called in a worker, outside any transaction, and cancelled
        after the operator's time limit for a turn.

        May be called again for the same turn: when newer messages came, or after a crash. Whatever
        is raised, and what is no Reply, makes the tenant's fallback assistant answer; the text of a
        NoAnswer is shown to the operator, of anything else only the type.
        """
        raise NotImplementedError

    async def examine(self, account: Account[C, S]) -> Sequence[Finding]:
        """Ask the provider whether the account's credentials are good; changes nothing.

        Its settings are the tenant's `assistant_settings`. Raises NotOffered or CannotTell.
        """
        raise NotOffered(f"The assistant {self.name} cannot be examined.")


AnyAssistant = Assistant[Any, Any, Any]
