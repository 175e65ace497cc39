"""Tenants' assistants: who uses which, and which of them, and of their tools, cannot be used as set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from conserje.contract.assistant import AnyAssistant
from conserje.contract.tool import AnyTool
from conserje.plugins import guard
from conserje.plugins.guard import PluginFailed
from conserje.plugins.plugins import Plugins
from conserje.storage.database import Connection
from conserje.tenants.entry import AccountUnusable, validated

WITHOUT_CREDENTIALS = """
SELECT slug, assistant FROM tenants
WHERE status = 'active' AND assistant = ANY ($1::text[]) AND NOT EXISTS (
    SELECT FROM accounts
    WHERE tenant_id = tenants.id AND channel = assistant AND status = 'active' AND credentials IS NOT NULL)
ORDER BY slug LIMIT $2
"""

SETTINGS = """
SELECT slug, key AS assistant, value::text AS settings FROM tenants, jsonb_each(assistant_settings)
WHERE status = 'active' AND assistant_settings <> '{}' AND key IN (assistant, fallback_assistant)
ORDER BY slug LIMIT 5000
"""

TOOL_SETTINGS = """
SELECT slug, key AS tool, value::text AS settings FROM tenants, jsonb_each(tool_settings)
WHERE status = 'active' AND tool_settings <> '{}' AND value <> 'false'
ORDER BY slug LIMIT 5000
"""

USED = """
SELECT name, count(*) FILTER (WHERE first) AS tenants, count(*) FILTER (WHERE NOT first) AS fallback_of,
       (array_agg(slug ORDER BY slug) FILTER (WHERE first))[:$1] AS slugs
FROM (SELECT slug, assistant AS name, true AS first FROM tenants
      UNION ALL SELECT slug, fallback_assistant, false FROM tenants) AS used
GROUP BY name ORDER BY name
"""


@dataclass(frozen=True, slots=True)
class Use:
    """How many tenants an assistant answers for, and for how many where theirs cannot."""

    name: str
    tenants: int = 0
    fallback_of: int = 0
    slugs: tuple[str, ...] = ()  # the first of the former


async def used(connection: Connection, most: int) -> dict[str, Use]:
    """By name, with at most so many slugs of each."""
    rows = await connection.fetch(USED, most)
    return {row["name"]: Use(**{**row, "slugs": tuple(row["slugs"] or ())}) for row in rows}


async def unready(connection: Connection, plugins: Plugins, most: int) -> list[str]:
    """A sentence for each, of at most so many tenants."""
    needing = [name for name in sorted(plugins.assistants) if _needs_own(plugins, name)]
    rows = await connection.fetch(WITHOUT_CREDENTIALS, needing, most)
    found = [f"{row['assistant']} has no credentials of {row['slug']}." for row in rows]
    for row in await connection.fetch(SETTINGS):
        found += _wrong(plugins.assistants.get(row["assistant"]), row["slug"], row["settings"])
    return found[:most]


async def unready_tools(connection: Connection, plugins: Plugins, most: int) -> list[str]:
    """A sentence for each that a tenant has switched on with settings that it refuses."""
    found: list[str] = []
    for row in await connection.fetch(TOOL_SETTINGS):
        found += _wrong(plugins.tools.get(row["tool"]), row["slug"], row["settings"])
    return found[:most]


def _needs_own(plugins: Plugins, name: str) -> bool:
    """Whether a tenant needs credentials of its own for the assistant."""
    assistant = plugins.assistants[name]
    try:
        if guard.shared_credentials(assistant) is not None:
            return False
        validated(assistant.Credentials, "{}", "credentials")
    except (AccountUnusable, PluginFailed):
        return True
    return False


def _wrong(plugin: AnyAssistant | AnyTool | None, slug: str, settings: str) -> Iterator[str]:
    if plugin:
        try:
            validated(plugin.Settings, settings, f"settings of {plugin.name} of {slug}")
        except AccountUnusable as error:
            yield str(error)
