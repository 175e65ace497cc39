"""Fences: when a plugin is not called any more, for whom, and when it is tried again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from conserje import Account, Channel, Nothing, TryLater
from conserje.net.client import client
from conserje.plugins import fences, given, guard, strikes
from conserje.plugins.fences import Fence, Fences
from conserje.plugins.guard import PluginFenced
from conserje.plugins.strikes import Event, Resumed, Strike, Strikes
from conserje.telemetry.pulse import Call

MINUTE, HOUR = 60.0, 3600.0
CALL = Call("carta", "reply", "acme", "7:9")


def struck(*times: float, slug: str = "acme") -> list[Event]:
    return [Strike(at, "carta", slug, "reply") for at in times]


def standing(events: list[Event], now: float) -> dict[str | None, float]:
    """For whom it is fenced off, and until when."""
    return {fence.slug: fence.until for fence in fences.fences(events, now)}


def test_three_strikes_within_an_hour_fence_that_tenant_off() -> None:
    assert standing(struck(0, 1), 2) == {}
    assert standing(struck(0, 1, 2), 2) == {"acme": 2 + MINUTE}
    assert standing(struck(0, 1, 2), 2 + MINUTE) == {}  # it is tried again
    assert standing(struck(0, HOUR / 2, HOUR + 1), HOUR + 1) == {}


def test_the_whole_plugin_only_after_three_tenants() -> None:
    two = struck(0, 1, 2) + struck(3, slug="bravo")
    assert standing(two, 3) == {"acme": 2 + MINUTE}
    assert standing(two + struck(4, slug="carla"), 4) == {"acme": 2 + MINUTE, None: 4 + MINUTE}


def test_each_failure_waits_longer_until_it_is_an_hour() -> None:
    at, strikes, waits = 2.0, struck(0, 1, 2), []
    for _ in range(6):
        until = standing(strikes, at)["acme"]
        waits.append(until - at)
        at = until + 1
        strikes += struck(at)
    assert waits == [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, HOUR, HOUR]


def test_after_a_good_hour_it_begins_anew() -> None:
    good = 2 + MINUTE + HOUR
    assert standing(struck(0, 1, 2, good), good) == {"acme": good + 5 * MINUTE}
    assert standing(struck(0, 1, 2, good + 1), good + 1) == {}


def test_a_clock_that_was_set_back_fences_nobody() -> None:
    assert standing(struck(0, 1, 2), -HOUR) == {}


def test_an_operator_resumes_it_for_one_or_for_all() -> None:
    both = struck(0, 1, 2) + struck(0, 1, 2, slug="bravo")
    assert standing([*both, Resumed(3, "carta", "acme")], 3).keys() == {"bravo"}
    assert standing([*both, Resumed(3, "carta", None)], 3) == {}
    assert standing([*both, Resumed(3, "other", None)], 3).keys() == {"acme", "bravo"}
    assert standing([*both, Resumed(3, "carta", None), *struck(4)], 4) == {}


def test_a_fence_says_for_whom_and_until_when() -> None:
    assert str(Fence("carta", "acme", 61)) == "fenced off for acme, and tried again at 00:01:01 UTC"
    assert "for all tenants" in str(Fence("carta", None, 61))


def test_the_file_holds_what_any_process_wrote_and_stays_small(tmp_path: Path) -> None:
    mine, others = Strikes(tmp_path / "new" / "strikes"), Strikes(tmp_path / "new" / "strikes")
    assert mine.read() == []
    mine.note(CALL)
    others.resume("carta", None)
    with mine.path.open("a") as file:
        file.write('{"at": 1, "plug\n')  # cut off
    others.note(CALL)
    assert [type(event) for event in mine.read()] == [Strike, Resumed, Strike]
    assert mine.path.stat().st_mode & 0o777 == 0o600
    for _ in range(3000):
        mine.note(CALL)
    assert mine.path.stat().st_size < strikes.LARGEST + 1000
    assert len(mine.read()) > 1000


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    fences = Fences(Strikes(tmp_path / "file" / "strikes"))
    fences.note(CALL)
    assert "is not written down" in caplog.text
    assert fences.rest("carta", "acme") == 0


def test_the_turn_that_was_at_work_is_known(tmp_path: Path) -> None:
    fences = Fences(Strikes(tmp_path / "strikes"))
    assert fences.struck("7:9") is None
    fences.note(CALL)
    assert (strike := fences.struck("7:9")) and strike.method == "reply"
    assert fences.struck("7:8") is None


def test_a_suspicion_is_known_for_a_while_and_is_no_strike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Fences(Strikes(tmp_path / "strikes"))
    for _ in range(fences.ENOUGH):
        here.strikes.suspect(CALL)
    assert not here.may_try("carta", "acme")
    assert here.may_try("carta", "bravo")
    assert here.standing() == []
    monkeypatch.setattr(fences, "SUSPECTED_FOR", 0.0)
    assert here.may_try("carta", "acme")


def test_after_a_strike_no_other_process_follows_until_the_one_that_ended_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = Fences(Strikes(tmp_path / "strikes"))
    here.strikes.suspect(CALL)
    here.note(CALL)
    monkeypatch.setattr(fences, "SUSPECTED_FOR", 0.0)
    assert not here.may_try("carta", "acme")
    assert here.may_try("carta", "bravo")
    here.strikes.resume("carta", "bravo")
    here._look()
    assert not here.may_try("carta", "acme")
    here.strikes.resume("carta", None)
    here._look()
    assert here.may_try("carta", "acme")


def test_after_a_strike_one_process_of_the_node_tries_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, another = (Fences(Strikes(tmp_path / "strikes")) for _ in range(2))
    one.note(CALL)
    another._look()
    monkeypatch.setattr(fences, "REPLACED_WITHIN", 0.0)
    assert [each.may_try("carta", "acme") for each in (one, another)] == [True, False]
    monkeypatch.setattr(fences, "SUSPECTED_FOR", 0.0)
    assert [each.may_try("carta", "acme") for each in (one, another)] == [True, True]


class Carta(Channel[Nothing, Nothing, Nothing]):
    """Does nothing, well."""

    name = "carta"
    Credentials = Settings = Operator = Nothing


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fences:
    """The fences of this process, of which one stands for acme."""
    here = Fences(Strikes(tmp_path / "strikes"))
    monkeypatch.setattr(fences, "_here", here)
    for _ in range(3):
        here.note(CALL)
    return here


async def test_promise_8_a_plugin_is_not_called_for_whom_it_is_fenced_off(here: Fences) -> None:
    carta = Carta(Nothing(), client())
    account = Account("acme", "+1", Nothing(), Nothing())
    assert guard.called(carta, "bravo", "claims", given.names, None) == ()
    with pytest.raises(PluginFenced, match="tried again in"):
        guard.called(carta, "acme", "claims", given.names, None)
    with pytest.raises(TryLater) as later:
        await guard.awaited(carta, "acme", "send", given.receipt, None, account)
    assert 0 < later.value.after <= MINUTE
    here.strikes.resume("carta", "acme")
    here._looked = time.monotonic() - 2 * fences.LOOK_EVERY
    assert guard.called(carta, "acme", "claims", given.names, None) == ()
