"""The verdict: each kind of fault is seen, and what is explained is none."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from crash.contacts import Contact
from crash.machine import Death
from crash.verdict import UNCERTAIN, UNDONE, judge, unanswered, undelivered


def faults(
    replies: list[str],
    written: int = 3,
    acknowledged: int = 3,
    held: str = "",
    late: tuple[str, ...] = (),
    **item: str,
) -> str:
    """What is wrong where somebody wrote c1.1 to c1.<written>, and only these replies came."""
    contact = Contact("c1", "acme", "web", "ana")
    contact.acknowledged = [contact.next_text() for _ in range(written)][:acknowledged]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    shown = {"id": "m1", "cause": UNCERTAIN, "since": now, "texts": [held], **item}
    deaths = [Death("called", "work", time.time())]
    return "\n".join(judge([(contact, replies)], [shown] if held else [], deaths, late).wrong)


def test_every_text_answered_once_in_order_is_right() -> None:
    assert not faults(["c1.1\nc1.2", "c1.3"])


def test_what_was_acknowledged_and_not_answered_is_lost() -> None:
    assert "lost: c1.3" in faults(["c1.1\nc1.2"])


def test_what_was_not_acknowledged_may_be_answered_once_or_not_at_all() -> None:
    assert not faults(["c1.1"], acknowledged=1)
    assert not faults(["c1.1", "c1.2"], acknowledged=1)
    assert "twice: c1.2" in faults(["c1.1", "c1.2", "c1.2"], acknowledged=1)


def test_what_is_answered_again_in_another_burst_is_twice() -> None:
    assert "twice: c1.2" in faults(["c1.1\nc1.2", "c1.2\nc1.3"])


def test_replies_and_the_lines_within_them_have_an_order() -> None:
    assert "out of order" in faults(["c1.2", "c1.1", "c1.3"])
    assert "out of order" in faults(["c1.2\nc1.1", "c1.3"])


def test_what_somebody_else_wrote_is_strange() -> None:
    assert "strange: 'c2.1'" in faults(["c1.1", "c2.1"])


def test_a_held_message_is_explained_by_a_worker_that_died_while_it_was_sent() -> None:
    assert not faults(["c1.1"], held="c1.2\nc1.3")
    assert "lost: c1.2" in faults(["c1.1"], held="c1.3")
    assert "held without a reason" in faults(["c1.1", "c1.2"], held="c1.3", since="2026-01-01T00:00:00+00:00")
    assert "held without a reason" in faults(["c1.1", "c1.2"], held="c1.3", cause="something else")
    assert "held without a reason" in faults(["c1.1", "c1.2"], held="c1.3", id="t1")


def test_a_held_message_is_explained_by_a_provider_that_did_not_answer_in_time() -> None:
    line = "WARNING Nobody knows whether message m1 of acme was sent: no answer within 3 s"
    assert unanswered(line) == ["m1"]
    assert not unanswered(line.replace("no answer within 3 s", "HTTP 502"))
    assert not faults(["c1.1", "c1.2"], held="c1.3", late=("m1",), since="2026-01-01T00:00:00+00:00")


def stamped(stamps: dict[str, int], replies: list[str], *uncertain: str, cause: str = UNDONE) -> str:
    """What is wrong where somebody wrote c1.1 and c1.2, and these were stamped so often."""
    contact = Contact("c1", "acme", "web", "ana")
    contact.acknowledged = [contact.next_text() for _ in range(2)]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    held = [
        {"id": f"e{n}", "cause": cause, "since": now, "texts": [f'stamp {{"text": "{text}"}}']}
        for n, text in enumerate(uncertain)
    ]
    deaths = [Death("done", "work", time.time())]
    return "\n".join(judge([(contact, replies)], held, deaths, (), stamps).wrong)


def test_each_answered_text_is_stamped_once_or_uncertain() -> None:
    answered = ["c1.1\nc1.2"]
    assert not stamped({"c1.1": 1, "c1.2": 1}, answered)
    assert "stamped twice: c1.1" in stamped({"c1.1": 2, "c1.2": 1}, answered)
    assert "not stamped: c1.2" in stamped({"c1.1": 1}, answered)
    assert not stamped({"c1.1": 1}, answered, "c1.2")
    assert not stamped({"c1.1": 1, "c1.2": 1}, answered, "c1.2")  # it was done, and nobody saw that
    assert "held without a reason" in stamped({"c1.1": 1}, answered, "c1.2", cause="it raised")
    assert "stamped for nothing: c1.2" in stamped({"c1.1": 1, "c1.2": 1}, ["c1.1"])


def test_a_status_that_was_acknowledged_is_shown() -> None:
    shown = {"direction": "out", "content": "c1.1", "state": "sent"}
    assert undelivered({"c1.1"}, [shown])
    assert not undelivered({"c1.1"}, [shown | {"state": "delivered"}])
    assert not undelivered({"c1.2"}, [shown])
