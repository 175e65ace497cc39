"""examples/telegram as a third party has it: from wheels, in its own environment, through real processes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from processes import family, run_to_end
from third_party import EXAMPLE, TEXT_ONLY, Environment, House, build, settle, suite
from waiting import until

from conserje.storage.pool import connect_pool
from conserje.tenants.keyring import create_keyring

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

ANA, EVA, GROUP = 555000111, 555000222, -1001234
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 3000
PDF = b"%PDF-1.7\n" + PNG
LONG = "pan-amasado-de-la-casa-con-mantequilla-y-un-poco-de-sal-de-cahuil-"
SAID = """
SELECT state, cause FROM messages JOIN tenants ON tenants.id = tenant_id
WHERE slug = $1 AND direction = 'out' ORDER BY messages.id
"""
NOTES = """
SELECT content::json->>'text' AS text FROM messages JOIN tenants ON tenants.id = tenant_id
WHERE slug = $1 AND kind = 'note' ORDER BY messages.id
"""
TALKS = "SELECT count(*) FROM conversations JOIN tenants ON tenants.id = tenant_id WHERE slug = $1"
ILL = "SELECT count(*) FROM illnesses JOIN tenants ON tenants.id = tenant_id WHERE slug = $1"
LATER = "UPDATE messages SET attempted_at = attempted_at - interval '3 minutes' WHERE state = 'sending'"

NewDatabase = Callable[[], AbstractAsyncContextManager[str]]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return build(tmp_path_factory.mktemp("third"))


@asynccontextmanager
async def new_house(
    environment: Environment, new_database: NewDatabase, folder: Path
) -> AsyncIterator[House]:
    keyring = folder / "keys" / "master.json"
    create_keyring(keyring)
    async with (
        new_database() as url,
        await connect_pool(url) as pool,
        settle(environment, pool, url, keyring) as house,
        house.serving(),
    ):
        yield house


@pytest_asyncio.fixture(scope="module")
async def house(
    environment: Environment, new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    """At work, for tests that harm nobody: each has a tenant and a bot of its own."""
    async with (
        new_house(environment, new_database, tmp_path_factory.mktemp("house")) as house,
        house.working(),
    ):
        yield house


async def said(house: House, slug: str) -> list[tuple[str, str]]:
    """Of what was said to contacts: its state and the cause of that."""
    return [(row["state"], row["cause"] or "") for row in await house.pool.fetch(SAID, slug)]


@pytest.mark.parametrize("source", [EXAMPLE, TEXT_ONLY], ids=["telegram", "text only"])
def test_its_own_tests_pass(environment: Environment, source: Path, tmp_path: Path) -> None:
    run = suite(environment, source, tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    where = environment.run("-c", "import conserje_telegram; print(conserje_telegram.__file__)", cwd=tmp_path)
    assert "site-packages" in where.stdout


def test_the_readme_s_first_step_is_the_text_only_one_in_forty_lines() -> None:
    source = (TEXT_ONLY / "conserje_telegram_text.py").read_text()
    assert f"```python\n{source}```" in (EXAMPLE / "README.md").read_text()
    assert len([line for line in source.splitlines() if line.strip()]) <= 40


async def test_a_whole_talk(house: House, tmp_path: Path) -> None:
    bot = house.new_bot()
    ana = house.telegram.contacts(bot.id)
    (tmp_path / "bot.json").write_text(json.dumps({"token": bot.token}))
    account = ("acme", "telegram", str(bot.id))
    await house.run("tenant", "add", "acme", "--name", "Acme", "--assistant", "seller")
    await house.run("account", "add", *account, "--credentials", str(tmp_path / "bot.json"))
    await house.run("account", "configure", *account)
    checked = await house.run("account", "check", *account)
    assert "Telegram posts to https://acme.bot.example/bot/telegram/webhook" in checked

    await ana.write(ANA, "/start")
    await until(lambda: bot.sent)
    assert (bot.sent[0].text, bot.sent[0].message["entities"][0]["type"]) == (
        "Start [/start] & listo",
        "bold",
    )
    await ana.write(ANA, "despacio")
    await until(lambda: ("sendChatAction", {"chat_id": str(ANA), "action": "typing"}) in bot.calls)
    await until(lambda: len(bot.sent) == 2)

    await ana.write(ANA, "botones")
    await until(lambda: len(bot.sent) == 3)
    press = await ana.press(ANA, "Dos")
    await until(lambda: len(bot.sent) == 4)
    assert (bot.sent[-1].text, bot.answered) == (f"Dos [{LONG}2] & listo", [press])

    await ana.send(ANA, "photo", PNG, "image/jpeg", caption="¿hay de este?")
    await until(lambda: len(bot.sent) == 5)
    kept = house.folder / "files"
    await until(lambda: PNG in [file.read_bytes() for file in kept.rglob("*") if file.is_file()])

    (tmp_path / "carta.pdf").write_bytes(PDF)
    talk = await house.talk("acme")
    await house.run("message", "send", "acme", talk, "La carta", "--file", str(tmp_path / "carta.pdf"))
    document = bot.sent[-1].message["document"]
    assert (document["file_name"], bot.sent[-1].text) == ("carta.pdf", "La carta")
    assert bot.files[document["file_id"]].content == PDF
    assert not bot.poster.last_error and not house.telegram.refused


async def test_who_blocks_the_bot_has_not_opted_out(house: House) -> None:
    bot = await house.enrol("bravo")
    ana = house.telegram.contacts(bot.id)
    await ana.write(ANA, "hola")
    await until(lambda: bot.sent)
    await ana.block(ANA)
    talk = await house.talk("bravo")
    command = ("message", "send", "bravo", talk, "¿Sigues ahí?", "--no-wait")
    code, _, errors = await run_to_end(house.environment, *command, python=house.python)
    assert code == 0 or "bot was blocked by the user" in errors  # it may know already

    async def is_refused() -> bool:
        return (await said(house, "bravo"))[-1][0] == "refused"

    await until(is_refused)
    [_, (_, cause)] = await said(house, "bravo")
    assert cause == "The contact cannot be reached now: bot was blocked by the user"
    await house.run("conversation", "give", "bravo", talk)
    await ana.unblock(ANA)
    await ana.write(ANA, "volví")
    await until(lambda: len(bot.sent) == 2)
    assert bot.sent[1].text == "volví & listo"
    notes = [row["text"] for row in await house.pool.fetch(NOTES, "bravo")]
    assert notes == ["Bloqueó al bot.", "Desbloqueó al bot."]
    assert not await house.pool.fetchval("SELECT count(*) FROM consents")


async def test_a_group_is_left_and_not_answered(house: House) -> None:
    bot = await house.enrol("grupo")
    people = house.telegram.contacts(bot.id)
    await people.put_in_group(GROUP, EVA)
    await until(lambda: bot.chats[GROUP].state == "left")
    bot.chats[GROUP].state = "member"
    await people.write_in_group(GROUP, EVA, "hola bot")
    await until(lambda: bot.chats[GROUP].state == "left")
    await people.write(ANA, "hola")
    await until(lambda: bot.sent)
    assert [taken.chat for taken in bot.sent] == [ANA]
    assert await house.pool.fetchval(TALKS, "grupo") == 1


async def test_what_telegram_does_not_take_for_now_leaves_later(house: House) -> None:
    bot = await house.enrol("charlie")
    ana = house.telegram.contacts(bot.id)
    house.telegram.faults.append("429")
    await ana.write(ANA, "hola")
    await until(lambda: bot.sent)
    bot.revoked = True
    await ana.write(ANA, "¿y?")
    await until(lambda: house.pool.fetchval(ILL, "charlie"))
    bot.revoked = False
    await house.run("account", "check", "charlie", "telegram", str(bot.id))
    await until(lambda: len(bot.sent) == 2)
    assert [taken.text for taken in bot.sent] == ["hola & listo", "¿y? & listo"]


async def test_promise_5_a_worker_killed_while_it_sends(
    environment: Environment, new_database: NewDatabase, tmp_path: Path
) -> None:
    async with new_house(environment, new_database, tmp_path) as house:
        once, twice = await house.enrol("una-vez"), await house.enrol("dos-veces", "resend")
        async with house.working() as worker:
            house.telegram.faults += ["stall-after-accept"] * 2
            for bot in (once, twice):
                await house.telegram.contacts(bot.id).write(ANA, "hola")
            await until(lambda: once.sent and twice.sent)  # Telegram has them, and has not said so
            for pid in family(worker.pid):
                os.kill(pid, signal.SIGKILL)
            await worker.process.wait()
        for bot in (once, twice):
            await house.telegram.contacts(bot.id).write(ANA, "¿y?")
        await house.pool.execute(LATER)
        async with house.working():
            await until(lambda: len(once.sent) == 2 and len(twice.sent) == 3, 120)
        assert [taken.text for taken in once.sent] == ["hola & listo", "¿y? & listo"]
        assert [taken.text for taken in twice.sent] == ["hola & listo"] * 2 + ["¿y? & listo"]
        [(state, cause), *_] = await said(house, "una-vez")
        assert state == "held" and cause
