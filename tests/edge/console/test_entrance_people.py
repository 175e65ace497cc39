"""Invitations, a tenant's people, operators' logins: who lets whom in, and whom nobody lets in."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from authenticator import Authenticator
from people import URL, Browser, House

from conserje.access.acts import ACTS
from conserje_edge.console.entrance.done import DONE

LINK = re.compile(r'value="http://console\.localhost:9101(/(?:invitation|reset)/[\w-]{43})"')
WORDS = "caballo correcto bateria grapa"


async def invited(owner: Browser, slug: str = "acme", **who: str) -> str:
    """The path of the link that an owner is shown."""
    given = {"name": "Eva", "email": "eva@example.com", "role": "agent"} | who
    page = await owner.made(f"/t/{slug}/people", **given)
    found = LINK.search(page.answer.text)
    assert found, page.text
    return found[1]


async def lines(console: House) -> list[dict[str, Any]]:
    rows = await console.pool.fetch("SELECT act, of, before, after, role FROM audit ORDER BY id")
    return [dict(row) for row in rows]


async def test_whoever_is_invited_comes_in_by_the_button_alone_and_once(console: House) -> None:
    owner = await console.as_("owner")
    path = await invited(owner)
    assert path not in (await owner.get("/t/acme/people")).answer.text
    scanner, eva = await console.nobody(), await console.nobody()
    for _ in range(3):
        page = await scanner.get(path)
        assert "eva@example.com is invited to Acme." in page.text
        assert "set-cookie" not in page.answer.headers
    await eva.post(path, 422, name="Eva", password="short")
    done = await eva.post(path, name="Eva Rojas", password=WORDS)
    assert done.answer.headers["location"] == "/t/acme/desk"
    assert "Eva Rojas" in (await eva.get("/me")).text
    assert "comes in" in (await eva.get("/t/acme/people")).text
    await scanner.post(path, 404, name="X", password=WORDS)
    await scanner.get(path, 404)
    [line] = await lines(console)
    assert (line["act"], line["role"]) == ("people.change", "owner")
    assert json.loads(line["after"]) == {"name": "Eva", "email": "eva@example.com", "role": "agent"}
    assert path.rpartition("/")[2] not in str(line)


async def test_also_by_a_passkey_without_a_password(console: House) -> None:
    path = await invited(await console.as_("owner"))
    eva, device = await console.nobody(), Authenticator(URL)
    asks = await eva.http.post(path + "/passkey", headers={"sec-fetch-site": "same-origin"})
    await eva.post(path, credential=device.create(json.loads(asks.text)))
    await eva.get("/me")
    other = await console.nobody()
    asks = await other.http.post("/sign-in/passkey", headers={"sec-fetch-site": "same-origin"})
    await other.post("/sign-in", credential=device.get(json.loads(asks.text)))
    page = await other.get("/me")
    assert page.form("remove").action
    key = page.form("remove").action
    assert "only way in" in (await other.post(key, 422)).text


async def test_a_link_gives_no_login_of_somebodys_away(console: House) -> None:
    """An owner invites the address of a login that is another's, and has the link."""
    victim = await console.as_("owner", "bravo")
    thief = await console.as_("owner", "acme")
    path = await invited(thief, email=victim.email)
    somebody = await console.nobody()
    page = await somebody.get(path)
    assert "There is a login of this address already" in page.text
    assert not [form for form in page.forms if "password" in form.fields]
    await somebody.post(path, 422, name="Thief", password=WORDS)
    await thief.post(path, 422, name="Thief", password=WORDS)
    assert "Sign out first" in (await thief.get(path)).text
    await victim.get("/t/bravo/people")
    await victim.post(path)
    await victim.get("/t/acme/people")
    await victim.get("/t/bravo/people")


async def test_a_login_that_was_made_first_by_another_gets_nothing_by_itself(console: House) -> None:
    """An owner makes a login of somebody else's address, and waits for them to be invited elsewhere."""
    path = await invited(await console.as_("owner", "acme"), email="eva@example.com")
    thief = await console.nobody()
    await thief.post(path, name="Eva", password=WORDS)
    await invited(await console.as_("owner", "bravo"), "bravo", email="eva@example.com")
    await thief.get("/t/bravo/people", 404)


