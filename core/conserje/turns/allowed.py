"""What a turn may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conserje.contract.assistant import Offer, Result


class NoTools:
    """Nothing is offered."""

    offers: Sequence[Offer] = ()

    async def call(self, name: str, arguments: Mapping[str, Any] | str) -> Result:
        return Result(f"There is no tool {name!r:.100}.", failed=True)
