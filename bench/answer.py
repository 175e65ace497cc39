"""From a webhook to the call of the provider, where a model is asked that takes 800 ms; no quiet period."""

from __future__ import annotations

from dataclasses import replace

from bench import webhooks
from bench.installation import Waits, answering_after, installed
from bench.place import Place
from bench.process import Failed

from conserje_fakes import server
from conserje_fakes.openai import StandIn

MODEL_TAKES = 0.8  # seconds
WARM_UP, COUNT, RATE = 20, 150, 5.0  # messages, and how many a second
SHOP = """
UPDATE tenants SET quiet_period = '0', assistant = 'openai';
INSERT INTO products (tenant_id, name, price)
SELECT id, 'Alimento para perro ' || n || ' kg', 1000 * n FROM tenants, generate_series(1, 50) AS n
"""


async def measure(place: Place) -> Waits:
    """An idle installation with one worker, which asks the model once for each answer. Raises Failed."""
    stand_in = StandIn()
    async with (
        server.serving(answering_after(MODEL_TAKES, stand_in.app())) as url,
        installed(place, webhooks.tenants(1), SHOP) as quick,
    ):
        asks = {
            "CONSERJE_OPENAI_BASE_URL": f"{url}/v1",
            "CONSERJE_OPENAI_API_KEY": "sk-bench",
            "CONSERJE_OPENAI_MODE": "responses",
        }
        installation = replace(quick, variables={**quick.variables, **asks})
        async with installation.workers(1):
            [tenant] = installation.tenants
            await installation.waits(tenant, WARM_UP, RATE)
            waits = await installation.waits(tenant, COUNT, RATE)
    if len(stand_in.requests) != WARM_UP + COUNT:
        raise Failed(f"the model was asked {len(stand_in.requests)} times for {WARM_UP + COUNT} messages")
    return waits
