"""The tenants that a process remembers: each once, under all its names; the longest unused is forgotten."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from typing import Literal

from conserje.tenants.entry import Entry
from conserje.tenants.sharing import one_of

Kind = Literal["slug", "domain", "id"]
Key = tuple[Kind, str]

OF_PICKLED = 4  # bytes that an entry takes for each that it has pickled, with its opened accounts


class Remembered:
    """Entries of at most so many bytes together.

    A hundred thousand of them are an ordinary number: no entry has more beside it than it needs.
    """

    def __init__(self, size: int) -> None:
        self._free = size
        self._kept: OrderedDict[int, tuple[Entry, int]] = OrderedDict()  # with its weight, the last used last
        self._named: dict[Kind, dict[str, Entry]] = {"slug": {}, "domain": {}}
        self._further: dict[int, list[Key]] = {}  # names besides the slug, which few have

    def get(self, key: Key) -> Entry | None:
        """The entry of this name, as it was when it was found."""
        kind, name = key
        if kind == "id":
            return self.of(int(name))
        if entry := self._named[kind].get(name):
            self._kept.move_to_end(entry.tenant.id)
        return entry

    def of(self, tenant_id: int) -> Entry | None:
        if (kept := self._kept.get(tenant_id)) is None:
            return None
        self._kept.move_to_end(tenant_id)
        return kept[0]

    def put(self, key: Key, entry: Entry) -> None:
        """Remember what was found by this name; another entry of the tenant goes, with its names."""
        tenant = entry.tenant
        if self.of(tenant.id) is not entry:
            self._remove(tenant.id)
            self._keep(entry)
        self._named["slug"][tenant.slug] = entry
        kind, name = key
        if kind != "id" and self._named[kind].get(name) is not entry:
            self._named[kind][name] = entry
            self._further.setdefault(tenant.id, []).append(key)

    def forget(self, key: Key) -> None:
        """Nobody has this name, or id."""
        kind, name = key
        if kind == "id":
            self._remove(int(name))
        else:
            self._named[kind].pop(name, None)

    def _keep(self, entry: Entry) -> None:
        """One that is larger than all memory is kept alone."""
        heavy = one_of(weight(entry))
        while self._kept and heavy > self._free:
            self._remove(next(iter(self._kept)))
        self._kept[entry.tenant.id] = entry, heavy
        self._free -= heavy

    def _remove(self, tenant_id: int) -> None:
        """Forget an entry with its names, but for those that are another tenant's by now."""
        if (kept := self._kept.pop(tenant_id, None)) is None:
            return
        entry, heavy = kept
        self._free += heavy
        for kind, name in (("slug", entry.tenant.slug), *self._further.pop(tenant_id, ())):
            if self._named[kind].get(name) is entry:
                del self._named[kind][name]


def weight(entry: Entry) -> int:
    """About how many bytes of memory an entry takes."""
    return OF_PICKLED * len(pickle.dumps((entry.tenant, entry.accounts)))
