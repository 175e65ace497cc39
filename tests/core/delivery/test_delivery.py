"""Delivery: in order, `sending` before the call, and nothing sent again that may have been sent."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from scene import Post, Scene
from waiting import until

from conserje import (
    CannotTell,
    Channel,
    Receipt,
    Refused,
    StatusUpdate,
    Text,
    TryLater,
    Uncertain,
    Unreachable,
    judged,
)
from conserje.conversations.rows import stored
from conserje.conversations.sending import OUTCOME_UNKNOWN
from conserje.plugins import recording
from conserje.plugins.recording import Asked
from conserje.settings import Settings
from conserje.storage import jobs
from conserje.storage.jobs import Job


async def speak(scene: Scene, *texts: str) -> Job:
    """Reply messages that wait to be sent, in one conversation; its deliver job."""
    await scene.write("hola")
    row = await scene.pool.fetchrow("SELECT tenant_id, id, account_id FROM conversations")
    assert row is not None
    for n, text in enumerate(texts, 1):
        await scene.pool.execute(
            "INSERT INTO messages"
            " (tenant_id, conversation_id, account_id, direction, content, sequence, state)"
            " VALUES ($1, $2, $3, 'out', $4, $5, 'queued')",
            *row,
            stored(Text(text)),
            n,
        )
    return Job(jobs.DELIVER, row["tenant_id"], row["id"])


async def states(scene: Scene) -> list[tuple[Any, ...]]:
    rows = await scene.pool.fetch(
        "SELECT state, attempt, provider_id IS NOT NULL, cause FROM messages WHERE direction = 'out'"
        " ORDER BY sequence"
    )
    return [tuple(row) for row in rows]


async def comes_again(scene: Scene) -> float:
    """Seconds for which the deliver job is put off that was left behind."""
    delay: float = await scene.pool.fetchval(
        "SELECT extract(epoch FROM execute_after - created)::float FROM pgqueuer.pgqueuer"
        " WHERE entrypoint = 'deliver' ORDER BY id DESC LIMIT 1"
    )
    return delay


@pytest.mark.parametrize("given", [None, "P1", True, Receipt(None), Receipt(7)])  # type: ignore[arg-type]
async def test_what_is_no_receipt_is_never_sent(
    scene: Scene, given: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*_: object) -> object:
        return given

    monkeypatch.setattr(scene.post, "send", send)
    scene.post.found = CannotTell("nobody knows")
    job = await speak(scene, "uno")
    await scene.delivery.deliver(job)
    [(state, _, has_id, cause)] = await states(scene)
    assert (state, has_id) == ("uncertain", False)
    if given is not None:
        scene.post.found = cast(Receipt, given)
        await scene.pool.execute("UPDATE messages SET due_at = now()")
        await scene.delivery.deliver(job)
        [(state, _, _, cause)] = await states(scene)
        assert state == "uncertain" and cause.startswith("gave ")


async def test_what_a_receipt_says_that_cannot_be_stored_makes_no_message_unsure(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*_: object) -> object:
        return Receipt("P\x001", category="\x00" * 300, units=2**80)

    monkeypatch.setattr(scene.post, "send", send)
    await scene.delivery.deliver(await speak(scene, "uno"))
    [(state, _, has_id, _)] = await states(scene)
    assert (state, has_id) == ("sent", True)


async def test_promise_7_a_provider_s_words_hold_no_secret(scene: Scene) -> None:
    scene.post.does.append(Refused("Authorization: Bearer EAAGm0PX4ZCpsBA9pZBZC1nGcYIZBwZDZD is expired"))
    await scene.delivery.deliver(await speak(scene, "uno"))
    [(state, _, _, cause)] = await states(scene)
    assert (state, cause) == ("refused", "Authorization: Bearer [redacted] is expired")


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_promise_8_a_channel_that_exits_leaves_the_message_uncertain(
    scene: Scene, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def send(*_: object) -> Receipt:
        raise error

    monkeypatch.setattr(scene.post, "send", send)
    scene.post.found = CannotTell("nobody knows")
    await scene.delivery.deliver(await speak(scene, "uno"))
    [(state, _, _, _)] = await states(scene)
    assert state == "uncertain"


async def test_what_cannot_be_read_back_is_refused_and_the_next_one_leaves(scene: Scene) -> None:
    job = await speak(scene, "uno", "dos")
    await scene.pool.execute("UPDATE messages SET content = '\"h\"' WHERE sequence = 1")
    await scene.delivery.deliver(job)
    assert [(state, cause) for state, _, _, cause in await states(scene)] == [
        ("refused", "What was stored of it cannot be read."),
        ("sent", None),
    ]


@pytest.mark.parametrize("habit", ["window", "limits_of"])
async def test_a_channel_that_does_not_know_itself_stops_no_worker(
    scene: Scene, habit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene.post, habit, lambda address: "much")
    await scene.delivery.deliver(await speak(scene, "uno"))
    [(state, _, _, cause)] = await states(scene)
    assert (state, cause) == {
        "window": ("held", "The channel post knows no window (gave str, not timedelta or NoneType)."),
        "limits_of": ("sent", None),
    }[habit]


async def test_they_leave_in_order(scene: Scene) -> None:
    job = await speak(scene, "uno", "dos", "tres")
    await scene.delivery.deliver(job)
    assert scene.post.texts == ["uno", "dos", "tres"]
    assert await states(scene) == [("sent", 1, True, None)] * 3


async def test_sending_is_committed_before_the_provider_is_called(scene: Scene) -> None:
    job = await speak(scene, "uno")
    taken = asyncio.Event()
    scene.post.does.append(taken)
    delivering = asyncio.create_task(scene.delivery.deliver(job))
    await until(lambda: not scene.post.does)
    assert await states(scene) == [("sending", 1, False, None)]
    taken.set()
    await delivering


async def test_many_at_once_send_each_message_once(scene: Scene) -> None:
    job = await speak(scene, *"abcdef")
    await asyncio.gather(*(scene.delivery.deliver(job) for _ in range(8)))
    assert sorted(scene.post.texts) == scene.post.texts == list("abcdef")[: len(scene.post.texts)]
    await scene.delivery.deliver(job)
    assert scene.post.texts == list("abcdef")


async def test_refused_is_final_and_the_next_leaves(scene: Scene) -> None:
    job = await speak(scene, "uno", "dos")
    scene.post.does.append(Refused("21610: opted out"))
    await scene.delivery.deliver(job)
    assert [state[0] for state in await states(scene)] == ["refused", "sent"]
    assert (await states(scene))[0][3] == "21610: opted out"


async def test_try_later_keeps_its_place(scene: Scene) -> None:
    job = await speak(scene, "uno", "dos")
    scene.post.does.append(TryLater("429", after=7))
    await scene.delivery.deliver(job)
    assert [state[0] for state in await states(scene)] == ["queued", "queued"]
    assert await comes_again(scene) == 7
    await scene.delivery.deliver(job)  # somebody else's job comes meanwhile: it is not due yet
    assert not scene.post.sent
    await scene.pool.execute("UPDATE messages SET due_at = now()")
    await scene.delivery.deliver(job)
    assert scene.post.texts == ["uno", "dos"]


async def test_patience_ends_and_the_message_is_held(scene: Scene) -> None:
    job = await speak(scene, "uno", "dos")
    await scene.pool.execute("UPDATE messages SET created_at = now() - interval '2 hours' WHERE sequence = 1")
    scene.post.does.append(TryLater("queue full"))
    await scene.delivery.deliver(job)
    assert [state[0] for state in await states(scene)] == ["held", "sent"]


@pytest.mark.parametrize("habit", [Uncertain("hung up"), 60.0, RuntimeError("a secret")], ids=str)
async def test_uncertain_is_never_sent_again_by_itself(
    scene: Scene, habit: Exception | float, caplog: pytest.LogCaptureFixture
) -> None:
    if habit == 60.0:
        scene.delivery.settings = Settings(send_limit=0.2)
    job = await speak(scene, "uno", "dos")
    scene.post.does.append(habit)
    scene.post.found = CannotTell("too early")
    await scene.delivery.deliver(job)
    await scene.delivery.deliver(job)
    assert not scene.post.sent
    [first, second] = await states(scene)
    assert first[0] == "uncertain"
    assert "secret" not in first[3] + caplog.text
    assert second[0] == "queued"
    assert len(re.findall("Nobody knows whether message m[0-9]+ of acme was sent: ", caplog.text)) == 1


async def test_uncertain_is_settled_by_finding_it(scene: Scene) -> None:
    job = await speak(scene, "uno", "dos")
    scene.post.does.append(Uncertain("hung up"))
    scene.post.found = Receipt("P77")
    await scene.delivery.deliver(job)
    await scene.delivery.deliver(job)
    assert scene.post.texts == ["dos"]
    assert [state[0] for state in await states(scene)] == ["sent", "sent"]


async def test_uncertain_that_is_certainly_not_there_is_sent_again(scene: Scene) -> None:
    job = await speak(scene, "uno")
    scene.post.does.append(Uncertain("hung up"))
    scene.post.found = None
    await scene.delivery.deliver(job)
    await scene.delivery.deliver(job)
    assert scene.post.texts == ["uno"]
    assert (await states(scene))[0][:2] == ("sent", 2)


async def test_uncertain_is_settled_by_a_report_that_carries_our_id(scene: Scene) -> None:
    job = await speak(scene, "uno", "dos")
    scene.post.does.append(Uncertain("hung up"))
    scene.post.found = CannotTell("too early")
    await scene.delivery.deliver(job)
    entry = await scene.entry()
    account = entry.accounts[0]
    ours = await scene.pool.fetchval("SELECT id FROM messages WHERE sequence = 1")
    await scene.intake.take(
        entry.tenant, [(account, StatusUpdate(account.address, "k", "delivered", "P1", ours))]
    )
    assert (await states(scene))[0][0] == "delivered"
    assert await comes_again(scene) == 0  # the next one has waited for it
    await scene.delivery.deliver(job)
    assert scene.post.texts == ["dos"]


async def test_uncertain_for_two_minutes_is_held(scene: Scene) -> None:
    job = await speak(scene, "uno", "dos")
    scene.post.does.append(Uncertain("hung up"))
    scene.post.found = CannotTell("nobody answers")
    await scene.delivery.deliver(job)
    await scene.pool.execute("UPDATE messages SET attempted_at = now() - interval '3 minutes', due_at = NULL")
    await scene.delivery.deliver(job)
    [first, second] = await states(scene)
    assert first[0] == "held"
    assert "nobody answers" in first[3]
    assert second[0] == "sent"


class Deaf(Post):
    """A provider that cannot be asked what became of a message."""

    find = Channel.find


async def resending(scene: Scene) -> tuple[Deaf, Job]:
    """A channel that cannot ask, an account that sends once more, and its deliver job."""
    deaf = Deaf()
    scene.delivery.plugins.channels["post"] = deaf
    job = await speak(scene, "uno")
    await scene.pool.execute("UPDATE accounts SET uncertain = 'resend'")
    await scene.heard()
    return deaf, job


async def two_minutes_later(scene: Scene, job: Job) -> tuple[str, int, str | None]:
    """What a look then makes of the message."""
    await scene.pool.execute("UPDATE messages SET attempted_at = now() - interval '3 minutes', due_at = NULL")
    await scene.delivery.deliver(job)
    [(state, attempt, _, cause)] = await states(scene)
    return state, attempt, cause


async def test_uncertain_is_sent_once_more_where_the_account_says_so_and_then_held(scene: Scene) -> None:
    deaf, job = await resending(scene)
    deaf.does.append(Uncertain("hung up"))
    await scene.delivery.deliver(job)
    await scene.pool.execute("UPDATE messages SET due_at = NULL")
    await scene.delivery.deliver(job)
    assert (await states(scene))[0][:2] == ("uncertain", 1), "a report may still come"
    deaf.does.append(Uncertain("hung up again"))
    assert (await two_minutes_later(scene, job))[:2] == ("uncertain", 2)
    state, attempt, cause = await two_minutes_later(scene, job)
    assert (state, attempt) == ("held", 2) and str(cause).startswith(OUTCOME_UNKNOWN)
    assert deaf.texts == []


async def test_what_is_sent_once_more_is_sent(scene: Scene) -> None:
    deaf, job = await resending(scene)
    deaf.does.append(Uncertain("hung up"))
    await scene.delivery.deliver(job)
    assert await two_minutes_later(scene, job) == ("sent", 2, None)
    assert deaf.texts == ["uno"]


async def test_what_is_sent_once_more_by_a_worker_that_dies_is_held(scene: Scene) -> None:
    """Its death may come after the call: there is no third time, and no fourth."""
    deaf, job = await resending(scene)
    deaf.does.extend([Uncertain("hung up"), TryLater("not now", after=0.0)])
    await scene.delivery.deliver(job)
    assert (await two_minutes_later(scene, job))[:2] == ("queued", 2)  # it was certainly not taken
    await scene.pool.execute("UPDATE messages SET state = 'sending', attempt = 3 WHERE direction = 'out'")
    assert (await two_minutes_later(scene, job))[:2] == ("held", 3)
    assert deaf.texts == []


@pytest.mark.parametrize("why", ["the account holds", "the channel can ask", "the account is off"])
async def test_nothing_else_is_sent_once_more(scene: Scene, why: str) -> None:
    deaf, job = await resending(scene)
    deaf.does.append(Uncertain("hung up"))
    await scene.delivery.deliver(job)
    match why:
        case "the account holds":
            await scene.pool.execute("UPDATE accounts SET uncertain = 'hold'")
        case "the channel can ask":
            scene.delivery.plugins.channels["post"] = scene.post
            scene.post.found = CannotTell("too early")
        case _:
            await scene.pool.execute("UPDATE accounts SET status = 'suspended'")
    await scene.heard()
    state, attempt, cause = await two_minutes_later(scene, job)
    assert (state, attempt) == ("held", 1) and str(cause).startswith(OUTCOME_UNKNOWN)
    assert deaf.texts == scene.post.texts == []


async def test_a_refusal_of_the_second_time_says_nothing_of_the_first(scene: Scene) -> None:
    deaf, job = await resending(scene)
    deaf.does.extend([Uncertain("hung up"), Refused("no such number")])
    await scene.delivery.deliver(job)
    state, _, cause = await two_minutes_later(scene, job)
    assert state == "refused"
    assert cause == f"{OUTCOME_UNKNOWN} the first time; the second: no such number"


async def test_nobody_who_wants_no_more_is_sent_anything_once_more(scene: Scene) -> None:
    deaf, job = await resending(scene)
    deaf.does.append(Uncertain("hung up"))
    await scene.delivery.deliver(job)
    await scene.pool.execute("UPDATE conversations SET opted_out = 'all'")
    state, attempt, cause = await two_minutes_later(scene, job)
    assert (state, attempt) == ("refused", 1) and str(cause).startswith(OUTCOME_UNKNOWN)


async def test_a_sending_of_a_dead_worker_is_uncertain_not_unsent(scene: Scene) -> None:
    job = await speak(scene, "uno")
    await scene.pool.execute(
        "UPDATE messages SET state = 'sending', attempt = 1, attempted_at = now() WHERE direction = 'out'"
    )
    scene.post.found = CannotTell("too early")
    await scene.delivery.deliver(job)  # the call may still last
    assert (await states(scene))[0][0] == "sending"
    await scene.pool.execute("UPDATE messages SET attempted_at = now() - interval '1 minute'")
    await scene.delivery.deliver(job)
    assert (await states(scene))[0][0] == "uncertain"
    assert not scene.post.sent


async def test_a_report_may_come_before_the_answer_to_the_sending(scene: Scene) -> None:
    """By the provider's id alone: it is kept until the id is known."""
    job = await speak(scene, "uno")
    entry = await scene.entry()
    account = entry.accounts[0]
    ours = await scene.pool.fetchval("SELECT id FROM messages WHERE direction = 'out'")
    await scene.intake.take(entry.tenant, [(account, StatusUpdate(account.address, "k", "read", f"P{ours}"))])
    await scene.delivery.deliver(job)
    assert (await states(scene))[0][0] == "read"


