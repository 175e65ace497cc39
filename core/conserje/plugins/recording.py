"""Recording: what a channel's provider posts and answers becomes cases, while an operator asks for it.

The asking is a file of the node that goes out by itself; where there is none, nothing is kept or done.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from conserje.contract.account import AnyAccount
from conserje.contract.channel import AnyChannel, Receipt, Webhook
from conserje.contract.message import Event, OutboundMessage
from conserje.net import exchanges
from conserje.plugins import cases
from conserje.plugins.cases import Asking, Case, Unfit
from conserje.telemetry.log import place

log = logging.getLogger(__name__)

FOLDER = "recordings"  # in the data directory
ASKING, LEFT_OUT = "asking.json", "left-out"
LOOK_EVERY = 1.0  # seconds
LASTS = 10.0  # seconds that an asking is good for; who asks says so again and again
MOST_CASES = 200  # of one asking, in each process
FORGOTTEN_AFTER = 60.0  # seconds after its end, when nobody came for what was kept


@dataclass
class Recorder:
    """Keeps what one account's provider posts and answers. Nothing of that harms what is recorded."""

    asking: Asking
    folder: Path
    tried: int = 0

    @property
    def is_asked(self) -> bool:
        return _is_on(self.asking) and self.tried < MOST_CASES

    async def receive(
        self, channel: AnyChannel, hook: Webhook, account: AnyAccount, events: Sequence[Event]
    ) -> None:
        """Keep a request that verified, with what was read of it."""
        self.tried += 1
        await self._keep("incoming", cases.incoming(self.asking, channel, hook, account, events))

    async def send(
        self,
        channel: AnyChannel,
        message: OutboundMessage,
        account: AnyAccount,
        call: Callable[[], Awaitable[Receipt]],
    ) -> Receipt:
        """What a sending comes to, which is kept with what the provider was asked and answered, and after
        it: what was sent does not wait for a disk."""
        with exchanges.kept() as exchanged:
            outcome: Receipt | Exception
            try:
                outcome = await call()
            except cases.OUTCOMES as error:
                outcome = error
        self.tried += 1
        case = cases.outgoing(self.asking, channel, message, account, exchanged, outcome)
        task = asyncio.create_task(self._keep("outgoing", case))
        _keeping.add(task)
        task.add_done_callback(_keeping.discard)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _keep(self, direction: str, made: Awaitable[Case]) -> None:
        try:
            await asyncio.to_thread(self._write, direction, await made)
        except Unfit as error:
            await asyncio.to_thread(self._leave_out, str(error))
        except Exception as error:
            log.error("What was to be recorded is not kept: %s", place(error))
            await asyncio.to_thread(self._leave_out, f"It could not be kept: {type(error).__name__}.")

    def _write(self, direction: str, case: Case) -> None:
        text = json.dumps(case, ensure_ascii=False, indent=2) + "\n"
        name = f"{cases.kind_of(case)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"
        new = self.folder / direction / f"{name}.{os.getpid()}"
        _write_private(new, text)
        new.rename(self.folder / direction / name)  # whole, or not there

    def _leave_out(self, why: str) -> None:
        with (
            suppress(OSError),  # who asked has just gone
            open(os.open(self.folder / LEFT_OUT, _APPEND, 0o600), "a") as file,
        ):
            file.write(" ".join(why.split()) + "\n")


_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND

_recorders: dict[tuple[str, str], Recorder] = {}  # of this process; empty nearly always
_keeping: set[asyncio.Task[None]] = set()


def of(slug: str, channel: str) -> Recorder | None:
    """Who keeps what is posted and sent for the tenant by this channel; None, nearly always: nobody."""
    if not _recorders:
        return None
    recorder = _recorders.get((slug, channel))
    return recorder if recorder and recorder.is_asked else None


@asynccontextmanager
async def heeded(data_dir: Path) -> AsyncIterator[None]:
    """While this is entered the process looks whether anything is asked for."""
    looking = asyncio.create_task(_look_again_and_again(data_dir / FOLDER))
    try:
        yield
    finally:
        looking.cancel()
        _recorders.clear()
        await kept()


