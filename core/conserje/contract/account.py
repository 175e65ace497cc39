"""A tenant's account at a provider, as a plugin sees it, and what a plugin finds out about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

C = TypeVar("C", bound=BaseModel)
S = TypeVar("S", bound=BaseModel)


class NotOffered(Exception):
    """The plugin does not offer this."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about an account at its provider, and how to mend it where it is not well.

    `posts_to`: what is not well is where the provider posts, which `Channel.configure` mends; it says where
    that is now, "" for nowhere.
    """

    level: Literal["ok", "warning", "error"]
    text: str
    remedy: str = ""
    posts_to: str | None = None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What was found out that a model can do; `model` is its name, since a tenant may choose another one."""

    model: str
    tools: bool = True
    schema: bool = True  # answers in the form of a JSON Schema
    max_tokens: Literal["", "max_tokens", "max_completion_tokens"] = ""  # what the server calls the bound


@dataclass(frozen=True, slots=True)
class Account(Generic[C, S]):
    """A tenant's identity at the provider, as a plugin sees it."""

    tenant: str
    address: str
    credentials: C
    settings: S
    locale: str = "en"  # the tenant's, for what a channel itself says to contacts
    first_tenant: str = ""  # what the tenant was called first, where that has changed
    abilities: Abilities | None = None  # None: nobody has tried


AnyAccount = Account[Any, Any]
