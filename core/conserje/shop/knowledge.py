"""What a tenant has said about itself: facts and questions."""

from __future__ import annotations

from collections.abc import Sequence

from conserje.contract.assistant import Known


class TenantKnowledge:
    """One tenant's knowledge for one turn."""

    async def search(self, text: str) -> Sequence[Known]:
        return ()  # no tenant can say anything yet