async def test_another_tenants_people_are_not_there(console: House) -> None:
    bravo, acme = await console.as_("owner", "bravo"), await console.as_("owner", "acme")
    assert bravo.email not in (await acme.get("/t/acme/people")).text
    await acme.get("/t/bravo/people", 404)
    for deed in ("role", "invite", "remove"):
        await acme.post(f"/t/bravo/people/{bravo.person_id}/{deed}", 404, role="reader")
        left = await acme.post(f"/t/acme/people/{bravo.person_id}/{deed}", None, role="reader")
        assert left.status in (303, 404)
    await bravo.get("/t/bravo/people")
    assert await console.pool.fetchval("SELECT role FROM people WHERE id = $1", bravo.person_id) == "owner"
    await acme.get("/o/logins", 404)
    await acme.get("/o/audit", 404)


async def test_an_owner_changes_roles_and_lets_go(console: House) -> None:
    owner, agent = await console.as_("owner"), await console.as_("agent")
    here = f"/t/acme/people/{agent.person_id}"
    await agent.get("/t/acme/people")
    await owner.post(f"{here}/role", role="reader")
    assert (await agent.get("/t/acme/people", 303)).answer.headers["location"].startswith("/sign-in")
    await owner.post(f"{here}/role", 400, role="king")
    await owner.post(f"{here}/remove")
    assert agent.email not in (await owner.get("/t/acme/people")).text
    changed, removed = await lines(console)
    assert json.loads(changed["before"]) == {"role": "agent"} and json.loads(changed["after"]) == {
        "role": "reader"
    }
    assert removed["of"] == f"person {agent.person_id}"


async def test_the_last_owner_stays_unless_the_operator_says_so(console: House) -> None:
    owner, operator = await console.as_("owner"), await console.as_operator("operator")
    here = f"/t/acme/people/{owner.person_id}"
    for deed in ("role", "remove"):
        assert "The last owner stays" in (await owner.post(f"{here}/{deed}", 409, role="agent")).text
    await operator.post(f"{here}/role", role="agent")
    await owner.get("/me", 303)


@pytest.mark.parametrize("role", ["agent", "reader"])
async def test_who_is_no_owner_lets_nobody_in(console: House, role: Any) -> None:
    somebody = await console.as_(role)
    page = await somebody.get("/t/acme/people")
    assert [form.action for form in page.forms] == ["/sign-out"]
    await somebody.post("/t/acme/people", 403, name="Eva", email="eva@example.com", role="owner")
    await somebody.post(f"/t/acme/people/{somebody.person_id}/role", 403, role="owner")
    await somebody.get("/t/acme/audit", 403)


@pytest.mark.parametrize(
    "wrong", [{"name": ""}, {"email": "eva"}, {"phone": "123"}, {"name": "x" * 101}, {"name": "turns"}]
)
async def test_what_cannot_be_is_told_with_what_was_typed(console: House, wrong: dict[str, str]) -> None:
    owner = await console.as_("owner")
    given = {"name": "Eva", "email": "eva@example.com", "phone": "", "role": "reader"} | wrong
    page = await owner.post("/t/acme/people", 422, **given)
    assert "That was not taken" in page.text
    assert {name: page.form("/t/acme/people").fields[name] for name in given} == given


async def test_a_mail_server_gets_the_link_and_nobody_is_shown_it(console: House) -> None:
    settings = {"smtp_url": "smtp://127.0.0.1:1", "mail_from": "bot@conserje.example"}
    owner = await console.as_("owner")
    console.context.settings = console.context.settings.model_copy(update=settings)
    done = await owner.post("/t/acme/people", name="Eva", email="eva@example.com", role="agent")
    assert "A link is on its way to eva@example.com." in (await owner.follow(done)).text
    assert await console.pool.fetchval("SELECT due_at <= now() AND hash IS NULL FROM invitations")
    assert await console.pool.fetchval("SELECT count(*) FROM pgqueuer.pgqueuer") == 1
    person = await console.pool.fetchval("SELECT id FROM people WHERE name = 'Eva'")
    await owner.post(f"/t/acme/people/{person}/invite")
    assert await console.pool.fetchval("SELECT count(*) FROM invitations") == 1


async def test_operators_are_invited_changed_and_let_go_by_an_owner(console: House) -> None:
    owner = await console.as_operator("owner")
    page = await owner.made("/o/logins", name="Olga", email="olga@example.com", role="operator")
    found = LINK.search(page.answer.text)
    assert found
    assert "invited" in (await owner.get("/o/logins")).text
    olga = await console.nobody()
    assert "invited to run this installation" in (await olga.get(found[1])).text
    done = await olga.post(found[1], name="Olga", password=WORDS)
    assert done.answer.headers["location"] == "/"
    await olga.get("/o/logins", 403)
    await olga.get("/o/audit")
    login_id = await console.pool.fetchval("SELECT id FROM logins WHERE name = 'Olga'")
    await owner.post(f"/o/logins/{login_id}/role", role="reader")
    await olga.get("/o/audit", 303)
    assert "The last owner stays" in (await owner.post(f"/o/logins/{owner.login_id}/remove", 409)).text
    await owner.post(f"/o/logins/{login_id}/remove")
    await owner.post("/o/logins", 422, name="Olga", email="olga", role="operator")
    acts = [each["act"] for each in await lines(console)]
    assert acts == ["login.change"] * 3


