"""The console's page of plugins says which processes have which, and which have to be started anew."""

from __future__ import annotations

import json
import socket

from people import House

TOLD = "INSERT INTO heartbeats (process, kind, counted, plugins) VALUES ($1, 'work', '[]', $2)"
OLD = {"kind": "channel", "name": "twilio", "distribution": "conserje-twilio", "version": "0.0.9"}


async def test_a_process_with_another_version_is_named(console: House) -> None:
    here = f"{socket.gethostname()}:77"
    await console.pool.execute(TOLD, here, json.dumps([OLD]))
    page = await (await console.as_operator("operator")).get("/o/plugins")
    assert f"restart to load: {here} has 0.0.9" in page.text
    assert f"{here} (0.0.9)" in page.text