async def kept() -> None:
    """Wait for what is still being written."""
    await asyncio.gather(*_keeping)


async def _look_again_and_again(folder: Path) -> None:
    while True:
        look(folder)
        await asyncio.sleep(LOOK_EVERY)


def look(folder: Path) -> None:
    """Learn what is asked for now; what nobody came for is removed."""
    found = {(asking.slug, asking.channel): (asking, place) for asking, place in _askings(folder)}
    for gone in _recorders.keys() - found.keys():
        del _recorders[gone]
    for key, (asking, folder_of_it) in found.items():
        _recorders.setdefault(key, Recorder(asking, folder_of_it)).asking = asking


def _askings(folder: Path) -> Iterator[tuple[Asking, Path]]:
    try:
        places = list(folder.iterdir())
    except OSError:  # nobody asks
        return
    for each in places:
        try:
            asking = Asking(**json.loads((each / ASKING).read_text()))
            is_on = _is_on(asking)
        except (OSError, ValueError, TypeError):  # it has just begun, or ended
            continue
        if is_on:
            yield asking, each
        elif time.time() > asking.until + FORGOTTEN_AFTER:
            shutil.rmtree(each, ignore_errors=True)


def _is_on(asking: Asking) -> bool:
    """Not where a clock that was set back would make it longer than anybody asked."""
    return 0 < asking.until - time.time() <= LASTS


@dataclass
class Asked:
    """A recording as the one sees it who asks for it."""

    data_dir: Path
    slug: str
    channel: str
    keep_words: bool = False
    _key: str = field(default_factory=lambda: secrets.token_hex(32))

    @property
    def folder(self) -> Path:
        return self.data_dir / FOLDER / f"{self.slug}.{self.channel}"

    def begin(self) -> None:
        """Raises FileExistsError where another asks for the same, else OSError."""
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        others = [each for _, each in _askings(self.folder.parent)]
        if self.folder.exists() and self.folder not in others:
            shutil.rmtree(self.folder)  # of one that was killed
        for made in (self.folder, *(self.folder / direction for direction in cases.DIRECTIONS)):
            made.mkdir(mode=0o700)
            _hand_over(made, self.data_dir)
        _hand_over(self.folder.parent, self.data_dir)
        self.ask()

    def ask(self, seconds: float = LASTS) -> None:
        """Say that it is wanted from now on for so many seconds. Raises OSError."""
        asking = Asking(self.slug, self.channel, time.time() + seconds, self._key, self.keep_words)
        new = self.folder / f"{ASKING}.new"
        new.unlink(missing_ok=True)
        _write_private(new, json.dumps(asdict(asking)))
        _hand_over(new, self.data_dir)
        new.rename(self.folder / ASKING)

    def fetch(self, into: Path) -> list[Path]:
        """Move what was kept since; the files. Raises OSError."""
        moved = []
        for direction in cases.DIRECTIONS:
            for file in sorted((self.folder / direction).glob("*.json")):
                place = into / direction / file.name
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                place.unlink(missing_ok=True)
                _write_private(place, _read(file))
                file.unlink()
                moved.append(place)
        return moved

    def left_out(self) -> list[str]:
        """Why something was not kept, once for each."""
        try:
            return _read(self.folder / LEFT_OUT).splitlines()
        except FileNotFoundError:
            return []

    def stop(self) -> None:
        """From the next look on nothing is kept. Raises OSError."""
        self.ask(0)

    def end(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # others record
            self.folder.parent.rmdir()


def _write_private(path: Path, text: str) -> None:
    """Raises FileExistsError, or OSError."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _hand_over(path: Path, data_dir: Path) -> None:
    """To whom the data directory belongs: root asks for what another user's processes keep."""
    if os.geteuid() == 0:
        owner = data_dir.stat()
        os.lchown(path, owner.st_uid, owner.st_gid)  # never what a link points to


def _read(path: Path) -> str:
    """A file that another user's process wrote, and no link to somebody's. Raises OSError."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)) as file:
        return file.read()
