"""An assistant that says back what it hears and has each text stamped; the stamp is an effect, outside."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from conserje import Assistant, Call, Nothing, Reply, Result, Text, Tool, Turn, plain

STAMPS = "CRASH_STAMPS"  # the variable that names the file in which the stamps are


class Notary(Assistant[Nothing, Nothing, Nothing]):
    """Says back what was written, and proposes a stamp for each text."""

    name = "notary"
    Credentials = Settings = Operator = Nothing

    async def reply(self, turn: Turn[Nothing, Nothing]) -> Reply:
        texts = [plain(message.content) for message in turn.messages]
        for text in texts:
            await turn.tools.call("stamp", {"text": text})
        return Reply((Text("\n".join(texts)),))


class Stamped(BaseModel):
    """What gets a stamp."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=100, description="What is stamped.")


class Stamp(Tool[Stamped, Nothing, Nothing, Nothing]):
    """Adds a line to a file, which outlives whoever adds it."""

    name = "stamp"
    description = "Stamps a text."
    effect = True
    Parameters = Stamped
    Credentials = Settings = Operator = Nothing

    async def run(self, call: Call[Stamped, Nothing, Nothing]) -> Result:
        file = os.open(os.environ[STAMPS], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, f"{call.arguments.text}\n".encode())
        finally:
            os.close(file)
        return Result("Stamped.")


def stamps(file: Path) -> Counter[str]:
    """How often each text was stamped."""
    return Counter(file.read_text().splitlines() if file.exists() else ())


def install(folder: Path) -> str:
    """Make both plugins of a process whose PYTHONPATH begins with what this returns."""
    metadata = folder / "notary-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: notary\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[conserje.assistants]\nnotary = crash.notary:Notary\n[conserje.tools]\nstamp = crash.notary:Stamp\n"
    )
    return str(folder)
