"""Contacts, who write in bursts, and what each of them was told and sent: all that the count rests on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

BURSTS = 6  # of one contact, who then falls silent; a page takes 30 texts a minute, tries included
LONGEST_BURST = 3
PAUSE = (0.1, 1.0)  # seconds between bursts


@dataclass
class Contact:
    """Somebody who writes to a tenant; every text is written once in the whole run."""

    name: str
    slug: str
    channel: str
    peer: str  # the contact's address at the provider
    written: list[str] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)  # as the provider, or the page, was told

    @property
    def key(self) -> tuple[str, str]:
        return self.slug, self.peer

    def next_text(self) -> str:
        self.written.append(f"{self.name}.{len(self.written) + 1}")
        return self.written[-1]


# Hands in what a contact writes at once, in order; returns when the provider has tried its best.
Post = Callable[[Contact, Sequence[str]], Awaitable[None]]


async def write(contact: Contact, post: Post, chance: random.Random, over: Callable[[], bool]) -> None:
    """All that one contact ever writes, or until it is over."""
    for _ in range(BURSTS):
        if over():
            return
        await post(contact, [contact.next_text() for _ in range(chance.randint(1, LONGEST_BURST))])
        await asyncio.sleep(chance.uniform(*PAUSE))
