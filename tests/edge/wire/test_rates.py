"""How often a stranger may come, and who counts as one stranger."""

from __future__ import annotations

import pytest

from conserje_edge.wire.answers import Problem
from conserje_edge.wire.rates import Limits, Window, client_network


def scope(peer: str, *forwarded: str) -> dict[str, object]:
    return {"client": (peer, 1), "headers": [(b"x-forwarded-for", line.encode()) for line in forwarded]}


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "network"),
    [
        ("192.0.2.7", (), False, "192.0.2.7"),
        ("192.0.2.7", ("203.0.113.9",), False, "192.0.2.7"),
        ("127.0.0.1", ("203.0.113.9",), True, "203.0.113.9"),
        ("127.0.0.1", ("6.6.6.6, 203.0.113.9",), True, "203.0.113.9"),  # the first is the client's own word
        ("127.0.0.1", ("6.6.6.6", "203.0.113.9"), True, "203.0.113.9"),
        ("127.0.0.1", ("2001:db8:1:2:3:4:5:6",), True, "2001:db8:1:2::"),
        ("127.0.0.1", ("2001:db8:1:2:ffff::1",), True, "2001:db8:1:2::"),
        ("127.0.0.1", ("::ffff:203.0.113.9",), True, "203.0.113.9"),
        ("127.0.0.1", ("nonsense",), True, ""),
    ],
)
def test_a_stranger_is_an_address_or_a_64(
    peer: str, forwarded: tuple[str, ...], trusted: bool, network: str
) -> None:
    assert client_network(scope(peer, *forwarded), trusted) == network


def test_what_is_too_much_is_told_when_to_come_again() -> None:
    window = Window(2, 60)
    window.admit("ana")
    window.admit("ana")
    window.admit("beto")
    with pytest.raises(Problem) as refused:
        window.admit("ana")
    assert refused.value.status == 429
    [(name, value)] = refused.value.headers
    assert name == b"retry-after" and 0 < int(value) <= 60


def test_a_window_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("conserje_edge.wire.rates.monotonic", lambda: now)
    window = Window(1, 60)
    window.admit("ana")
    now = 159.9
    with pytest.raises(Problem):
        window.admit("ana")
    now = 160.0
    window.admit("ana")


@pytest.mark.parametrize("processes", [1, 2, 7, 256])
def test_all_processes_together_allow_hardly_more_than_one_would(processes: int) -> None:
    one, each = Limits(), Limits(processes)
    for name, window in vars(one).items():
        most = vars(each)[name].most
        assert 0 <= processes * most - window.most < processes, name
