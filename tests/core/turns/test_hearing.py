"""Voice notes are written down before their turn, once, and only where the tenant wants that."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from album import Album, contents, parts, send
from scene import Parrot, Scene
from waiting import LIMIT, until

from conserje import Account, File, Heard, Media, NoAnswer, Nothing, Text, Voice, plain
from conserje.contract.message import Content
from conserje.conversations import state
from conserje.files import lengths
from conserje.storage import jobs
from conserje.storage.jobs import Job
from conserje.turns import arrivals, hearing

SPENT = "SELECT name, seconds, category FROM costs ORDER BY id"


def note(seconds: float, size: int = 0) -> bytes:
    """A voice note of so many seconds, as Opus in Ogg."""
    head = b"OggS\0\2" + bytes(22) + b"OpusHead" + bytes(11)
    return head + bytes(size) + b"OggS\0\4" + struct.pack("<q", round(seconds * 48_000)) + bytes(13)


class Listener(Parrot):
    """Hears what the test says, one after the other, or raises it."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Voice] = []
        self.hears: list[Heard | Exception] = []
        self.dies = False

    def transcriber(self, settings: Nothing) -> str:
        return "gpt-transcribe"

    async def transcribe(self, voice: Voice, account: Account[Nothing, Nothing]) -> Heard:
        self.given.append(voice)
        if self.dies:
            await asyncio.Event().wait()
        heard = self.hears.pop(0)
        if isinstance(heard, Exception):
            raise heard
        return heard


