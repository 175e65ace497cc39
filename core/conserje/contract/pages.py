"""The contract of the house: what a channel that is web pages gets from core, and all that it gets."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol

from conserje.contract.assistant import Tenant
from conserje.contract.message import Content

if TYPE_CHECKING:
    from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Visit:
    """The tenant whose page is asked for, and the channel's settings for it; `origins` are those of the
    pictures of its products, `console` is the origin of the installation's own console, which shows its
    people the page within one of its own."""

    tenant: Tenant
    settings: Any  # the channel's Settings
    origins: tuple[str, ...] = ()
    console: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """A visitor of one tenant's pages; `cookie` is the Set-Cookie header of a new one."""

    id: str
    tenant_id: int
    account_id: int
    cookie: str | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A file of a message as a page can show it: by an address of its own host, for a day, or by that of
    another; `size` None: nobody here knows it."""

    address: str
    content_type: str
    name: str
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a session's conversation."""

    id: int
    author: Literal["contact", "tenant"]
    content: Content
    at: datetime
    person: str | None = None  # the name of the tenant's person who wrote it, if it is known; None: nobody
    files: tuple[Shown, ...] = ()  # those of a Media that are there


Attending = Literal["assistant", "called", "person"]


@dataclass(frozen=True, slots=True)
class Look:
    """What a look into the feed found: messages in order, and how the conversation stands.

    `thinking`: a reply is being thought. `attending` is who answers, "called" a person who has not come
    yet; `person` is the name of one who has. The contact's messages from `unread_from` on are not read.
    """

    said: tuple[Said, ...]
    thinking: bool
    attending: Attending = "assistant"
    person: str = ""
    unread_from: int | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as a site says; `proof` is made by the site's server, see `sessions.vouches`."""

    name: str = ""
    phone: str = ""
    proof: str = ""


Refusal = Literal["unwritten", "kind", "large", "many", "key"]


class UploadRefused(Exception):
    """A file is not taken: the session has written nothing yet, the kind is not allowed, it is too large,
    there were too many today, or its key is another message's."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason)
        self.reason: Refusal = reason


class House(Protocol):
    """A channel's view of the tenants whose pages it serves.

    Whatever these methods raise is an answer that the edge gives: let it pass.
    """

    async def visit(self, request: Request) -> Visit:
        """The tenant of the request's host. For pages, which anybody may see."""
        ...

    async def session(self, request: Request) -> Session | None:
        """The visitor's session, None for a new visitor. Refuses requests of other hosts' pages."""
        ...

    async def open_session(self, request: Request) -> Session:
        """The visitor's session, else a new one. Refuses requests of other hosts' pages, and more new
        sessions than an address or a tenant may have."""
        ...

    async def seen(self, session: Session, message_id: int, *, read: bool) -> None:
        """Note that the page has what the tenant said until then, or that the visitor has read it."""
        ...

    async def upload(self, session: Session, request: Request, key: str, name: str) -> int:
        """Take the request's body as a file that the visitor says; the id of its message.

        `key` is the event's, as of an InboundMessage. Only the path /upload may have a body of up to 16 MiB;
        the kind is told by the bytes, and what the file says of camera and place is taken off. Raises
        UploadRefused.
        """
        ...

    async def identify(self, session: Session, request: Request, said: Identity) -> bool:
        """Note who the visitor is, by the page around: said to persons, or believed where its proof is good.

        It is nobody else's conversation for that. False: the visitor has written nothing yet. Refuses a proof
        that is not good, and a phone that can be none.
        """
        ...

    def feed(self, session: Session, after: int) -> AsyncGenerator[Look, None]:
        """Looks at the session's conversation: at once, when something changed, and every 15 s.

        The first has the messages with an id above `after`, up to 200, and repeats those of the last
        30 s: whoever shows them drops an id that it has. Ends when the server stops or the tenant is gone;
        empty before the visitor's first message. To be closed by whoever does not read it to its end.
        """
        ...
