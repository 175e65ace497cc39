"""The tenants that a process remembers: each once, under all its names; the longest unused is forgotten."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Literal

from cachetools import LRUCache

from conserje.tenants.entry import Entry

Key = tuple[Literal["slug", "domain", "id"], str]

OF_PICKLED = 6  # bytes that an entry takes for each that it has pickled, with its opened accounts


class Remembered:
    """Entries of at most so many bytes together."""

    def __init__(self, size: int) -> None:
        self._entries = _Entries(size, lambda entry: min(size, weight(entry)))

    def get(self, key: Key) -> Entry | None:
        """The entry of this name, as it was when it was found."""
        if key[0] == "id":
            return self.of(int(key[1]))
        entry = self._entries.named.get(key)
        return entry and self._entries[entry.tenant.id]  # it was used

    def of(self, tenant_id: int) -> Entry | None:
        return self._entries.get(tenant_id)

    def put(self, key: Key, entry: Entry) -> None:
        """Remember what was found by this name; another entry of the tenant goes, with its names."""
        tenant_id, entries = entry.tenant.id, self._entries
        if entries.get(tenant_id) is not entry:
            entries.pop(tenant_id, None)
            entries[tenant_id] = entry
        for name in {key, _slug(entry)}:
            if name[0] != "id" and entries.named.get(name) is not entry:
                entries.name(name, entry)

    def forget(self, key: Key) -> None:
        """Nobody has this name, or id."""
        if key[0] == "id":
            self._entries.pop(int(key[1]), None)
        else:
            self._entries.named.pop(key, None)


class _Entries(LRUCache[int, Entry]):
    """By id; what goes takes its names with it."""

    def __init__(self, size: int, weight: Callable[[Entry], int]) -> None:
        super().__init__(size, weight)
        self.named: dict[Key, Entry] = {}
        self._further: dict[int, list[Key]] = {}  # names besides the slug, which few have

    def name(self, key: Key, entry: Entry) -> None:
        self.named[key] = entry
        if key != _slug(entry):
            self._further.setdefault(entry.tenant.id, []).append(key)

    def __delitem__(self, tenant_id: int) -> None:
        entry = self[tenant_id]
        super().__delitem__(tenant_id)
        for name in (_slug(entry), *self._further.pop(tenant_id, ())):
            if self.named.get(name) is entry:  # not another tenant's by now
                del self.named[name]


def _slug(entry: Entry) -> Key:
    return "slug", entry.tenant.slug


def weight(entry: Entry) -> int:
    """About how many bytes of memory an entry takes."""
    return OF_PICKLED * len(pickle.dumps((entry.tenant, entry.accounts)))
