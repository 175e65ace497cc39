"""A model's rounds: it asks for tools, is given what came of them, and says something at last."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from conserje.contract.assistant import Budget, NoAnswer, Result, Tools
from conserje.contract.wire import Prompt, Spoken, Step, Wanted

MOST = 6  # rounds of one turn
_CALLS = 8  # of one round
_READ = 8_000  # characters of what came of a call

_LARGEST_COUNT = 10**9

Ask = Callable[[Prompt], Awaitable[Spoken]]


@dataclass(slots=True)
class Rounds:
    """The rounds of one turn, what they cost, and what was done in them."""

    ask: Ask
    tools: Tools
    budget: Budget
    model: str
    usage: Counter[str] = field(default_factory=Counter)
    results: list[Result] = field(default_factory=list)
    _steps: list[Step] = field(default_factory=list)
    _left: int = MOST

    async def words(self, prompt: Prompt) -> str:
        """What the model says at last; asked again, it has what it was given before. Raises NoAnswer."""
        for left in range(max(self._left, 1), 0, -1):
            self._left = left - 1
            spoken = await self._spoken(replace(prompt, steps=tuple(self._steps), may_call=left > 1))
            if not spoken.calls:
                return _some(spoken.text)
            self._steps.append(Step(spoken, await self._called(spoken.calls)))
        raise NoAnswer(f"The model asked for tools in each of {MOST} rounds, and said nothing.")

    async def _spoken(self, prompt: Prompt) -> Spoken:
        await self.budget.check()
        spoken = await self.ask(prompt)
        if usage := _counts(spoken.usage):
            self.usage.update(usage)
            await asyncio.shield(self.budget.spend(self.model, usage))  # it is spent, whoever cancels
        if spoken.fault:
            raise NoAnswer(spoken.fault)
        return spoken

    async def _called(self, calls: Sequence[Wanted]) -> list[Result]:
        """One after the other: what they do is done in the order in which the model wants it."""
        results = [await self._one(call, n) for n, call in enumerate(calls)]
        self.results += results
        return results

    async def _one(self, call: Wanted, place: int) -> Result:
        if place >= _CALLS:
            return Result(f"Not done: call at most {_CALLS} tools at once.", failed=True)
        result = await self.tools.call(call.name, call.arguments)
        return replace(result, text=result.text[:_READ])


def _counts(usage: Mapping[str, object]) -> dict[str, int]:
    """What of it are counts: a server may say anything, and the answer is good all the same."""
    return {
        name: count
        for name, count in usage.items()
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _LARGEST_COUNT
    }


def _some(text: str) -> str:
    """Raises NoAnswer."""
    if not (said := text.strip()):
        raise NoAnswer("The model answered with no text.")
    return said
