"""What Meta posts, read into events once, however many accounts and tenants it is tried with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from conserje import Event, Malformed, Webhook
from conserje_meta.changes import Change, changes, headline, read

_MOST_NUMBERS = 1000  # Meta puts no more updates into one post


class Post:
    """The body of a webhook. What is read of it is not yet verified."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    @cached_property
    def numbers(self) -> Sequence[str]:
        """The ids of the phone numbers that it names. Raises Malformed."""
        named = {change.number: None for change in self._changes if change.number}
        if len(named) > _MOST_NUMBERS:
            raise Malformed("The body names too many phone numbers.")
        return list(named)

    @cached_property
    def events(self) -> Sequence[Event]:
        """What it tells of these numbers. Raises Malformed."""
        return [event for change in self._changes if change.number for event in read(change)]

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
