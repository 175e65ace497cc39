"""What an operator and a tenant decide about the assistant `openai`."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from conserje import ModelCredentials, ModelOperator, ModelSettings

Mode = Literal["responses", "chat_completions"]

OPENAI = "api.openai.com"


class OpenAICredentials(ModelCredentials):
    """The key that pays for a tenant's answers."""


class OpenAISettings(ModelSettings):
    """How a tenant's assistant thinks and speaks."""

    model: str = Field(
        default="gpt-6-luna", min_length=1, description="The model's name, as the API knows it."
    )
    mode: Mode | None = Field(
        default=None, description="Which of OpenAI's two APIs is spoken; null: the operator's choice."
    )
    reasoning: Literal["none", "minimal", "low", "medium", "high"] | None = Field(
        default="none",
        description="How much the model reasons, in output tokens; null: for models that do not.",
    )
    transcription_model: str = Field(
        default="gpt-transcribe",
        min_length=1,
        description="The model that writes down voice notes, where they are switched on (voice_notes).",
    )


class OpenAIOperator(ModelOperator):
    """What the operator decides for all tenants."""

    base_url: str = Field(default=f"https://{OPENAI}/v1", description="The API's address.")
    mode: Mode | None = Field(
        default=None,
        description="responses or chat_completions; none: the former at OpenAI itself, the latter elsewhere.",
    )

    @property
    def is_openai(self) -> bool:
        return urlsplit(self.base_url).hostname == OPENAI

    def mode_for(self, settings: OpenAISettings) -> Mode:
        return settings.mode or self.mode or ("responses" if self.is_openai else "chat_completions")
