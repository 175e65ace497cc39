"""`conserje say`: a contact's message goes the whole way, and what keeps its reply is said in a line."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import click
import pytest
from terminal import Terminal
from waiting import LIMIT

from conserje.cli.say import _indented
from conserje.installation import tasks
from conserje.net.client import client
from conserje.plugins import plugins
from conserje.settings import read
from conserje.storage.database import Pool
from conserje.tenants.directory import Directory
from conserje.tenants.vault import Vault
from conserje.work.worker import Worker
from conserje_edge.server import app
from conserje_fakes import server, twilio
from conserje_fakes.twilio_messages import StandIn, TwilioAccount


class Shop:
    """The demo's tenants, the stand-in for their provider, and where `serve` listens."""

    def __init__(self, terminal: Terminal, stand_in: StandIn, pool: Pool) -> None:
        self.terminal = terminal
        self.stand_in = stand_in
        self.pool = pool

    async def say(self, *words: str, code: int = 0) -> str:
        """What `conserje say` prints, on both streams."""
        return click.unstyle((await self.terminal.type("say", *words, code=code)).output)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """What `conserje work` does, in this process."""
        environment = self.terminal.environment
        variables = plugins.variables()
        settings = read(environment, variables)
        vault = Vault.read(settings.keyring)
        url = environment["CONSERJE_DATABASE_URL"]
        async with client() as http, Directory(self.pool, url) as directory:
            found = plugins.load(environment, http)
            all_tasks = tasks(self.pool, directory, found, vault, settings)
            worker = Worker(self.pool, url, all_tasks, settings.slots)
            running = asyncio.create_task(worker.run())
            try:
                yield
            finally:
                worker.stop()
                await asyncio.wait_for(running, LIMIT)


