"""A machine of somebody else's: an environment of its own, with what was built here installed as wheels."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from packages import install
from processes import Running, Serving, bare_environment, free_port, run_to_end, running, serving

from conserje.storage.database import Pool
from conserje.tenants import accounts, tenants
from conserje.tenants.vault import Vault
from conserje_fakes import server as stand_in_server
from conserje_fakes.telegram import Bot, Pace, StandIn, create
from conserje_fakes.telegram_webhooks import BESIDE, BY_DEFAULT, Webhook

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "telegram"
TEXT_ONLY = EXAMPLE / "text_only"
CATALOG = ROOT / "plugins" / "assistants" / "catalog"  # who answers where nobody else does
DOMAIN = "bot.example"
# Says back what it reads, and offers what it is asked for.
SELLER = """
import asyncio
from conserje import Assistant, Button, Buttons, List, Nothing, Reply, Row, Text, plain

LONG = "pan-amasado-de-la-casa-con-mantequilla-y-un-poco-de-sal-de-cahuil-"


class Seller(Assistant[Nothing, Nothing, Nothing]):
    name = "seller"
    Credentials = Settings = Operator = Nothing

    async def reply(self, turn):
        match plain(turn.messages[-1].content):
            case "botones":
                return Reply((Buttons("*¿Cuál?*", (Button(LONG + "1", "Uno"), Button(LONG + "2", "Dos"))),))
            case "lista":
                return Reply((List("Hay:", (Row("pan", "Pan", "del día"), Row("te", "Té"))),))
            case "despacio":
                await asyncio.sleep(2)  # as a model thinks, and the contact sees that somebody writes
                return Reply((Text("por fin"),))
            case said:
                return Reply((Text(f"**{said}** & listo"),))
"""


@dataclass(frozen=True)
class Environment:
    """A fresh one, into which the wheels of core, of edge and of the examples have been installed."""

    python: str

    def run(self, *command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        """A program of its own, which sees nothing of this checkout."""
        return subprocess.run(
            [self.python, *command],
            cwd=cwd,
            env=bare_environment(),
            capture_output=True,
            text=True,
            check=False,
        )


def build(folder: Path) -> Environment:
    """Takes half a minute."""
    uv = str(Path(sys.executable).with_name("uv"))
    wheels, home = folder / "wheels", folder / "environment"
    for source in (ROOT / "core", ROOT / "edge", CATALOG, EXAMPLE, TEXT_ONLY):
        subprocess.run([uv, "build", "-q", "--wheel", "--out-dir", wheels, source], check=True)
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, home], check=True)
    [core] = wheels.glob("conserje-[0-9]*.whl")
    others = [str(wheel) for wheel in wheels.glob("*.whl") if wheel != core]
    python = str(home / "bin" / "python")
    install_ = [uv, "pip", "install", "-q", "--python", python, f"{core}[testing]", *others]
    subprocess.run(install_, check=True)
    return Environment(python)


def suite(environment: Environment, source: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """An example's own tests, in a copy that has nothing but them."""
    shutil.copytree(source / "tests", folder / "tests")
    return environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=folder)


@dataclass
class House:
    """An installation of the third party's, and Telegram."""

    environment: dict[str, str]
    python: str
    telegram: StandIn
    pool: Pool

    @property
    def folder(self) -> Path:
        return Path(self.environment["CONSERJE_DATA_DIR"])

    def serving(self) -> AbstractAsyncContextManager[Serving]:
        return serving(self.environment, self.python)

    def working(self) -> AbstractAsyncContextManager[Running]:
        return running(self.environment, "work", log=self.folder / "work.log", python=self.python)

    async def run(self, *command: str) -> str:
        """What a command prints that has to do what it is told."""
        code, output, errors = await run_to_end(self.environment, *command, python=self.python)
        assert code == 0, errors + output
        return output

    async def read(self, *command: str) -> Any:
        return json.loads(await self.run(*command, "--json"))

    def new_bot(self) -> Bot:
        bot = Bot(f"{7123456789 + len(self.telegram.bots)}:AAFicha_de-la-tienda")
        self.telegram.add(bot)
        return bot

    async def enrol(self, slug: str, uncertain: Literal["hold", "resend"] = "hold") -> Bot:
        """A tenant with a bot that posts to it, as rows."""
        bot, vault = self.new_bot(), Vault.read(Path(self.environment["CONSERJE_MASTER_KEYS_FILE"]))
        held, place = json.dumps({"token": bot.token, "secret": slug}).encode(), ("telegram", str(bot.id))
        async with self.pool.acquire() as connection, connection.transaction():
            tenant = await tenants.add(connection, slug, slug.title(), assistant="seller")
            sealed = await accounts.seal_credentials(connection, vault, tenant.id, *place, held)
            await accounts.add(connection, tenant.id, *place, credentials=sealed, uncertain=uncertain)
        bot.poster.set(Webhook(f"https://{slug}.{DOMAIN}/bot/telegram/webhook", slug, BY_DEFAULT | BESIDE))
        return bot

    async def talk(self, slug: str) -> str:
        """The only conversation, which is taken over."""
        [talk] = await self.read("conversation", "list", slug)
        await self.run("conversation", "take", slug, str(talk["id"]))
        return str(talk["id"])


@asynccontextmanager
async def settle(environment: Environment, pool: Pool, url: str, keyring: Path) -> AsyncIterator[House]:
    """On this database, with nothing running yet but Telegram."""
    listen = f"127.0.0.1:{free_port()}"
    data = keyring.parent.parent
    install(data, "seller", SELLER, {"seller": "conserje.assistants"})
    app = create([], edge=f"http://{listen}", pace=Pace(30, None))
    async with stand_in_server.serving(app) as base_url:
        variables = bare_environment() | {
            "CONSERJE_DATABASE_URL": url,
            "CONSERJE_MASTER_KEYS_FILE": str(keyring),
            "CONSERJE_DATA_DIR": str(data),
            "CONSERJE_DOMAINS": DOMAIN,
            "CONSERJE_LISTEN": listen,
            "CONSERJE_OPERATOR_LISTEN": str(data / "operator.sock"),
            "CONSERJE_CONSOLE_LISTEN": str(data / "console.sock"),
            "CONSERJE_WORKERS": "1",
            "CONSERJE_TELEGRAM_BASE_URL": base_url,
            "CONSERJE_TELEGRAM_TEXT_BASE_URL": base_url,
            "PYTHONPATH": str(data),
        }
        yield House(variables, environment.python, app.state.stand_in, pool)
