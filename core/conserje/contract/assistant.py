"""The contract of an assistant: turns what a contact wrote into a reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar

from pydantic import BaseModel

from conserje.contract.account import Abilities, Account, Finding, NotOffered
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
class Offer:
    """A tool that the assistant may call in this turn; `parameters` is the JSON Schema of an object.

    What has an effect is done after the reply is stored, and not at all if the reply is thrown away.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    effect: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a call: `text` is what a model reads, `shown` what the tenant's people are shown of it.

    `hand_over`: a person is needed, whatever the assistant replies, and for this reason.
    """

    text: str
    shown: str = ""
    failed: bool = False
    hand_over: str = ""


class Tools(Protocol):
    """What an assistant may do in a turn."""

    @property
    def offers(self) -> Sequence[Offer]:
        """The tools that the tenant has switched on."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any] | str) -> Result:
        """What came of it, or what is wrong with the name or the arguments; JSON may come as text.

        Raises nothing: a tool that fails, or takes too long, gives a Result that has failed.
        """
        ...


class Budget(Protocol):
    """What a turn may still spend on models, by contact, by tenant and by day."""

    async def check(self) -> None:
        """Asked before each call of a model. Raises NoAnswer where a bound is reached."""
        ...

    async def spend(self, model: str, usage: Mapping[str, int], *, estimated: bool = False) -> None:
        """Told after each call of a model, whatever becomes of its answer.

        `model` is its name in the table of prices; of `usage` `input_tokens`, `cached_tokens` (a part of
        them), `output_tokens` and `seconds` (of sound) are counted. What was cut off, so that its server
        never said what it used, is told as `estimated`, and shown so.
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
class Picture:
    """A picture that a contact sent, made small: the bytes, since no link of ours goes to a vendor."""

    content: bytes
    content_type: str = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Utterance:
    """One message of the conversation's past; its pictures are there for assistants that see."""

    author: Literal["contact", "assistant"]
    content: Content
    at: datetime
    quoted: Content | None = None  # the message that it answers, where the contact pointed at one
    heard: bool = False  # it was said aloud, and `content` is what was heard
    pictures: Sequence[Picture] = ()


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
    tools: Tools
    budget: Budget
    credentials: C
    settings: S
    summary: str = ""  # of what was said before `history`
    abilities: Abilities | None = None  # of the account's model; None: nobody has tried


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice note that is to be transcribed: the bytes themselves, since no link of ours goes to a vendor.

    `seconds` is how long it is, 0 where its format does not say. `words` are names that may be said in it, in
    the tenant's spelling: its own and those of its products.
    """

    content: bytes
    content_type: str
    seconds: float = 0.0
    words: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What was heard in a voice note. `usage` has the keys that `Budget.spend` takes; without any the note's
    seconds are counted.

    `clear`: False where the model itself is not sure what was said, or whether anything was.
    """

    text: str
    usage: Mapping[str, int] = field(default_factory=dict)
    clear: bool = True


@dataclass(frozen=True, slots=True)
class Reply:
    """What the assistant says, in at most 20 messages; none: silence.

    `quote`: it points at the last message it answers. `told`: what the assistant read before it answered,
    shown to the operator who asks why it said this; it holds no secret. `unanswered`: what was asked that the
    tenant has not said, in the contact's words; it is counted for the tenant, who may answer it for the next
    one.
    """

    messages: Sequence[Content] = ()
    intent: str | None = None
    confidence: float | None = None
    hand_over: bool = False
    quote: bool = False
    usage: dict[str, int] = field(default_factory=dict)
    told: str = ""
    unanswered: Sequence[str] = ()


class Assistant(Generic[C, S, O]):
    """Turns what a contact wrote into a reply; one instance per worker serves every tenant.

    The tenant's settings for it are the tenant's `assistant_settings` under its name. Credentials
    of its own are an account of the tenant whose channel is the assistant's name.
    """

    name: ClassVar[str]
    contract: ClassVar[int] = 1  # the one that the class is written for: a plugin says its own
    Credentials: type[C]
    Settings: type[S]
    Operator: type[O]

    def __init__(self, operator: O, http: httpx2.AsyncClient) -> None:
        """Called once in each process; no I/O, for which there is `start`. A class that has its own hands
        both on to this one. What they are, and what `http` may do, stands at the top of `conserje` itself.
        """
        self.operator = operator
        self.http = http

    async def start(self) -> None:
        """Open what lives as long as the process: a connection, a cache, a task of the plugin's own.

        Optional. Called once in each process that goes on calling the plugin, in its loop, before anything is
        taken or sent; all plugins start at the same time, and each is cancelled after 10 s. Whatever it
        raises, the plugin is not used in that process, and is named among the broken. Commands start nothing:
        what `conserje say`, `account check` or `assistant try` calls must do without.
        """

    async def close(self) -> None:
        """Close what `start` opened. Called once when the process ends, where `start` ended well.

        Optional. Cancelled after 10 s; what it raises is logged. What is killed closes nothing.
        """

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

    async def summarise(self, turn: Turn[C, S]) -> str:
        """Sum up `turn.history` together with `turn.summary`, which is of what was said before it: what the
        contact wants, what was agreed, names and amounts, in at most 2,000 characters.

        Optional: for an assistant that has it summaries of long talks are made, its turns' `summary`.
        Called in a worker, beside turns, and cancelled after the same time limit. Raises NoAnswer.
        """
        raise NotImplementedError

    def sees(self, settings: S) -> bool:
        """Whether the model of a tenant with these settings is shown the pictures of a turn's messages.

        Optional.
        """
        return False

    def transcriber(self, settings: S) -> str:
        """The model that transcribes voice notes for a tenant with these settings, by its name in the table
        of prices.

        Optional, with `transcribe`; empty: it cannot.
        """
        return ""

    async def transcribe(self, voice: Voice, account: Account[C, S]) -> Heard:
        """Write down what is said in a voice note, in whatever language it is said.

        Optional: for tenants whose voice notes it hears. Called in a worker, before the turn that answers the
        note, and cancelled after the operator's time limit for a turn; what it costs is counted by core.
        Raises NoAnswer.
        """
        raise NotImplementedError

    async def examine(self, account: Account[C, S]) -> Sequence[Finding]:
        """Ask the provider whether the account's credentials are good; changes nothing.

        Its settings are the tenant's `assistant_settings`. Raises NotOffered or CannotTell.
        """
        raise NotOffered(f"The assistant {self.name} cannot be examined.")

    async def probe(self, account: Account[C, S]) -> Abilities:
        """Try what the account's model can do; it may cost some tokens, and what is found is kept with the
        account.

        Raises NotOffered or CannotTell.
        """
        raise NotOffered(f"The assistant {self.name} has nothing to try.")


AnyAssistant = Assistant[Any, Any, Any]
