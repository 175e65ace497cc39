"""What a tenant says of its MCP server, and which of the server's tools it allows."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field, JsonValue, RootModel, SecretStr, field_validator

from conserje.kit import Closed

_OTHERS = re.compile(r"[^a-z0-9]+")
_VISIBLE = re.compile(r"[\x20-\x7e]{1,4096}")
_OURS = frozenset({"accept", "content-length", "content-type", "host", "transfer-encoding", "connection"})

NAME = r"^[A-Za-z0-9_.\-]{1,64}$"
Name = Annotated[str, Field(pattern=NAME)]


def callable_name(name: str) -> str:
    """What a model calls the server's tool."""
    return f"mcp_{_OTHERS.sub('_', name.lower()).strip('_')}"[:64]


class MCPCredentials(Closed):
    """What the server knows the tenant by; without a token it asks for nothing."""

    token: SecretStr | None = Field(default=None, description="The token, sent as a bearer.")
    header: str = Field(
        default="authorization",
        pattern=r"^[A-Za-z0-9\-]{1,64}$",
        description="The header that it is sent in; in any other than this one it stands alone.",
    )

    @field_validator("token")
    @classmethod
    def _can_be_sent(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and not _VISIBLE.fullmatch(token.get_secret_value()):
            raise ValueError("a token is 1 to 4096 visible ASCII signs")
        return token

    @field_validator("header")
    @classmethod
    def _is_free(cls, header: str) -> str:
        if header.lower() in _OURS or header.lower().startswith("mcp-"):
            raise ValueError("this header is MCP's own")
        return header.lower()

    @property
    def headers(self) -> dict[str, str]:
        if self.token is None:
            return {}
        token = self.token.get_secret_value()
        return {self.header: f"Bearer {token}" if self.header == "authorization" else token}


class Allowed(Closed):
    """A tool of the server that assistants may call."""

    pin: str = Field(
        pattern=r"^[0-9a-f]{64}$",
        description="What `conserje account check` shows: the hash of what the server says of the tool.",
    )
    effect: bool = Field(default=True, description="Whether it does something, and not only looks it up.")


class MCPSettings(Closed):
    """Which of the server's tools assistants may call, one by one."""

    tools: dict[Name, Allowed] = Field(default={}, max_length=32, description="By the server's own names.")

    @field_validator("tools")
    @classmethod
    def _have_names_of_their_own(cls, tools: dict[str, Allowed]) -> dict[str, Allowed]:
        if len({callable_name(name) for name in tools}) < len(tools):
            raise ValueError("two of these names are one for a model")
        return tools


class Arguments(RootModel[dict[str, JsonValue]]):
    """Whatever the server's tool takes."""
