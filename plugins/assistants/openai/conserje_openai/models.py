"""What an operator and a tenant decide about the assistant `openai`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator


class OpenAICredentials(BaseModel):
    """The key that pays for a tenant's answers."""

    model_config = ConfigDict(extra="forbid")

    api_key: SecretStr = Field(min_length=1, description="An API key of OpenAI, or of a server like it.")


class OpenAISettings(BaseModel):
    """How a tenant's assistant thinks and speaks."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(
        default="gpt-6-luna", min_length=1, description="The model's name, as the API knows it."
    )
    instructions: str = Field(default="", max_length=20_000, description="What else the assistant is told.")
    reasoning: Literal["none", "minimal", "low", "medium", "high"] | None = Field(
        default="none",
        description="How much the model reasons, in output tokens; null: for models that do not.",
    )
    max_output_tokens: int = Field(default=400, ge=16, le=16_000, description="Longest answer, in tokens.")
    history_limit: int = Field(default=20, ge=0, le=200, description="Earlier messages that the model reads.")


class OpenAIOperator(BaseModel):
    """What the operator decides for all tenants."""

    model_config = ConfigDict(extra="forbid")

    base_url: str = Field(default="https://api.openai.com/v1", description="The API's address.")
    api_key: SecretStr | None = Field(default=None, description="For tenants that have no key of their own.")
    timeout: float = Field(default=20.0, gt=0, description="Seconds for an answer, a second try included.")

    @field_validator("base_url")
    @classmethod
    def _absolute(cls, url: str) -> str:
        if not url.startswith(("http://", "https://")):
            raise ValueError("write an absolute address, like https://api.openai.com/v1")
        return url
