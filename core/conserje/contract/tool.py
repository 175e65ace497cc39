"""The contract of a tool: something that an assistant may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel

from conserje.contract.account import Account, Finding, NotOffered
from conserje.contract.assistant import Contact, Knowledge, Offer, Products, Result, Tenant

if TYPE_CHECKING:
    import httpx2

P = TypeVar("P", bound=BaseModel)
C = TypeVar("C", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)
O = TypeVar("O", bound=BaseModel)  # noqa: E741


@dataclass(frozen=True, slots=True)
class Lead:
    """What a contact wants of a person, in their words; what is empty was not said."""

    wanted: str
    name: str = ""
    phone: str = ""
    when: str = ""  # to call, or to tell


class Leads(Protocol):
    """The contact's leads."""

    async def open(self, lead: Lead) -> bool:
        """Keep it, and tell the person whom it is given to; by one call once, however often it is called.

        What the contact wants already is one lead. False: it says nothing, or the contact has too many.
        Raises NotOffered to a tool without effect.
        """
        ...


@dataclass(frozen=True, slots=True)
class Call(Generic[P, C, S]):
    """One call of a tool. `key` stays the same when the same call is made again: effects are keyed by it."""

    key: str
    tenant: Tenant
    contact: Contact
    arguments: P
    products: Products
    knowledge: Knowledge
    leads: Leads
    credentials: C
    settings: S
    name: str = ""  # which of its offers is called, where the tool makes several
    address: str = ""  # of the tenant's account for the tool


@dataclass(frozen=True, slots=True)
class Offering:
    """What a tool offers one tenant in its own place; `withheld` says what is switched off, why, and what to
    do about it."""

    offers: Sequence[Offer] = ()
    withheld: str = ""


class Tool(Generic[P, C, S, O]):
    """Something that an assistant may do; one instance per worker serves every tenant.

    The tenant's settings for it are the tenant's `tool_settings` under its name, which is also what switches
    it on. Credentials of its own are an account of the tenant whose channel is the tool's name.
    """

    name: ClassVar[str]
    contract: ClassVar[int] = 1  # the one that the class is written for: a plugin says its own
    description: ClassVar[str]  # for the model: when to call it
    effect: ClassVar[bool] = False
    reserves: ClassVar[bool] = False  # an effect that must be known before the reply: see `run`
    repeatable: ClassVar[bool] = False  # called again with the same key, it does nothing twice
    Parameters: type[P]
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

    async def run(self, call: Call[P, C, S]) -> Result:
        """Do it; called outside any transaction, and cancelled after 10 seconds.

        Without effect: while the assistant thinks; what is raised is a failure that the model is told
        without its text. With one: by a job, after the reply is stored, once. What certainly was not done
        is a Result that has failed; where something is raised, the time is over, or a crash ends the call,
        nobody knows: it is not made again, but where the tool is `repeatable`, and is held for an operator.
        What reserves is called while the assistant thinks, with a `key` by conversation and arguments; a turn
        that is thought again gets what it gave before, or, after a crash, calls it again with the same `key`.
        """
        raise NotImplementedError

    async def offer(self, account: Account[C, S]) -> Offering:
        """What the tenant's assistants may call in the tool's place, each named `<name of the tool>_...`.

        Optional: for a tool that is several, which only the tenant's own server can say. `run` is called for
        each of them, with its name in `call.name`; whether it has an effect is said by its Offer. Called in a
        worker before a turn is thought, cancelled after 10 seconds, and kept for five minutes. Raises
        CannotTell: then nothing is offered for a minute.
        """
        raise NotOffered(f"The tool {self.name} offers itself.")

    async def examine(self, account: Account[C, S]) -> Sequence[Finding]:
        """Ask whether the credentials are good; changes nothing. Raises NotOffered or CannotTell."""
        raise NotOffered(f"The tool {self.name} cannot be examined.")


AnyTool = Tool[Any, Any, Any, Any]


def is_several(tool: AnyTool) -> bool:
    """Whether it offers others in its place."""
    return type(tool).offer is not Tool.offer
