"""Contract suites: a plugin's own test is a subclass of a few lines. Comes with `conserje[testing]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conserje.stand_ins import (
        GivenBudget,
        GivenKnowledge,
        GivenLeads,
        GivenProducts,
        GivenTools,
        SearchedKnowledge,
        said,
    )
    from conserje.testing.assistant import AssistantContract, ProviderAssistantContract
    from conserje.testing.channel import ChannelContract, ProviderChannelContract
    from conserje.testing.tool import ToolContract

__all__ = [
    "AssistantContract",
    "ChannelContract",
    "GivenBudget",
    "GivenKnowledge",
    "GivenLeads",
    "GivenProducts",
    "GivenTools",
    "ProviderAssistantContract",
    "ProviderChannelContract",
    "SearchedKnowledge",
    "ToolContract",
    "said",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Loads the suites once one is wanted: the plugin, which every run of pytest loads, wants none."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from conserje import stand_ins
        from conserje.testing import assistant, channel, tool

        for module in (stand_ins, assistant, channel, tool):
            globals().update((each, vars(module)[each]) for each in __all__ if each in vars(module))
        return globals()[name]
