"""The plugins that are installed, and those that stand behind a fence."""

from __future__ import annotations

import os

from conserje.plugins import fences, plugins
from conserje.storage.scope import acting_for_all
from conserje_edge.console.asked import Asked
from conserje_edge.console.languages import N_
from conserje_edge.console.place import Place, See, Seen, deed, view

PATH = "/o/plugins"
KINDS = {"channel": N_("Channel"), "assistant": N_("Assistant"), "tool": N_("Tool")}


@view("installation.read")
async def installed(asked: Asked) -> Seen:
    """What is installed where the console runs, and what is wrong with it."""
    broken = asked.context.plugins.broken
    rows = [
        {
            "name": each.entry.name,
            "kind": KINDS[plugins.KINDS[each.entry.group]],
            "distribution": each.distribution,
            "version": each.entry.dist.version if each.entry.dist else "",
            "wrong": each.left_out or broken.get(each.entry.name, ""),
        }
        for each in plugins.installed(os.environ)
    ]
    standing = fences.of_node(asked.context.settings.data_dir).standing()
    return Seen("operator/plugins.html", {"rows": rows, "standing": standing})


@deed("plugin.resume")
async def resume(asked: Asked, name: str) -> See:
    """Let it be called again on this machine, for one tenant or for all."""
    slug = asked.given("tenant") or None
    fences.of_node(asked.context.settings.data_dir).strikes.resume(name, slug)
    asked.of = f"plugin {name}"
    async with acting_for_all(asked.context.pool) as scope:
        await asked.audit(scope.connection)
    asked.flash(asked._("%(name)s is called again.", name=name))
    return See(PATH)


PLACES = (Place(PATH, installed), Place(PATH + "/{name}/resume", post=resume))