async def test_an_invitation_to_run_the_installation_is_withdrawn(console: House) -> None:
    owner = await console.as_operator("owner")
    page = await owner.made("/o/logins", name="Olga", email="olga@example.com", role="owner")
    found = LINK.search(page.answer.text)
    assert found
    form = (await owner.get("/o/logins")).form("/withdraw")
    await owner.post(form.action)
    await (await console.nobody()).post(found[1], 404, name="Olga", password=WORDS)


async def test_whoever_is_locked_out_gets_a_link_of_the_operators_owner(console: House) -> None:
    agent, owner = await console.as_("agent"), await console.as_operator("owner")
    page = await owner.made("/o/logins/reset", email=agent.email.upper())
    found = LINK.search(page.answer.text)
    assert found and found[1].startswith("/reset/")
    await owner.post("/o/logins/reset", 422, email="nobody@example.com")
    await agent.post(found[1], password=WORDS)
    await agent.get("/t/acme/people")
    await (await console.as_operator("operator")).post("/o/logins/reset", 403, email=agent.email)


async def test_me_has_language_password_and_browsers(console: House) -> None:
    ana = await console.as_("agent")
    other = await console.nobody()
    await ana.post("/me/password", 422, password="short")
    await ana.post("/me/password", password=WORDS)
    await other.post("/sign-in", email=ana.email, password=WORDS)
    page = await ana.get("/me")
    assert "Where you are signed in" in page.text and page.text.count("Firefox") == 2
    end = page.form("/end").action if page.text.count("Sign out of all others") == 0 else ""
    ends = [form.action for form in page.forms if form.action.endswith("/end")]
    assert len(ends) == 2 and not end
    await ana.post(ends[0])
    await other.get("/me", 303)
    await ana.post("/me/sign-ins/xx/end", 404)
    done = await ana.post("/me/language", language="es")
    assert "Español" in (await ana.follow(done)).text
    assert (await ana.get("/me")).tags[0] == ("html", {"lang": "es"})
    await ana.post("/me/language", language="tlh")
    assert await console.pool.fetchval("SELECT language FROM logins WHERE id = $1", ana.login_id) is None
    acts = {(each["act"], each["of"]) for each in await lines(console)}
    assert acts == {("me.secure", "password"), ("me.change", "sign-in"), ("me.change", "")}
    assert WORDS not in str(await lines(console))


async def test_another_ones_browsers_and_passkeys_are_not_theirs_to_end(console: House) -> None:
    ana, eva = await console.as_("owner"), await console.as_("owner")
    row = await console.pool.fetchval("SELECT hash FROM sign_ins WHERE login_id = $1", eva.login_id)
    await ana.post(f"/me/sign-ins/{row.hex()}/end")
    await ana.post("/me/sign-ins/end")
    await eva.get("/me")
    await console.pool.execute("INSERT INTO passkeys VALUES ('\\x01', $1, '', 0, 'x')", eva.login_id)
    await ana.post("/me/passkeys/01/remove", None)
    assert await console.pool.fetchval("SELECT count(*) FROM passkeys") == 1


async def test_the_audit_is_read_page_by_page_and_filtered(console: House) -> None:
    owner, operator = await console.as_("owner"), await console.as_operator("owner")
    await console.tenant("bravo")
    for number in range(60):
        await owner.post("/t/acme/people", name=f"P{number}", email="p@example.com", role="")
    await operator.post("/t/bravo/people", name="Secret", email="secret@example.com", role="")
    page = await owner.get("/t/acme/audit")
    assert page.text.count("People were changed") == 51 and "secret" not in page.text  # once as a filter
    older = await owner.get(page.links["Older"])
    assert older.text.count("People were changed") == 11 and "Older" not in older.links
    all_of_it = await operator.get("/o/audit?who=" + operator.email)
    assert (
        "secret@example.com" in all_of_it.text and "P59" not in all_of_it.text and "bravo" in all_of_it.text
    )
    assert "Nothing was done yet" in (await owner.get("/t/acme/audit?act=key.change&after=nonsense")).text


def test_every_deed_has_a_sentence() -> None:
    assert {name for name in ACTS if not name.endswith(".read")} | {"conversation.read"} == DONE.keys()
