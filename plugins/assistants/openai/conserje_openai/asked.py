"""How a tenant's model is asked, whichever of the two APIs its server speaks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from conserje import Abilities, Offer, Picture, Prompt
from conserje_openai.models import Mode, OpenAIOperator, OpenAISettings


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator and the tenant decided, and what the model was found to be able to do."""

    operator: OpenAIOperator
    settings: OpenAISettings
    abilities: Abilities | None

    @classmethod
    def of(cls, operator: OpenAIOperator, settings: OpenAISettings, abilities: Abilities | None) -> Self:
        """What was found of another model says nothing of this one."""
        known = abilities is not None and abilities.model == settings.model
        return cls(operator, settings, abilities if known else None)

    @property
    def mode(self) -> Mode:
        return self.operator.mode_for(self.settings)

    @property
    def max_tokens(self) -> str:
        """What the server calls the bound of an answer, in chat completions."""
        if self.abilities and self.abilities.max_tokens:
            return self.abilities.max_tokens
        return "max_completion_tokens" if self.operator.is_openai else "max_tokens"

    def without_tools(self) -> Asked:
        return replace(self, abilities=Abilities(self.settings.model, tools=False))

    def offers(self, prompt: Prompt) -> Sequence[Offer]:
        """The tools that the model is told of: none that cannot call them is."""
        return prompt.offers if self.abilities is None or self.abilities.tools else ()


def word(code: object) -> str:
    """A code as OpenAI has them; other servers may put anything there."""
    short = isinstance(code, str) and len(code) <= 60 and code.replace("_", "").replace("-", "").isalnum()
    return str(code) if short else "no code"


def data_url(picture: Picture) -> str:
    """The picture itself, as an address."""
    return f"data:{picture.content_type};base64,{b64encode(picture.content).decode()}"
