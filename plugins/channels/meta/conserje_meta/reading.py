"""What Meta posts, read into events once, however many accounts and tenants it is tried with."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from conserje import Event, Malformed, Webhook
from conserje_meta.changes import Change, changes, headline, read

_MOST_UPDATES = 1000  # Meta puts no more into one post
_NAMED = re.compile(rb'"phone_number_id"[ \t\r\n]*:[ \t\r\n]*"([0-9]{1,32})"')


class Post:
    """The body of a webhook; only `named` may be asked before a signature fits."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    @cached_property
    def named(self) -> Sequence[str]:
        """The ids of phone numbers that stand in the bytes, which are not parsed. Raises Malformed.

        No text of a contact's adds one, since JSON escapes its quotes.
        """
        found = [match[1] for match in islice(_NAMED.finditer(self._body), _MOST_UPDATES + 1)]
        if len(found) > _MOST_UPDATES:
            raise Malformed("The body has more updates than Meta posts.")
        return [number.decode() for number in dict.fromkeys(found)]

    @cached_property
    def numbers(self) -> Sequence[str]:
        """The ids of the phone numbers that it is for. Raises Malformed."""
        return list(dict.fromkeys(change.number for change in self._changes if change.number))

    def events(self) -> Iterator[Event]:
        """What it tells of these numbers, one after the other: there may be thousands. Raises Malformed."""
        return (event for change in self._changes if change.number for event in read(change))

    @cached_property
    def news(self) -> Sequence[str]:
        """What it tells of an account as a whole, in words. Raises Malformed."""
        return [headline(change) for change in self._changes if not change.number]

    @cached_property
    def _changes(self) -> Sequence[Change]:
        return list(changes(self._read()))

    def _read(self) -> dict[str, Any]:
        try:
            body = json.loads(self._body, parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise Malformed("The body is not JSON.") from None
        if not isinstance(body, dict):
            raise Malformed("The body is not a JSON object.")
        return body


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_posts: WeakKeyDictionary[Webhook, Post] = WeakKeyDictionary()


def post_of(hook: Webhook) -> Post:
    """The post that `hook` carries: the same for as long as the request lives."""
    if (post := _posts.get(hook)) is None:
        post = _posts[hook] = Post(hook.body)
    return post