@pytest.fixture
def _own_signals() -> Iterator[None]:
    """The edge takes them for itself, as if this process were its worker."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
async def shop(
    terminal: Terminal, pool: Pool, monkeypatch: pytest.MonkeyPatch, _own_signals: None
) -> AsyncIterator[Shop]:
    made = await terminal.read("demo", "prepare")
    await pool.execute("UPDATE tenants SET quiet_period = '0'")
    accounts = json.loads(Path(made["commands"][0][-1]).read_text())
    provider = twilio.create(TwilioAccount(**account) for account in accounts)
    async with AsyncExitStack() as stack:
        base_url = await stack.enter_async_context(server.serving(provider))
        terminal.environment["CONSERJE_TWILIO_BASE_URL"] = base_url
        for name, value in terminal.environment.items():
            monkeypatch.setenv(name, value)
        edge = await stack.enter_async_context(server.serving(app.create()))
        terminal.environment["CONSERJE_LISTEN"] = edge.removeprefix("http://")
        yield Shop(terminal, provider.state.stand_in, pool)


async def test_the_reply_is_printed_with_its_intent_and_its_times(shop: Shop) -> None:
    async with shop.working():
        said = await shop.say("acme", "wena loco")
    assert said.startswith("+56900000001 to Acme Grow Shop (twilio whatsapp:+56900000101)\n  wena loco\n")
    [sent] = shop.stand_in.messages
    assert f"\n  {sent.body.splitlines()[0]}" in said
    assert (sent.sender, sent.to) == ("whatsapp:+56900000101", "whatsapp:+56900000001")
    assert "saludo" in said and "by catalog" in said and "sent after" in said


async def test_json_has_the_message_the_turn_and_the_replies(shop: Shop) -> None:
    async with shop.working():
        said = await shop.terminal.read(
            "say", "bravo", "que consolas tienes", "--json", "--from", "+56900000007"
        )
    assert said["message"]["contact"] == "whatsapp:+56900000007"
    assert said["turn"]["assistant"] == "catalog"
    assert [reply["content"] for reply in said["replies"]] == [m.shown for m in shop.stand_in.messages]
    assert 0 < said["sent_after"] < LIMIT


async def test_a_conversation_with_a_person_is_said_so(shop: Shop) -> None:
    async with shop.working():
        await shop.say("acme", "quiero hablar con una persona")
        assert "is with a person" in await shop.say("acme", "hola?")
    assert len(shop.stand_in.messages) == 1


async def test_a_held_reply_is_printed_and_an_error(shop: Shop) -> None:
    shop.stand_in.accounts.clear()
    async with shop.working():
        said = await shop.say("acme", "wena loco", code=1)
    assert "held: " in said and "The reply is held: see its cause above." in said


async def test_a_held_conversation_is_an_error_that_names_it(shop: Shop) -> None:
    await shop.say("acme", "uno", "--timeout", "0.1", code=1)
    number = await shop.pool.fetchval(
        "UPDATE conversations SET state = 'held', cause = 'no model' RETURNING id"
    )
    said = await shop.say("acme", "dos", code=1)
    assert f"held (no model): see `conserje held show t{number}`." in said


async def test_without_a_worker_it_says_what_the_message_waits_for(shop: Shop) -> None:
    said = await shop.say("acme", "hola", "--timeout", "0.1", code=1)
    assert "The message is waiting after 0.1 s: see that `conserje work` runs." in said


async def test_a_reply_that_cannot_leave_yet_says_why(shop: Shop) -> None:
    shop.terminal.environment["CONSERJE_TWILIO_BASE_URL"] = "http://127.0.0.1:9"  # nobody is there
    async with shop.working():
        for patience in ("2", "10", "50"):  # a busy machine takes longer until there is a reply
            said = await shop.say("acme", "hola", "--timeout", patience, code=1)
            if "The reply is queued after " in said and "`conserje work`" not in said:
                break
    assert "The reply is queued after " in said and "`conserje work`" not in said


@asynccontextmanager
async def answering(status: int, path: Path | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Somebody who answers every request with `status`: where, and what was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    if path:
        listening = await asyncio.start_unix_server(answer, path)
        where = str(path)
    else:
        listening = await asyncio.start_server(answer, "127.0.0.1", 0)
        where = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield where, asked


@pytest.fixture
async def demo(terminal: Terminal) -> Terminal:
    await terminal.type("demo", "prepare")
    return terminal


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (403, "finds the signature wrong"),
        (404, "has no acme at acme.localhost"),
        (503, "cannot store"),
        (500, "see what it logs"),
    ],
)
async def test_what_serve_answers_is_explained(demo: Terminal, status: int, sentence: str) -> None:
    async with answering(status) as (where, _):
        said = (await demo.type("say", "acme", "hola", code=1, LISTEN=where)).stderr
    assert str(status) in said and sentence in said


@pytest.mark.parametrize("unix", [False, True])
async def test_it_posts_as_nginx_would(demo: Terminal, tmp_path: Path, unix: bool) -> None:
    async with answering(503, tmp_path / "serve.sock" if unix else None) as (where, asked):
        await demo.type("say", "acme", "hola", code=1, LISTEN=where, PUBLIC_URL="https://{slug}.example.cl")
    [request] = asked
    head = request.decode().lower().split("\r\n")
    assert head[0] == "post /bot/twilio/webhook http/1.1"
    assert "host: acme.example.cl" in head and "x-forwarded-proto: https" in head
    assert any(line.startswith("x-twilio-signature: ") for line in head)


async def test_nobody_listening_is_said_so(demo: Terminal, tmp_path: Path) -> None:
    async with answering(200) as (where, _):
        pass
    for listen in (where, str(tmp_path / "nobody.sock")):
        said = (await demo.type("say", "acme", "hola", code=1, LISTEN=listen)).stderr
        assert f"Nobody listens on {listen}: start `conserje serve`" in said


async def test_taken_and_not_stored_is_another_database(demo: Terminal) -> None:
    async with answering(200) as (where, _):
        said = (await demo.type("say", "acme", "hola", "--timeout", "0.1", code=1, LISTEN=where)).stderr
    assert "give `conserje serve` the same CONSERJE_DATABASE_URL." in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nadie", "hola"), "no tenant nadie"),
        (
            ("mundo-canino", "hola", "--channel", "twilio"),
            "conserje account add mundo-canino twilio ADDRESS",
        ),
        (("acme", "hola", "--channel", "pigeon"), "The channel pigeon is not installed"),
    ],
)
async def test_what_cannot_be_said_is_a_line(demo: Terminal, words: tuple[str, ...], sentence: str) -> None:
    said = (await demo.type("say", *words, code=1)).stderr
    assert sentence in said and said.count("\n") == 1


async def test_a_sender_that_the_channel_does_not_read_is_said_so(demo: Terminal, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials.json"
    credentials.write_text(json.dumps({"account_sid": "AC" + "0" * 32, "auth_token": "made up"}))
    sms = ("mundo-canino", "twilio", "+56900000103")
    await demo.type("account", "add", *sms, "--credentials", str(credentials), "--no-check")
    said = (await demo.type("say", "mundo-canino", "hola", "--from", "", code=1)).stderr
    assert "twilio reads no message" in said


@pytest.mark.parametrize("channel", ["", "json", "web"])
async def test_a_tenant_without_a_provider_is_written_to_as_well(shop: Shop, channel: str) -> None:
    async with shop.working():
        said = await shop.say("mundo-canino", "hola", *(("--channel", channel) if channel else ()))
    used = channel or "json"
    assert said.startswith(f"+56900000001 to Mundo Canino ({used} {used})\n  hola\n")
    assert "by catalog" in said and not shop.stand_in.messages


async def test_what_every_tenant_has_is_asked_for_by_name_where_there_is_a_provider(shop: Shop) -> None:
    async with shop.working():
        said = await shop.say("acme", "hola", "--channel", "json")
    assert "(json json)" in said and not shop.stand_in.messages


async def test_a_suspended_account_that_every_tenant_has_is_said_to_be(demo: Terminal) -> None:
    await demo.type("account", "set", "acme", "json", "json", "--status", "suspended")
    said = (await demo.type("say", "acme", "hola", "--channel", "json", code=1)).stderr
    assert "`conserje account set acme json json --status active`" in said


async def test_a_suspended_tenant_is_not_written_to(demo: Terminal) -> None:
    await demo.type("tenant", "suspend", "acme")
    assert "conserje tenant resume acme" in (await demo.type("say", "acme", "hola", code=1)).stderr


def test_lines_are_kept_and_the_terminal_obeys_none() -> None:
    assert _indented("uno\n\ndos \x1b[2J") == "  uno\n\n  dos [2J"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("--place", "-33.4489,-70.6693"), "-33.4489"),
        (("--button", "catalogo=Ver catálogo"), "Ver catálogo"),
    ],
)
async def test_a_contact_may_send_more_than_words(shop: Shop, words: tuple[str, ...], shown: str) -> None:
    async with shop.working():
        said = await shop.say("acme", *words, "--json")
    assert shown in json.loads(said)["message"]["content"]


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        ((), 2, "Give a TEXT, --picture, --place or --button."),
        (("hola", "--button", "a"), 2, "have no TEXT beside them"),
        (("--picture", "https://a.cl/a.png", "--button", "a"), 2, "Give one of"),
        (("--place", "91,0"), 2, "is nowhere"),
        (("--place", "aquí"), 2, "is no place like"),
        (("--picture", "https://a.cl/a.png", "--channel", "json"), 1, "carries words alone"),
    ],
)
async def test_what_no_contact_can_say_is_refused(
    shop: Shop, words: tuple[str, ...], code: int, why: str
) -> None:
    assert why in await shop.say("acme", *words, code=code)
