"""The contract of a channel: one provider's way of carrying messages."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from conserje.contract.account import Account, Finding, NotOffered
from conserje.contract.form import read_fields
from conserje.contract.limits import Limits, Pace
from conserje.contract.message import Content, Event, File, OutboundMessage, StatusUpdate
from conserje.contract.opt_out import OPT_IN_WORDS, OPT_OUT_WORDS

if TYPE_CHECKING:
    import httpx2
    from starlette.routing import BaseRoute

    from conserje.contract.pages import House

UNREACHABLE = "The contact cannot be reached now"  # how the cause of a message begins that is refused for it
UNSIGNED_LIMIT = 64 * 1024  # bytes of a body that may be parsed before a signature fits
_HALF = re.compile("[\ud800-\udfff]")


class Malformed(Exception):
    """The request is not of the form that the provider sends (400)."""


class Forged(Exception):
    """No secret of the account signs this request (403)."""


class Refused(Exception):
    """The provider will not take this message, now or later. The text is the cause shown."""


class OptedOut(Refused):
    """The contact wants no more, as the provider knows; `marketing`: nothing that the business begins."""

    def __init__(self, cause: str, *, marketing: bool = False) -> None:
        super().__init__(cause)
        self.marketing = marketing


class OutsideWindow(Refused):
    """The contact wrote too long ago: the provider takes nothing but a template."""


class Unreachable(Refused):
    """The contact cannot be reached now: has blocked the account, has left, or is there no more.

    It says nothing of what the contact wants: whoever writes again is answered. The text says why, in a few
    words; a console says the rest in its own language.
    """

    @property
    def cause(self) -> str:
        """As it is kept with the message, and told to other systems."""
        return _unreached(str(self))


class AccountFault(Exception):
    """The provider takes nothing of this account until its token, payment or registration is mended.

    `retry`: it may be mended without our hearing of it, so a message is tried now and then; False: only
    whoever changes the account can.
    """

    def __init__(self, cause: str, retry: bool = True) -> None:
        super().__init__(cause)
        self.retry = retry


class TryLater(Exception):
    """The provider certainly did not take the message, and may do so after `after` seconds."""

    def __init__(self, cause: str, after: float = 5.0) -> None:
        super().__init__(cause)
        self.after = after


class Uncertain(Exception):
    """Nobody knows whether the provider took the message."""


class CannotTell(Exception):
    """The provider could not be asked, or its answer proves nothing yet."""


class FetchRefused(Exception):
    """The address, or what it answers, is not taken, now or later; the text says why."""


class FetchFailed(Exception):
    """The address could not be asked, or its answer did not come whole; it may another time."""


class Nothing(BaseModel):
    """A model without fields: the default of Credentials, Settings and Operator."""

    model_config = ConfigDict(extra="forbid")


def read_json(body: bytes) -> Any:
    """The JSON in a body; without a mark of byte order, half a character is U+FFFD. Raises Malformed."""
    try:
        return _whole(json.loads(body.decode("utf-8-sig", "replace")))
    except (ValueError, RecursionError):
        raise Malformed("The body is not JSON.") from None


def _whole(value: Any) -> Any:
    match value:
        case str():
            return _HALF.sub("\ufffd", value)
        case dict():
            return {_whole(name): _whole(each) for name, each in value.items()}
        case list():
            return [_whole(each) for each in value]
        case _:
            return value


class Webhook:
    """A request as the provider signed it.

    `read` is a place for what `claims` or `verify` made of it (the body as a model, or opened with the
    account's secret), so that `parse` need not do it again. Each `verify` finds there what `claims` left, and
    `parse` what the `verify` of its account did. None: nobody left anything, and `parse` does it itself, as
    where a request is read that was composed here and is not verified.
    """

    def __init__(
        self,
        method: str,
        path: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> None:
        self.method = method
        self.path = path  # below the channel: "webhook" or "status"
        self.url = url  # public: scheme, Host as received, raw path, raw query
        self.headers = headers  # names in lower case
        self.body = body
        self.read: Any = None

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """The query's fields in order, blank values kept."""
        return _fields(self.url.partition("?")[2].encode(errors="surrogatepass"))  # which is no UTF-8

    @cached_property
    def form(self) -> list[tuple[str, str]]:
        """The body's fields in order, blank values kept. Raises Malformed unless it is a form
        in UTF-8 of at most 500 fields and 64 KiB, escaped as forms are."""
        content_type = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/x-www-form-urlencoded":
            raise Malformed("The body is not a form.")
        if len(self.body) > UNSIGNED_LIMIT:
            raise Malformed("The form is larger than 64 KiB.")
        if self.body.count(b"%") * 3 > len(self.body):
            raise Malformed("The form has more % than escapes.")
        if not self.body.isascii():
            raise Malformed("The form is not URL-encoded ASCII.")
        return _fields(self.body)

    @cached_property
    def json(self) -> Any:
        """The body as JSON, as `read_json` has it. Raises Malformed."""
        return read_json(self.body)


def _fields(encoded: bytes) -> list[tuple[str, str]]:
    try:
        return read_fields(encoded)
    except ValueError as error:  # UnicodeDecodeError is one
        raise Malformed("The fields are too many or not UTF-8.") from error


@dataclass(frozen=True, slots=True)
class Answer:
    """What the provider is told."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider has the message; `provider_id` is its name for it.

    `category` is what the provider charges it as, where the channel knows (else "service", of a template
    "utility"), and `units` how many it charges: the segments of an SMS.
    """

    provider_id: str
    category: str = ""
    units: int = 1


@dataclass(frozen=True, slots=True)
class Page:
    """Events of an account since a cursor, oldest first, and the next cursor; `more`: ask again at once."""

    events: tuple[Event, ...]
    cursor: str
    more: bool = False


@dataclass(frozen=True, slots=True)
class Urls:
    """The public addresses to which an account's provider posts."""

    webhook: str
    status: str


C = TypeVar("C", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)
O = TypeVar("O", bound=BaseModel)  # noqa: E741


class Channel(Generic[C, S, O]):
    """One provider's way of carrying messages; one instance per process serves every tenant.

    `verify`, `parse` and `send` are enough. `claims`, `verify`, `parse` and `acknowledge` run where webhooks
    are acknowledged: no I/O, and under 50 ms together. Coroutines run in a worker, or where an operator
    examines an account, in their own time limits, and get the account's opened credentials, never another's;
    nothing in them may keep the loop for 3 s. All other methods are called wherever they are needed, often:
    they answer at once, from what they are given. What a method may raise is said there; whatever else it
    raises ends that call alone.

    Nothing of one account is kept for another: what an instance remembers is keyed by `account.tenant` and
    `account.address`.

    Of a body of more than `body_limit` bytes nothing is taken. Where that is above 64 KiB, a larger body is
    parsed only after a signature fits: `verify` signs the bytes, and `claims` searches them.

    A channel that is `per_tenant` has no provider: every tenant has one account of it, made at its
    first use with credentials as their model makes them up. Where whoever likes posts `by_strangers`,
    posts are limited by address and by sender. What `has_feed` is told of each message.
    """

    name: ClassVar[str]
    contract: ClassVar[int] = 1  # the one that the class is written for: a plugin says its own
    Credentials: type[C]
    Settings: type[S]
    Operator: type[O]
    limits: ClassVar[Limits] = Limits()
    methods: ClassVar[frozenset[str]] = frozenset({"POST"})
    body_limit: ClassVar[int] = UNSIGNED_LIMIT
    per_tenant: ClassVar[bool] = False
    by_strangers: ClassVar[bool] = False
    has_feed: ClassVar[bool] = False
    quiet_period: ClassVar[timedelta | None] = None  # of the accounts made so; None: the tenant's
    shared: ClassVar[frozenset[str]] = frozenset()  # its names below /webhook/ at a base domain itself
    opt_out_words: ClassVar[frozenset[str]] = OPT_OUT_WORDS  # a whole message that wants no more, folded
    opt_in_words: ClassVar[frozenset[str]] = OPT_IN_WORDS  # and again, after that

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
        """The operator's credentials for accounts that have none of their own; None: there are none.

        They also verify what is posted to a shared address and names no account.
        """
        return None

    def limits_of(self, address: str) -> Limits:
        """What the account of this address can carry, where accounts differ.

        Called for each reply that is stored, and again when a file or a choice leaves.
        """
        return self.limits

    def pace(self, address: str) -> Pace:
        """How fast the account's provider takes what is no answer, with room left for answers.

        Called for each message that the business sends of its own accord.
        """
        return Pace()

    def reach(self, phone: str, address: str) -> str | None:
        """The contact whose phone this is, as the account would write to them; None: it reaches no phones.

        The phone is "+56912345678".
        """
        return None

    def window(self, address: str) -> timedelta | None:
        """How long after a contact's last message not only templates are taken; None: always."""
        return None

    def automatic(self, sender: str) -> bool:
        """Whether a machine writes from this address, which gets no answers: a short code, a name."""
        return False

    def silenced(self, settings: S) -> bool:
        """Whether the assistant is silent once the business itself has written to a contact.

        Called for a BusinessMessage where webhooks are acknowledged.
        """
        return True

    def address(self, given: str) -> str:
        """The address of an account as the provider has it, of what an operator wrote.

        Called by commands, once per account. Raises Malformed, whose text says how it is written.
        """
        return given.strip()

    def claims(self, hook: Webhook) -> Sequence[str]:
        """The addresses that the request names, not yet verified; (): try every account.

        Called first, except at a tenant's host for a body above 64 KiB: there every account is tried.
        Raises Malformed. At a shared address, a request that names none is verified with the shared
        credentials: a handshake; of one that names more than 16, the rest is looked up once one of these,
        or the shared credentials, sign.
        """
        return ()

    def verify(self, hook: Webhook, account: Account[C, S]) -> str | None:
        """Check the signature with this account's secret, in constant time.

        Called once per account claimed, before anything is written. Returns the name of the
        secret that fits where the account has more than one. An account without an address asks for the
        signature alone, whomever the request is for. Raises Forged or Malformed.
        """
        raise NotImplementedError

    def parse(self, hook: Webhook, *args: Any, **named: Any) -> Iterable[Event]:
        """The events in a verified request. A bad item is an Unreadable, never an exception.

        Called once: `parse(self, hook)`. Each event names its address; core drops those whose account did not
        verify. Where the provider does not say whom it posts to, write `parse(self, hook, account)`: it is
        called once for each account that verified, an `Account[C, S]`, and its events can be that one's
        alone.

        What is no event is kept raw, and so is what comes after the 5,000th.
        """
        raise NotImplementedError

    def acknowledge(self, hook: Webhook) -> Answer:
        """What the provider is told once the events are on disk.

        A handshake answers here. What needs no account, and whose end nobody has to know, a provider may be
        asked for by this answer, where it takes orders so (Telegram's "leaveChat").
        """
        return Answer()

    async def send(self, message: OutboundMessage, account: Account[C, S]) -> Receipt:
        """Hand one message to the provider; never called twice for one message unless the first
        call raised TryLater or `find` answered None.

        Raises Refused, AccountFault, TryLater or Uncertain; anything else raised or given, and the time
        limit, count as Uncertain.
        """
        raise NotImplementedError

    async def fetch(self, account: Account[C, S], cursor: str | None) -> Page:
        """What the provider took from contacts since `cursor`; None: the first time.

        Called after an outage and every few minutes, so that what the provider could not post is not
        missed; events that were taken already change nothing. Each message says when it was written (`at`).
        Raises CannotTell.
        """
        raise NotOffered(f"The channel {self.name} cannot fetch messages.")

    async def find(self, message: OutboundMessage, account: Account[C, S]) -> Receipt | None:
        """Ask the provider for a message whose sending ended uncertain; None: certainly not there.

        `attempted_at` is by another clock than the provider's: core believes a None only while they agree.
        Raises CannotTell.
        """
        raise CannotTell(f"The channel {self.name} cannot look for messages.")

    def media(self, file: File, account: Account[C, S]) -> AsyncIterator[bytes]:
        """The bytes of a file that a contact sent, as they come; core counts them and keeps the time.

        Called in a worker, once the message is stored and perhaps again. Raises NotOffered, Refused for a
        file that is gone, TryLater or anything else for one that may be had later.
        """
        raise NotOffered(f"The channel {self.name} cannot read files.")

    async def attend(self, provider_id: str, account: Account[C, S], *args: Any, **named: Any) -> None:
        """Show the contact that the message is read and that an answer is being written.

        Called when a turn has thought for half a second, beside it; cancelled after 5 s and when the turn has
        thought, and whatever it raises changes nothing. `attend(self, provider_id, account)` is told which
        message; where the provider asks whom it is shown, write `attend(self, provider_id, account,
        contact)`: the contact's address, as `send` has it in `to`. Raises NotOffered.
        """
        raise NotOffered(f"The channel {self.name} shows no typing.")

    async def examine(self, account: Account[C, S], urls: Urls) -> Sequence[Finding]:
        """Ask the provider whether the account is well and posts to `urls`; changes nothing.

        Raises NotOffered or CannotTell.
        """
        raise NotOffered(f"The channel {self.name} cannot be examined.")

    async def configure(self, account: Account[C, S], urls: Urls) -> None:
        """Have the provider post to `urls`. Raises NotOffered, Refused or CannotTell."""
        raise NotOffered(f"The channel {self.name} cannot be configured from here.")

    def compose(self, account: Account[C, S], url: str, sender: str, said: str | Content) -> Webhook:
        """The signed request that the provider would post to `url` if `sender` wrote or sent this.

        `said` is words, or any content that a contact can send: files by what `media` takes, a reaction, an
        Order, an Edit. Called by `conserje say` and by the contract's suite, and of the channel json with an
        `id` by which the sender names it once. Raises NotOffered, also for what contacts of the provider
        cannot send.
        """
        raise NotOffered(f"The channel {self.name} cannot write as a contact.")

    def pages(self, house: House) -> Sequence[BaseRoute]:
        """The routes at every tenant's host, outside /bot/ and /webhook/, of a channel that is web pages.

        Called once, when the edge starts.
        """
        return ()


AnyChannel = Channel[Any, Any, Any]


def offers(channel: AnyChannel, method: str) -> bool:
    """Whether a channel has an optional method of its own."""
    return getattr(type(channel), method) is not getattr(Channel, method)


def judged(report: StatusUpdate, error: Exception) -> StatusUpdate:
    """The report of a failure with what follows from it, as if `send` had raised `error`."""
    match error:
        case OptedOut():
            return replace(report, consent="marketing out" if error.marketing else "out")
        case OutsideWindow():
            return replace(report, outside_window=True)
        case Unreachable():
            return replace(report, cause=_unreached(report.cause or str(error)))
        case AccountFault():
            return replace(report, account_fault="passing" if error.retry else "lasting")
        case TryLater():
            return replace(report, try_after=error.after)
        case _:
            return report


def _unreached(why: str) -> str:
    if why.startswith(UNREACHABLE):
        return why
    return f"{UNREACHABLE}: {why}" if why else f"{UNREACHABLE}."
