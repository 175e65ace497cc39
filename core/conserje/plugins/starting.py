"""The start and the end of plugins, once each in every process that goes on calling them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conserje.plugins import given, guard
from conserje.plugins.guard import AnyPlugin, PluginFailed, PluginFenced
from conserje.plugins.plugins import Plugins

log = logging.getLogger(__name__)

LIMIT = 10.0  # seconds for each, all at the same time


@asynccontextmanager
async def started(plugins: Plugins) -> AsyncIterator[None]:
    """While this is entered all have been started; one that does not start is broken, in this process."""
    everyone = plugins.all()
    begun = await asyncio.gather(*(_start(plugins, each) for each in everyone))
    try:
        yield
    finally:
        await asyncio.gather(*(_close(each) for each, fine in zip(everyone, begun, strict=True) if fine))


async def _start(plugins: Plugins, plugin: AnyPlugin) -> bool:
    if why := await _fault(plugin, "start"):
        plugins.drop(plugin, f"could not be started: {why}")
        log.error("Plugin %s skipped: it %s", plugin.name, plugins.broken[plugin.name])
    return not why


async def _close(plugin: AnyPlugin) -> None:
    if why := await _fault(plugin, "close"):
        log.warning("Plugin %s did not close well: %s", plugin.name, why)


async def _fault(plugin: AnyPlugin, method: str) -> str:
    """Why the call failed; empty: it did not."""
    try:
        async with asyncio.timeout(LIMIT):
            await guard.awaited(plugin, "", method, given.nothing)
    except TimeoutError:
        return f"no end within {LIMIT:g} s"
    except PluginFenced:
        return f"it stood still again and again: `conserje plugin resume {plugin.name}`, then start this anew"
    except PluginFailed as error:
        return error.place
    return ""
