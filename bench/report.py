"""What was measured, as JSON and in sections for people, which README.md has between markers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.tables import SECTIONS, sentence

MARKED = "<!-- measured: {name} -->\n{text}<!-- end -->"
BETWEEN = re.compile(r"<!-- measured: ([a-z]+) -->\n.*?<!-- end -->", re.DOTALL)


@dataclass
class Report:
    """All figures of one command; what was not measured is not in it."""

    machine: dict[str, Any]
    options: dict[str, Any]
    parts: dict[str, Any] = field(default_factory=dict)  # by the section's name
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def sound(self) -> bool:
        """Whether all that was asked for was measured, and nothing is void."""
        return not self.failed and not any(map(reasons, self.parts.values()))

    def sections(self) -> dict[str, str]:
        """Markdown by name; each says of which commit it is, since parts may be measured by themselves."""
        seen = self.machine
        when = f"{seen['date'][:10]}, commit {seen['commit']}, load before {seen['load_before']:.1f}."
        texts = {name: f"Void: {why}\n" for name, why in self.failed.items()}
        for name, part in self.parts.items():
            void = [f"Void: {why}" for why in reasons(part)]
            texts[name] = "\n\n".join([SECTIONS[name](part), *void]) + "\n"
        sections = {"machine": _machine(seen)} | {name: f"{when}\n\n{text}" for name, text in texts.items()}
        return sections | ({"sentence": said} if (said := sentence(self.parts)) else {})

    def text(self) -> str:
        return "\n".join(f"## {name}\n\n{text}" for name, text in self.sections().items())

    def json(self) -> str:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"


def reasons(part: Any) -> list[str]:
    """Why a part, or one of several, says nothing."""
    each = part if isinstance(part, Sequence) else [part]
    return [why for one in each if (why := getattr(one, "void", None))]


def filled(page: str, sections: Mapping[str, str]) -> str:
    """The page with these sections in the place of those that it had by their names."""

    def fresh(found: re.Match[str]) -> str:
        name = found[1]
        return MARKED.format(name=name, text=f"\n{sections[name]}\n") if name in sections else found[0]

    return BETWEEN.sub(fresh, page)


def _machine(seen: Mapping[str, Any]) -> str:
    versions, data = seen["versions"], seen["data"]
    return (
        f"{seen['cores']} cores ({seen['cpu']}), shared by load generator, nginx, servers and Postgres.\n"
        f"Python {versions['python']} (built with {seen['python_built']}), nginx {versions['nginx']},"
        f" Postgres {versions['postgres']}\nwith fsync; its data on {data['kind']} ({data['device']}),"
        f" where an fsync of a page takes {data['fsync_ms']:.2f} ms.\n"
    )
