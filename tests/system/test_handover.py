"""Hand-over through the real processes: the contact asks, the tenant is told, a person answers."""

from __future__ import annotations

from installation import Installation, until_taken
from processes import run_to_end
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from waiting import until

from conserje.tenants.words import PASSED_ON
from conserje_fakes.server import serving

ANA = "whatsapp:+56911111111"


async def test_who_asks_for_a_person_gets_one_and_then_the_assistant_again(
    installation: Installation,
) -> None:
    told: list[tuple[dict[str, str], bytes]] = []

    async def take(request: Request) -> Response:
        told.append((dict(request.headers), await request.body()))
        return Response()

    await installation.add("acme")
    allowed = {"CONSERJE_FETCH_ALLOW": "127.0.0.0/8"}
    async with (
        serving(Starlette(routes=[Route("/n8n", take, methods=["POST"])])) as url,
        installation.serving() as server,
        installation.working(**allowed),
    ):
        environment = installation.environment | allowed

        async def conserje(*command: str) -> str:
            code, output, errors = await run_to_end(environment, *command)
            assert code == 0, errors
            return output

        await conserje("tenant", "set", "acme", "--notice-url", f"{url}/n8n", "--hand-back-after", "1h")
        await until_taken(server, installation.message("acme", ANA, "Quiero hablar con una persona"))
        await until(lambda: told)
        [secret] = [
            line.split()[-1]
            for line in (await conserje("tenant", "show", "acme", "--notice-secret")).splitlines()
            if line.startswith("notice secret")
        ]
        notice = Webhook(secret).verify(told[0][1], told[0][0])
        conversation = str(notice["data"]["conversation"])
        await until_taken(server, installation.message("acme", ANA, "¿hola?"))
        assert await conserje("message", "send", "acme", conversation, "Soy Eva.") == "The message is sent.\n"
        await conserje("conversation", "give", "acme", conversation)
        await until_taken(server, installation.message("acme", ANA, "gracias"))
        await until(lambda: (ANA, "gracias") in installation.replies)
        shown = await conserje("conversation", "show", "acme", conversation)
    said = [message.body for message in installation.twilio.messages]
    assert said == [PASSED_ON["es"], "Soy Eva.", "gracias"]
    assert "with the assistant" in shown and "webhook  sent" in shown