async def test_an_account_that_cannot_be_used_holds_with_the_reason(scene: Scene) -> None:
    job = await speak(scene, "uno")
    await scene.pool.execute("UPDATE accounts SET status = 'suspended'")
    await scene.heard()
    await scene.delivery.deliver(job)
    assert (await states(scene))[0][3] == "The account of acme is suspended or gone."


async def test_a_worker_that_slept_before_the_call_does_not_make_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others may have found that the provider does not have it, and sent it."""
    job = await speak(scene, "uno")
    take_next = scene.delivery._take_next
    woken = 0.0

    async def asleep(*arguments: Any) -> Any:
        step = await take_next(*arguments)
        monkeypatch.setattr("conserje.delivery.outcome.time.time", lambda: woken)
        return step

    scene.post.found = CannotTell("not yet")
    monkeypatch.setattr(scene.delivery, "_take_next", asleep)
    woken = time.time() + scene.delivery.settings.send_limit + 1
    await scene.delivery.deliver(job)
    assert scene.post.texts == []
    assert [state for state, *_ in await states(scene)] == ["uncertain"]


async def test_who_cannot_be_reached_is_answered_once_they_write_again(scene: Scene) -> None:
    """That they have blocked the account says nothing of what they want."""
    scene.post.does.append(Unreachable("blocked"))
    await scene.delivery.deliver(await speak(scene, "uno", "dos"))
    assert [(state, cause) for state, _, _, cause in await states(scene)] == [
        ("refused", "The contact cannot be reached now: blocked"),
        ("sent", None),
    ]
    assert await scene.pool.fetchval("SELECT count(*) FROM consents") == 0
    async with scene.working():
        await scene.write("de vuelta")
        await scene.settled()
    assert scene.post.texts == ["dos", "hola / de vuelta"]


def test_a_report_of_it_says_the_same() -> None:
    report = StatusUpdate("+1", "k", "failed", "P1", cause="63014: the contact has blocked the sender")
    told = judged(judged(report, Unreachable("blocked")), Unreachable("left"))
    assert told.cause == "The contact cannot be reached now: 63014: the contact has blocked the sender"
    for why, said in (("", "."), ("blocked", ": blocked")):
        unexplained = judged(replace(report, cause=""), Unreachable(why))
        assert unexplained.cause == f"The contact cannot be reached now{said}"
    assert (told.consent, told.outside_window, told.account_fault, told.try_after) == ("", False, "", None)


async def test_what_delivery_sends_is_recorded(scene: Scene, tmp_path: Path) -> None:
    asked = Asked(tmp_path, "acme", "post")
    asked.begin()
    recording.look(tmp_path / recording.FOLDER)
    job = await speak(scene, "Hola Ana", "no")
    scene.post.does.extend([TryLater("not now", after=0.0), RuntimeError("a fault of ours")])
    scene.post.found = CannotTell("nobody knows")
    for _ in range(3):
        await scene.pool.execute("UPDATE messages SET due_at = NULL")
        await scene.delivery.deliver(job)
    recording._recorders.clear()
    await recording.kept()
    files = asked.fetch(tmp_path / "cases")
    outcomes = [json.loads(path.read_text())["outcome"] for path in files]
    assert [each.get("error") for each in outcomes] == ["TryLater"], "a fault of the plugin's is no case"
    assert [state for state, *_ in await states(scene)] == ["uncertain", "queued"]
