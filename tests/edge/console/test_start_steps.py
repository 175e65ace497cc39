"""First steps, the business and its hours: what is left to do, and what is typed to do it."""

from __future__ import annotations

import json
from datetime import date, timedelta

from people import House

from conserje.contract.hours import DAYS

WEEK = {f"{day}-{n}-{end}": "" for day in DAYS for n in range(2) for end in ("opens", "closes")}
NEXT_YEAR = str(date.today() + timedelta(days=365))


async def hours(console: House) -> object:
    return json.loads(await console.pool.fetchval("SELECT hours FROM tenants") or "null")


async def test_a_new_owner_sees_what_is_left_to_do(console: House) -> None:
    owner = await console.as_("owner")
    page = await owner.get("/t/acme/start")
    assert "0 of 7 are done" in page.text
    for label in ("Choose a picture", "Write your hours", "Add products", "Connect a number"):
        assert any(text.startswith(label) for text in page.links), label
    await console.pool.execute(
        "INSERT INTO products (tenant_id, name, price) SELECT id, 'Pan', 1 FROM tenants"
    )
    again = await owner.get("/t/acme/start")
    assert not any(text.startswith("Add products") for text in again.links)


async def test_the_first_page_says_what_is_left_to_who_can_do_it(console: House) -> None:
    owner = await console.as_("owner")
    page = await owner.get("/t/acme/desk")
    assert page.links["7 steps are left until everything is set up"] == "/t/acme/start"
    assert "are left until" not in (await owner.get("/t/acme/desk", headers={"x-live": "bell"})).text
    assert "are left until" not in (await (await console.as_("agent")).get("/t/acme/desk")).text


async def test_an_account_that_is_not_well_says_why_and_is_checked_again(console: House) -> None:
    owner = await console.as_("owner")
    id = await console.pool.fetchval(
        "INSERT INTO accounts (tenant_id, channel, address, checked)"
        " SELECT id, 'twilio', '+56911111111', $1 FROM tenants RETURNING id",
        json.dumps({
            "at": "2026-11-30T12:00:00Z",
            "findings": [{"level": "error", "text": "The <token> is wrong.", "remedy": "", "posts_to": None}],
        }),
    )  # fmt: skip
    page = await owner.get("/t/acme/start")
    assert "The <token> is wrong." in page.text and "Not well" in page.text
    assert page.form(f"/accounts/{id}/check").fields == {"back": "start"}


async def test_a_reader_sees_and_changes_nothing(console: House) -> None:
    reader = await console.as_("reader")
    for path in ("start", "start/business", "start/hours", "page", "accounts"):
        page = await reader.get(f"/t/acme/{path}")
        assert not [text for form in page.forms for text, _ in form.buttons if text in ("Keep", "Connect")]
    await reader.post("/t/acme/start/business", 403, name="x")
    await reader.post("/t/acme/start/hours", 403)
    await reader.get("/t/acme/accounts/new/twilio", 403)


async def test_the_business_is_changed_where_something_else_is_typed(console: House) -> None:
    owner = await console.as_("owner")
    fields = (await owner.get("/t/acme/start/business")).form("/business").fields
    assert (fields["name"], fields["time_zone"], fields["quiet_period"]) == ("Acme", "America/Santiago", "1")
    typed = fields | {"name": "Acme y Cía", "quiet_period": "2,5", "hand_back_after": "90", "locale": "pt-BR"}
    done = await owner.post("/t/acme/start/business", 303, **typed)
    assert "It is kept." in (await owner.follow(done)).text
    row = await console.pool.fetchrow(
        "SELECT name, extract(epoch FROM quiet_period)::float AS quiet, locale,"
        " extract(epoch FROM hand_back_after)::int AS back FROM tenants"
    )
    assert tuple(row or ()) == ("Acme y Cía", 2.5, "pt-BR", 5400)
    kept = await console.pool.fetchrow("SELECT act, before, after FROM audit")
    assert kept and kept["act"] == "tenant.change"
    assert json.loads(kept["after"]).keys() == {"name", "quiet_period", "hand_back_after", "locale"}


async def test_a_language_that_nobody_knows_is_shown_by_its_tag(console: House) -> None:
    await console.tenant(locale="xx-YY")
    owner = await console.as_("owner")
    assert (await owner.get("/t/acme/start/business")).form("/business").fields["locale"] == "xx-YY"


