"""Lists in pages: a cursor says after which thing the next page begins, whatever is added meanwhile."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, TypeVar

from pydantic import Field, TypeAdapter
from pydantic_core import from_json, to_json

from conserje_edge.api.models import LARGEST, Given, Shown
from conserje_edge.api.problem import problem

VERSION = 1
LONGEST = 1000  # characters of a cursor

R = TypeVar("R")
S = TypeVar("S", bound=Shown)

# What the places in a list are told by.
Number = Annotated[int, Field(ge=-LARGEST, le=LARGEST)]
Word = Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")]


class Paged(Given):
    """How much of a list is asked for."""

    limit: Annotated[int, Field(ge=1, le=200, description="How many, at most.")] = 50
    cursor: Annotated[
        str | None, Field(max_length=LONGEST, description="`next` of the page before; none: the first page.")
    ] = None


class Page(Shown, Generic[S]):
    """A part of a list; `next` is the cursor of the part that follows, null at the end."""

    items: list[S]
    next: str | None


def after(paged: Paged, place: type[R] | Any, first: R) -> R:
    """Where the page begins: a place such as `tuple[Moment, Number]`, or `first`. Raises Problem."""
    if paged.cursor is None:
        return first
    try:
        raw = base64.b64decode(paged.cursor + "=" * (-len(paged.cursor) % 4), altchars=b"-_", validate=True)
        version, *values = from_json(raw)
        found: R = TypeAdapter(place).validate_json(to_json(values))
    except (binascii.Error, ValueError, TypeError):  # ValidationError is a ValueError
        raise problem("bad-cursor") from None
    if version != VERSION:
        raise problem("bad-cursor")
    return found


def page(
    paged: Paged, found: Sequence[R], shown: Callable[[R], S], place: Callable[[R], tuple[object, ...]]
) -> Page[S]:
    """The page out of what was found: one thing more than asked for, where there are more."""
    here = found[: paged.limit]
    following = cursor_of(place(here[-1])) if len(found) > paged.limit else None
    return Page(items=[shown(each) for each in here], next=following)


def cursor_of(place: tuple[object, ...]) -> str:
    """The cursor of what follows on this place."""
    return base64.urlsafe_b64encode(to_json([VERSION, *place])).rstrip(b"=").decode()
