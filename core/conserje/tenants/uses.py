"""Which tenants use which plugin."""

from __future__ import annotations

from dataclasses import dataclass

from conserje.plugins.plugins import Plugins
from conserje.storage.database import Connection, Pool
from conserje.tenants.tenants import OWN_TOOLS

MOST_NAMED = 20  # tenants of each plugin

# Those that are active: whose account is of the channel, whose assistant it is, who may call the tool. Of
# what every tenant has ($1, $2), those that have not said otherwise.
USES = """
SELECT kind, plugin, tenants, ARRAY(SELECT slug FROM tenants WHERE id = ANY (first) ORDER BY id) AS slugs
FROM (SELECT kind, plugin, count(*) AS tenants, (array_agg(id ORDER BY id))[:$3] AS first FROM (
    SELECT 'channel' AS kind, channel AS plugin, tenant_id AS id
    FROM accounts JOIN tenants ON tenants.id = tenant_id AND tenants.status = 'active'
    WHERE accounts.status = 'active' AND channel <> ALL ($1)
    UNION
    SELECT 'assistant', plugin, id
    FROM tenants, unnest(ARRAY[assistant, fallback_assistant]) AS plugin
    WHERE status = 'active'
    UNION
    SELECT 'tool', plugin, id FROM tenants, jsonb_each(tool_settings) AS tool (plugin, settings)
    WHERE status = 'active' AND settings <> 'false' AND plugin <> ALL ($2)
    UNION ALL
    SELECT 'channel', plugin, id FROM tenants, unnest($1::text[]) AS plugin
    WHERE status = 'active' AND NOT EXISTS (
        SELECT FROM accounts
        WHERE tenant_id = tenants.id AND channel = plugin AND accounts.status <> 'active')
    UNION ALL
    SELECT 'tool', plugin, id FROM tenants, unnest($2::text[]) AS plugin
    WHERE status = 'active' AND tool_settings -> plugin IS DISTINCT FROM 'false'
) AS uses GROUP BY kind, plugin) AS counted
"""


@dataclass(frozen=True, slots=True)
class Use:
    """How many tenants use a plugin, and some of them."""

    tenants: int = 0
    slugs: tuple[str, ...] = ()


async def of_plugins(database: Connection | Pool, plugins: Plugins) -> dict[tuple[str, str], Use]:
    """By kind and name."""
    per_tenant = [name for name, channel in plugins.channels.items() if channel.per_tenant]
    rows = await database.fetch(USES, per_tenant, list(OWN_TOOLS), MOST_NAMED)
    return {(row["kind"], row["plugin"]): Use(row["tenants"], tuple(row["slugs"])) for row in rows}
