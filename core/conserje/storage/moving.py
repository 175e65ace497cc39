"""Tables as they move with their tenant to another installation: whose ids stand where."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NOTHING: Mapping[str, object] = MappingProxyType({})


class Moved(NamedTuple):
    """A table whose rows move; `ids` says of its columns whose number they hold, `order` in which they come,
    `anew` what is in columns that begin anew."""

    table: str
    ids: Mapping[str, str]
    order: str
    anew: Mapping[str, object] = NOTHING


class Numbered(NamedTuple):
    """What has numbers of its own: from which sequence, and which a tenant $1 has, in their order."""

    name: str
    sequence: str
    statement: str