@pytest.fixture
async def listener(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Listener:
    monkeypatch.setattr(arrivals, "WITHIN", LIMIT)  # a busy machine takes its time
    scene.post = album = Album()
    scene.collector.plugins.channels["post"] = album
    album.given = lambda file: parts(note(4.2))
    scene.parrot = scene.collector.plugins.assistants["parrot"] = heard = Listener()
    await scene.pool.execute("UPDATE tenants SET voice_notes = 'parrot', quiet_period = '0'")
    await scene.heard()
    return heard


def album_of(scene: Scene) -> Album:
    assert isinstance(scene.post, Album)
    return scene.post


async def speak(scene: Scene, listener: Listener, *heard: Heard | str | Exception) -> Job:
    """A contact sends voice notes in one message, which are collected; what each is heard as."""
    listener.hears += [Heard(each) if isinstance(each, str) else each for each in heard]
    files = tuple(File(f"v{n}", "audio/ogg; codecs=opus") for n in range(max(len(heard), 1)))
    job = await send(scene, content=Media(files))
    await scene.collector.collect(job)
    return Job(jobs.CONVERSE, job.tenant_id, job.conversation_id, job.message_id)


async def answer(scene: Scene, job: Job) -> list[str]:
    """What is said in the job's turn."""
    before = await scene.pool.fetchval("SELECT count(*) FROM messages WHERE direction = 'out'")
    await scene.conversation.converse(job)
    return [plain(each) for each in (await contents(scene, "out"))[before:]]


async def talk(scene: Scene, text: str) -> list[str]:
    """What is said to what the contact writes."""
    await scene.write(text)
    row = await scene.pool.fetchrow(
        "SELECT tenant_id, conversation_id, id FROM messages WHERE direction = 'in' ORDER BY id DESC LIMIT 1"
    )
    assert row is not None
    return await answer(scene, Job(jobs.CONVERSE, *row))


async def last_said(scene: Scene) -> Content:
    return (await contents(scene))[-1]


async def test_a_note_is_said_to_the_assistant_as_it_was_heard(scene: Scene, listener: Listener) -> None:
    await scene.pool.execute(
        "INSERT INTO products (tenant_id, name, price) SELECT id, 'Aceite de  coco', 1 FROM tenants"
    )
    await scene.heard()
    assert await answer(scene, await speak(scene, listener, "quiero dos aceites")) == ["quiero dos aceites"]
    [said] = listener.heard[0].messages
    assert (said.content, said.heard) == (Text("quiero dos aceites"), True)
    [voice] = listener.given
    assert (voice.content, voice.content_type, voice.seconds) == (note(4.2), "audio/ogg", 4.2)
    assert voice.words == ("acme", "Aceite de coco")
    assert plain(await last_said(scene)) == "[audio/ogg, heard: quiero dos aceites]"
    assert [tuple(row) for row in await scene.pool.fetch(SPENT)] == [("gpt-transcribe", 5, "")]


async def test_what_was_heard_is_read_again_in_later_turns(scene: Scene, listener: Listener) -> None:
    await answer(scene, await speak(scene, listener, "soy Ana"))
    await talk(scene, "¿y cuánto cuesta?")
    past = [(plain(said.content), said.heard) for said in listener.heard[-1].history]
    assert past == [("soy Ana", True), ("soy Ana", False)]
    assert len(listener.given) == 1


async def test_nobody_hears_where_the_tenant_has_not_switched_it_on(scene: Scene, listener: Listener) -> None:
    await scene.pool.execute("UPDATE tenants SET voice_notes = NULL")
    await scene.heard()
    await answer(scene, await speak(scene, listener, "quiero dos aceites"))
    assert (listener.given, await scene.pool.fetch(SPENT)) == ([], [])
    assert plain(listener.heard[0].messages[0].content) == "[audio/ogg]"


async def test_a_turn_waits_for_a_note_that_is_on_its_way(scene: Scene, listener: Listener) -> None:
    listener.hears.append(Heard("hola"))
    there = asyncio.Event()

    async def later(file: File) -> AsyncIterator[bytes]:
        await there.wait()
        yield note(2.0)

    album_of(scene).given = later
    async with scene.working():
        job = await send(scene, content=Media((File("v", "audio/ogg"),)))
        await until(lambda: scene.pool.fetchval("SELECT leased_until IS NOT NULL FROM conversations"))
        there.set()
        await scene.settled()
    assert job and scene.post.texts == ["hola"]


async def test_a_note_that_does_not_come_in_time_is_answered_as_a_sound(
    scene: Scene, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "WITHIN", 0.0)
    job = await send(scene, content=Media((File("v", "audio/ogg"),)))
    await answer(scene, Job(jobs.CONVERSE, job.tenant_id, job.conversation_id, job.message_id))
    assert (listener.given, plain(listener.heard[0].messages[0].content)) == ([], "[audio/ogg]")


async def test_a_note_is_heard_once_though_its_turn_is_thought_again(
    scene: Scene, listener: Listener
) -> None:
    job = await speak(scene, listener, "hola")
    listener.fails.append(RuntimeError())
    await scene.conversation.converse(job)
    assert len(listener.given) == 1
    await scene.conversation.converse(job)
    assert (len(listener.given), scene.post.texts) == (1, [])
    assert [plain(each) for each in await contents(scene, "out")] == ["hola"]


async def test_workers_that_die_over_a_note_hear_it_twice_at_most(
    scene: Scene, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "LEASE", timedelta(0))
    job = await speak(scene, listener, "hola")
    listener.dies = True
    for _ in range(2):
        before = len(listener.given)
        dying = asyncio.create_task(scene.conversation.converse(job))
        await until(lambda before=before: _is(len(listener.given) > before))  # type: ignore[misc]
        dying.cancel()
        await asyncio.wait([dying])
        await scene.pool.execute("UPDATE conversations SET leased_until = NULL")
    listener.dies = False
    await scene.conversation.converse(job)
    assert len(listener.given) == 2
    assert plain(listener.heard[-1].messages[0].content) == "[audio/ogg]"


async def _is(truth: bool) -> bool:
    return truth


FAILURES: Sequence[Exception] = (NoAnswer("The server is away."), RuntimeError("hunter2"))


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_vendor_that_is_away_costs_nobody_the_answer(
    scene: Scene, listener: Listener, failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    await answer(scene, await speak(scene, listener, failure))
    assert plain(listener.heard[0].messages[0].content) == "[audio/ogg]"
    assert "is not heard" in caplog.text and "hunter2" not in caplog.text
    assert not await scene.pool.fetch(SPENT)


async def test_a_vendor_that_takes_too_long_is_counted_at_a_guess(scene: Scene, listener: Listener) -> None:
    job = await speak(scene, listener, "hola")
    listener.dies = True
    object.__setattr__(scene.conversation.hearing, "limit", 0.05)
    await answer(scene, job)
    assert [tuple(row) for row in await scene.pool.fetch(SPENT)] == [("gpt-transcribe", 5, "estimated")]


async def test_over_the_bound_nobody_is_asked(scene: Scene, listener: Listener) -> None:
    await scene.pool.execute("UPDATE tenants SET usd_of_contact = 0.0003")
    await scene.heard()
    await answer(scene, await speak(scene, listener, "uno"))  # 5 s, USD 0.000375
    await answer(scene, await speak(scene, listener, "dos"))
    assert len(listener.given) == 1
    assert plain(listener.heard[-1].messages[0].content) == "[audio/ogg]"


async def test_a_note_that_was_taken_back_meanwhile_is_not_written_again(
    scene: Scene, listener: Listener
) -> None:
    job = await speak(scene, listener, "hola")
    await scene.pool.execute("UPDATE messages SET content = $1", '{"of":"","type":"revocation"}')
    await scene.conversation.converse(job)
    assert plain(await last_said(scene)) == "[deleted]"


async def test_a_person_who_is_asked_for_aloud_is_called(scene: Scene, listener: Listener) -> None:
    [said] = await answer(scene, await speak(scene, listener, "quiero hablar con una persona"))
    assert said.startswith("Te comunico con una persona")
    assert await scene.pool.fetchval("SELECT state FROM conversations") == "person"


NOT_HEARD = [
    (note(181.0), Heard("nobody asks"), "Tu audio dura más de 3 minutos"),
    (note(3.0, hearing.LARGEST), Heard("nobody asks"), "Tu audio dura más de 3 minutos"),
    (note(3.0), Heard(""), "No logré entender tu audio."),
    (note(3.0), Heard("¿sss?", clear=False), "No logré entender tu audio."),
]


@pytest.mark.parametrize(("content", "heard", "told"), NOT_HEARD)
async def test_who_was_not_heard_is_asked_to_write_and_then_a_person_sees_to_it(
    scene: Scene, listener: Listener, content: bytes, heard: Heard, told: str
) -> None:
    album_of(scene).given = lambda file: parts(content)
    [said] = await answer(scene, await speak(scene, listener, heard))
    assert said.startswith(told)
    assert plain(await last_said(scene)) == "[audio/ogg, not heard]"
    assert await scene.pool.fetchval("SELECT state FROM conversations") == "open"
    [said] = await answer(scene, await speak(scene, listener, heard))
    assert said.startswith("Te comunico con una persona")
    assert await scene.pool.fetchval("SELECT state FROM conversations") == "person"
    assert listener.heard == []


async def test_what_is_written_beside_is_answered_too(scene: Scene, listener: Listener) -> None:
    job = await speak(scene, listener, Heard(""))
    await scene.write("¿abren hoy?")
    assert await answer(scene, job) == ["¿abren hoy?", "No logré entender tu audio. ¿Me lo puedes escribir?"]


async def test_who_writes_in_between_is_asked_again(scene: Scene, listener: Listener) -> None:
    await answer(scene, await speak(scene, listener, Heard("")))
    await talk(scene, "hola")
    assert await answer(scene, await speak(scene, listener, Heard(""))) == [
        "No logré entender tu audio. ¿Me lo puedes escribir?"
    ]


ASKED = "¿No quieres recibir más mensajes? Responde SÍ."
OPTED_OUT = "SELECT opted_out FROM conversations"


@pytest.mark.parametrize("yes", ["SÍ", "Sí, por favor.", "sim", "👍"])
async def test_promise_9_an_opt_out_that_is_said_aloud_is_asked_back_and_counts(
    scene: Scene, listener: Listener, yes: str
) -> None:
    assert await answer(scene, await speak(scene, listener, "Baja, por favor.")) == [ASKED]
    assert await scene.pool.fetchval(OPTED_OUT) is None
    [told] = await talk(scene, yes)
    assert told.startswith("Listo, no te escribiremos más.")
    assert await scene.pool.fetchval(OPTED_OUT) == "all"
    assert (await scene.pool.fetchrow("SELECT change, source FROM consents")) == ("out", "contact")
    assert listener.heard == []
    assert await talk(scene, "hola") == []


async def test_promise_9_who_confirms_it_aloud_is_heard(scene: Scene, listener: Listener) -> None:
    await answer(scene, await speak(scene, listener, "Baja"))
    await answer(scene, await speak(scene, listener, "Sí"))
    assert await scene.pool.fetchval(OPTED_OUT) == "all"


@pytest.mark.parametrize("other", ["no", "¿cuánto cuesta el aceite?"])
async def test_who_does_not_confirm_goes_on_getting_answers(
    scene: Scene, listener: Listener, other: str
) -> None:
    await answer(scene, await speak(scene, listener, "Baja"))
    assert await talk(scene, other) == [other]
    assert await talk(scene, "sí") == ["sí"]
    assert await scene.pool.fetchval(OPTED_OUT) is None


async def test_a_yes_to_another_question_is_none_to_this_one(scene: Scene, listener: Listener) -> None:
    assert await talk(scene, "sí") == ["sí"]
    assert await answer(scene, await speak(scene, listener, "¿tienen baja temporada?")) == [
        "¿tienen baja temporada?"
    ]


@pytest.mark.parametrize(
    ("content", "seconds"),
    [
        (note(181.5), 181.5),
        (b"\0\0\0\x18ftypM4A " + bytes(20) + b"mvhd" + bytes(12) + struct.pack(">II", 1000, 6500), 6.5),
        (b"\0\0\0\x18ftypM4A " + b"mvhd\1" + bytes(19) + struct.pack(">IQ", 600, 1800), 3.0),
        (b"OggS" + bytes(60), 0.0),
        (b"OggS\0\2" + bytes(22) + b"OpusHead", 0.0),
        (b"\0\0\0\x18ftypM4A mvhd", 0.0),
        (b"\xff\xfb\x90\0", 0.0),
        (b"", 0.0),
    ],
)
def test_how_long_a_sound_is_says_its_format(content: bytes, seconds: float) -> None:
    assert lengths.seconds(content) == seconds
