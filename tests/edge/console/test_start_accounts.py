"""Numbers by the console: tried before they are kept, pointed here at a word, their secrets never shown."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from leaf import Leaf
from people import Browser, House

from conserje.net.client import client
from conserje.operations import checkup
from conserje.plugins.plugins import Plugins
from conserje_fakes.meta import Number
from conserje_fakes.meta import create as create_meta
from conserje_fakes.server import serving
from conserje_fakes.twilio import TwilioAccount
from conserje_fakes.twilio import create as create_twilio
from conserje_mcp import MCP
from conserje_meta import Meta, MetaOperator
from conserje_twilio import Twilio, TwilioOperator

SID, SECRET, NUMBER = "AC" + "1" * 32, "5ecret5ecret5ecret5ecret5ecret55", "whatsapp:+56911111111"
PHONE_ID, TOKEN = "106540352242922", "EAAficha"
TYPED = {
    "kind": "whatsapp:", "address": "+56 9 1111 1111", "credentials.account_sid": SID,
    "credentials.auth_token": SECRET,
}  # fmt: skip
META = {
    "address": PHONE_ID, "credentials.access_token": TOKEN, "credentials.app_secret": "s3creto-s3creto",
    "credentials.waba_id": "102290129340398", "settings.silenced_by_echoes": "on",
}  # fmt: skip
OURS, ELSEWHERE = "http://acme.localhost:8080/bot/twilio/webhook", "https://otro.example/hook"
NEW = "/t/acme/accounts/new"
DEEDS = ("/check", "/post-here", "/credentials", "/status", "/uncertain", "/verify-token", "/remove")


@dataclass
class Office:
    """The console, and stand-ins for Twilio and Meta."""

    console: House
    twilio: Any
    meta: Any

    @property
    def posts_to(self) -> str:
        return str(self.twilio.setup.webhook(NUMBER, None)).partition("#")[0]

    def post_to(self, url: str) -> None:
        self.twilio.setup.sender(NUMBER)["webhook"] = {"callback_url": url, "callback_method": "POST"}

    async def accounts(self) -> list[tuple[str, str]]:
        rows = await self.console.pool.fetch("SELECT channel, address FROM accounts ORDER BY channel")
        return [(row["channel"], row["address"]) for row in rows]

    async def added(self, owner: Browser) -> str:
        """The page of a number that is kept."""
        return str((await owner.post(f"{NEW}/twilio", 303, **TYPED)).answer.headers["location"])


@pytest_asyncio.fixture
async def office(console: House) -> AsyncIterator[Office]:
    twilio = create_twilio([TwilioAccount(SID, SECRET, (NUMBER,))])
    meta = create_meta([Number(PHONE_ID, TOKEN, "s3creto-s3creto")])
    async with serving(twilio) as twilio_url, serving(meta) as meta_url, client() as http:
        there = console.context.plugins
        console.context.plugins = Plugins(
            {
                **there.channels,
                "twilio": Twilio(TwilioOperator(base_url=twilio_url), http),
                "meta": Meta(MetaOperator(base_url=meta_url), http),
            },
            there.assistants,
            {**there.tools, "mcp": MCP(MCP.Operator(), http)},
        )
        yield Office(console, twilio.state.stand_in, meta.state.stand_in)


def never(leaf: Leaf, *secrets: str) -> None:
    assert not [each for each in secrets if each in leaf.answer.text]


async def test_a_number_is_connected_and_messages_come_here(office: Office) -> None:
    owner = await office.console.as_("owner")
    assert "No number is connected yet" in (await owner.get("/t/acme/accounts")).text
    form = (await owner.get(f"{NEW}/twilio")).form("/twilio")
    assert {"kind", "address", "credentials.account_sid", "credentials.auth_token"} <= form.fields.keys()
    assert "credentials.next_auth_token" not in form.fields
    page = await owner.get(await office.added(owner))
    assert await office.accounts() == [("twilio", NUMBER)] and office.posts_to == OURS
    assert "It is kept." in page.text and "Well" in page.text and OURS in page.answer.text
    never(page, SECRET)
    steps = await owner.get("/t/acme/start")
    assert not any(text.startswith("Connect a number") for text in steps.links)
    said = str(await office.console.pool.fetch("SELECT act, of, before, after FROM audit"))
    assert "account twilio whatsapp" in said and SECRET not in said


async def test_what_the_provider_refuses_is_not_kept(office: Office) -> None:
    owner = await office.console.as_("owner")
    other = "0" + SECRET[1:]
    page = await owner.post(f"{NEW}/twilio", 422, **TYPED | {"credentials.auth_token": other})
    assert "Twilio refuses it, so nothing was kept" in page.text and "20003" in page.text
    never(page, SECRET, other)
    fields = page.form("/twilio").fields
    assert (fields["address"], fields["credentials.account_sid"]) == ("+56 9 1111 1111", SID)
    assert fields["credentials.auth_token"] == "" and await office.accounts() == []
    mended = fields | {"credentials.auth_token": SECRET}
    await owner.post(f"{NEW}/twilio", 303, **mended)
    assert await office.accounts() == [("twilio", NUMBER)]


async def test_a_wrong_number_is_mended_without_pasting_again(office: Office) -> None:
    owner = await office.console.as_("owner")
    page = await owner.post(f"{NEW}/twilio", 422, **TYPED | {"address": "+56922222222"})
    assert "is no WhatsApp sender of this Twilio account" in page.text
    fields = page.form("/twilio").fields | {"address": "+56911111111"}
    assert fields["credentials.auth_token"] == ""
    await owner.post(f"{NEW}/twilio", 303, **fields)
    assert await office.accounts() == [("twilio", NUMBER)] and office.posts_to == OURS


async def test_what_is_refused_is_kept_at_the_owner_s_word(office: Office) -> None:
    owner = await office.console.as_("owner")
    page = await owner.post(f"{NEW}/twilio", 422, **TYPED | {"credentials.auth_token": "x" * 32})
    fields = page.form("/twilio").fields
    assert "anyway" not in fields
    done = await owner.post(f"{NEW}/twilio", 303, **fields | {"anyway": "on"})
    assert "Refused" in (await owner.follow(done)).text
    assert await office.accounts() == [("twilio", NUMBER)]


async def test_what_was_typed_for_another_tenant_opens_nowhere(office: Office) -> None:
    owner, other = await office.console.as_("owner"), await office.console.as_("owner", "bravo")
    page = await owner.post(f"{NEW}/twilio", 422, **TYPED | {"address": "+56922222222"})
    fields = page.form("/twilio").fields | {"address": "+56911111111"}
    answered = await other.post("/t/bravo/accounts/new/twilio", 422, **fields)
    assert [each for each in answered.ids if each.startswith("error-credentials.auth_token")]
    assert await office.accounts() == []


async def test_who_posts_elsewhere_is_changed_at_a_second_word(office: Office) -> None:
    owner = await office.console.as_("owner")
    office.post_to(ELSEWHERE)
    place = await office.added(owner)
    page = await owner.get(place)
    assert "brings them somewhere else" in page.text and ELSEWHERE in page.text and OURS in page.text
    assert office.posts_to == ELSEWHERE
    form = page.form("/post-here")
    assert form.fields == {"instead_of": ELSEWHERE}
    office.post_to("https://tercero.example/")
    page = await owner.follow(await owner.post(f"{place}/post-here", 303, **form.fields))
    assert "somewhere else by now" in page.text and office.posts_to == "https://tercero.example/"
    done = await owner.post(f"{place}/post-here", 303, **page.form("/post-here").fields)
    page = await owner.follow(done)
    assert "Messages come here from now on." in page.text and office.posts_to == OURS
    assert not [each for each in page.forms if each.action.endswith("/post-here")]


async def test_who_posts_once_is_told_to_post_again(office: Office) -> None:
    owner = await office.console.as_("owner")
    place = await office.added(owner)
    office.post_to(OURS)
    page = await owner.follow(await owner.post(f"{place}/check"))
    assert "but not once more" in page.text
    await owner.post(f"{place}/post-here", 303, **page.form("/post-here").fields)
    assert "but not once more" not in (await owner.get(place)).text
    assert office.twilio.setup.webhook(NUMBER, None).endswith("#rc=3&rp=all")


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ({"address": "ana"}, "address"),
        ({"address": ""}, "address"),
        ({"credentials.account_sid": "AC1"}, "credentials.account_sid"),
        ({"credentials.auth_token": ""}, "credentials.auth_token"),
        ({"settings.messaging_service_sid": "x"}, "settings.messaging_service_sid"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field(office: Office, typed: dict[str, str], name: str) -> None:
    owner = await office.console.as_("owner")
    page = await owner.post(f"{NEW}/twilio", 422, **TYPED | typed)
    assert [attributes["name"] for _, attributes in page.tags if attributes.get("aria-invalid")] == [name]
    never(page, SECRET)


async def test_a_number_that_is_there_is_not_added_again(office: Office) -> None:
    owner = await office.console.as_("owner")
    await office.added(owner)
    assert "is there already" in (await owner.post(f"{NEW}/twilio", 422, **TYPED)).text


async def test_a_number_of_meta_s_has_a_word_of_ours_to_be_greeted_by(office: Office) -> None:
    owner = await office.console.as_("owner")
    office.meta.numbers[PHONE_ID].webhook = ELSEWHERE
    done = await owner.post(f"{NEW}/meta", 303, **META)
    place = done.answer.headers["location"]
    page = await owner.get(place)
    assert ELSEWHERE in page.text
    never(page, TOKEN, META["credentials.app_secret"])
    shown = await owner.post(f"{place}/verify-token", 200)
    [token] = [each["value"] for _, each in shown.tags if each.get("id") == "start-token"]
    assert len(token) == 43
    never(page, token)
    reader = await office.console.as_("reader")
    await reader.post(f"{place}/verify-token", 403)


async def test_other_credentials_are_tried_too_and_what_is_left_empty_stays(office: Office) -> None:
    owner = await office.console.as_("owner")
    place = await office.added(owner)
    form = (await owner.get(f"{place}/credentials")).form("/credentials")
    assert set(form.fields.values()) == {""}
    page = await owner.post(f"{place}/credentials", 422, **{"credentials.auth_token": "y" * 32})
    assert "refuses it" in page.text
    stored = await office.console.pool.fetchval("SELECT credentials FROM accounts")
    await owner.post(f"{place}/credentials", 303, **{"credentials.auth_token": SECRET})
    assert await office.console.pool.fetchval("SELECT credentials FROM accounts") != stored
    assert "Well" in (await owner.get(place)).text


async def test_an_account_is_switched_off_and_removed_with_what_that_means(office: Office) -> None:
    owner = await office.console.as_("owner")
    place = await office.added(owner)
    page = await owner.follow(await owner.post(f"{place}/status", off="1"))
    assert "Inactive" in page.text
    await owner.post(f"{place}/status")
    assert await office.console.pool.fetchval("SELECT status FROM accounts") == "active"
    assert "All its conversations go with it" in (await owner.get(f"{place}/remove")).text
    await owner.follow(await owner.post(f"{place}/remove"))
    assert await office.accounts() == []


async def test_settings_are_changed_and_what_does_not_fit_is_said(office: Office) -> None:
    owner = await office.console.as_("owner")
    place = (await owner.post(f"{NEW}/meta", 303, **META)).answer.headers["location"]
    fields = (await owner.get(place)).form(place).fields
    assert fields == {"settings.list_button": "", "settings.silenced_by_echoes": "on"}
    page = await owner.post(place, 422, **{"settings.list_button": "x" * 21})
    assert "error-settings.list_button" in page.ids
    await owner.post(place, 303, **{"settings.list_button": "Ver"})
    written = json.loads(await office.console.pool.fetchval("SELECT settings FROM accounts"))
    assert written == {"list_button": "Ver", "silenced_by_echoes": False}


async def test_what_becomes_of_a_message_that_may_not_have_been_sent_is_chosen(office: Office) -> None:
    owner = await office.console.as_("owner")
    place = (await owner.post(f"{NEW}/meta", 303, **META)).answer.headers["location"]
    assert (await owner.get(place)).form("/uncertain").fields == {"uncertain": "hold"}
    for chosen in ("resend", "hold"):
        page = await owner.follow(await owner.post(f"{place}/uncertain", uncertain=chosen))
        assert page.form("/uncertain").fields == {"uncertain": chosen}
    asked_for = await office.added(owner)  # Twilio can be asked what became of a message
    assert not [each for each in (await owner.get(asked_for)).forms if each.action.endswith("/uncertain")]
    await owner.post(f"{asked_for}/uncertain", 404, uncertain="resend")


async def test_nobody_else_reaches_an_account(office: Office) -> None:
    place = await office.added(await office.console.as_("owner"))
    other = await office.console.as_("owner", "bravo")
    theirs = place.replace("acme", "bravo")
    await other.get(place, 404)
    for path in (theirs, f"{theirs}/credentials", f"{theirs}/remove"):
        await other.get(path, 404)
    for path in ("", *DEEDS):
        await other.post(f"{theirs}{path}", 404)
    agent = await office.console.as_("agent")
    await agent.get(place)
    for path in DEEDS:
        await agent.post(f"{place}{path}", 403)
    assert len(await office.accounts()) == 1


async def test_credentials_ask_again_who_it_is(office: Office) -> None:
    owner = await office.console.as_("owner")
    await office.console.forget_step_up(owner)
    asked = await owner.get(f"{NEW}/twilio", 303)
    assert asked.answer.headers["location"].startswith("/step-up?next=")
    await owner.post(f"{NEW}/twilio", 303, **TYPED)
    assert await office.accounts() == []


async def test_a_tenant_takes_no_number_where_the_operator_has_credentials_for_all(office: Office) -> None:
    console = office.console
    shared = TwilioOperator.model_validate({"account_sid": SID, "auth_token": SECRET})
    plugins = console.context.plugins
    twilio = Twilio(shared, plugins.channels["twilio"].http)
    console.context.plugins = dataclasses.replace(plugins, channels={**plugins.channels, "twilio": twilio})
    owner = await console.as_("owner")
    page = await owner.get(f"{NEW}/twilio")
    assert "gives out these numbers" in page.text and not page.ids.count("field-address")
    await owner.post(f"{NEW}/twilio", 422, **TYPED)
    assert await office.accounts() == []


async def test_a_private_address_is_not_asked_for_a_tenant(office: Office) -> None:
    owner = await office.console.as_("owner")
    page = await owner.post(f"{NEW}/mcp", 422, address="http://127.0.0.1:1/mcp")
    assert "nothing was kept" in page.text and await office.accounts() == []


async def test_one_is_checked_at_a_time(office: Office) -> None:
    owner = await office.console.as_("owner")
    place = await office.added(owner)
    with checkup.alone(office.console.tenant_ids["acme"]):
        page = await owner.follow(await owner.post(f"{place}/check"))
        assert "is being checked" in page.text
        assert "is being checked" in (await owner.post(f"{place}/credentials", 422)).text
    assert "is being checked" not in (await owner.follow(await owner.post(f"{place}/check"))).text


async def test_what_every_tenant_has_is_no_number(office: Office) -> None:
    owner = await office.console.as_("owner")
    await owner.get(f"{NEW}/web", 404)
    await owner.get(f"{NEW}/dodo", 404)
    await office.console.pool.execute(
        "INSERT INTO accounts (tenant_id, channel, address) SELECT id, 'web', 'web' FROM tenants"
    )
    assert "No number is connected yet" in (await owner.get("/t/acme/accounts")).text


async def test_a_tenant_names_no_server_where_private_networks_are_asked(office: Office) -> None:
    console = office.console
    console.context.settings = console.context.settings.model_copy(update={"fetch_allow": ("10.0.0.0/8",)})
    owner = await console.as_("owner")
    page = await owner.post(f"{NEW}/mcp", 422, address="https://inside.example/mcp")
    assert "gives this out: ask them" in page.text and await office.accounts() == []