async def test_what_is_wrong_with_the_business_is_said_at_its_field(console: House) -> None:
    owner = await console.as_("owner")
    fields = (await owner.get("/t/acme/start/business")).form("/business").fields
    for name, typed in {
        "name": "\u2800", "time_zone": "Mars/Olympus", "locale": "x", "quiet_period": "61",
        "hand_back_after": "nan", "notice_email": "ana", "notice_url": "http://127.0.0.1/hook",
    }.items():  # fmt: skip
        page = await owner.post("/t/acme/start/business", 422, **{**fields, name: typed})
        wrong = [attributes["name"] for _, attributes in page.tags if attributes.get("aria-invalid")]
        assert wrong == [name]
    assert await console.pool.fetchval("SELECT name FROM tenants") == "Acme"


async def test_a_tenant_sets_no_address_where_private_networks_are_asked(console: House) -> None:
    settings = console.context.settings
    console.context.settings = settings.model_copy(update={"fetch_allow": ("10.0.0.0/8",)})
    owner = await console.as_("owner")
    fields = (await owner.get("/t/acme/start/business")).form("/business").fields
    typed = fields | {"notice_url": "https://10.0.0.1/"}
    assert "only they set" in (await owner.post("/t/acme/start/business", 422, **typed)).text


async def test_the_hours_of_a_week_have_several_spans_a_day(console: House) -> None:
    owner = await console.as_("owner")
    typed = WEEK | {
        "monday-0-opens": "15:00", "monday-0-closes": "19:00", "monday-1-opens": "09:00",
        "monday-1-closes": "13:00", "sunday-0-opens": "00:00", "sunday-0-closes": "00:00",
        "day-0": NEXT_YEAR, "day-0-0-opens": "", "day-0-0-closes": "",
        "day-1": "", "day-1-0-opens": "", "day-1-0-closes": "",
    }  # fmt: skip
    done = await owner.post("/t/acme/start/hours", 303, **typed)
    page = await owner.follow(done)
    written = await hours(console)
    assert isinstance(written, dict) and written["exceptions"] == {NEXT_YEAR: []}
    assert written["week"]["monday"] == ["09:00-13:00", "15:00-19:00"]
    assert written["week"]["sunday"] == ["00:00-24:00"] and written["week"]["tuesday"] == []
    fields = page.form("/hours").fields
    assert (fields["monday-0-opens"], fields["monday-1-closes"]) == ("09:00", "19:00")
    assert "monday-2-opens" in fields and fields["day-0"] == NEXT_YEAR
    assert fields["sunday-0-closes"] == "00:00"


async def test_an_exception_goes_with_its_date_and_a_week_is_copied(console: House) -> None:
    owner = await console.as_("owner")
    monday = {"monday-0-opens": "09:00", "monday-0-closes": "18:00"}
    await owner.post("/t/acme/start/hours", 303, **{**WEEK, **monday, "day-0": NEXT_YEAR})
    await owner.post("/t/acme/start/hours", 303, **{**WEEK, **monday, "day-0": "", "same": "1"})
    written = await hours(console)
    assert isinstance(written, dict) and written["exceptions"] == {}
    assert written["week"]["friday"] == ["09:00-18:00"] and written["week"]["saturday"] == []


async def test_what_are_no_hours_is_said_at_its_day(console: House) -> None:
    owner = await console.as_("owner")
    for typed, day in (
        ({"tuesday-0-opens": "09:00"}, "tuesday"),
        ({"tuesday-0-opens": "9", "tuesday-0-closes": "18:00"}, "tuesday"),
        ({"day-0": "31/12", "day-0-0-opens": "09:00", "day-0-0-closes": "12:00"}, "day-0"),
        ({"day-0": "", "day-0-0-opens": "09:00", "day-0-0-closes": "12:00"}, "day-0"),
    ):
        page = await owner.post("/t/acme/start/hours", 422, **WEEK | typed)
        assert f"error-{day}" in page.ids
        assert page.form("/hours").fields[f"{day}-0-opens"] == typed.get(f"{day}-0-opens", "")
    assert "one day at least" in (await owner.post("/t/acme/start/hours", 422, **WEEK)).text
    assert await hours(console) is None
