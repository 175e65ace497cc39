"""A model's server that is away is left alone, and so is a key that is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from conserje import NoAnswer, VendorFailed
from conserje.contract.breaker import Breaker

AWAY = VendorFailed("The model's server cannot be reached.")
NO_KEY = VendorFailed("The model's server refused the API key.", of_key=True)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Vendor:
    """A server behind a breaker, at a time that stands still."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.breaker = Breaker(self.clock)

    def fail(self, times: int, error: BaseException = AWAY, key: str = "k", server: str = "s") -> None:
        for _ in range(times):
            with pytest.raises(type(error)), self.breaker.asking(server, key):
                raise error

    def is_asked(self, key: str = "k", server: str = "s") -> bool:
        try:
            with self.breaker.asking(server, key):
                return True
        except NoAnswer:
            return False

    @contextmanager
    def asking(self) -> Iterator[None]:
        with self.breaker.asking("s", "k"):
            yield


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def test_after_three_failures_in_a_row_it_is_left_alone_for_all(vendor: Vendor) -> None:
    vendor.fail(2)
    assert vendor.is_asked()
    vendor.fail(3)
    assert not vendor.is_asked(key="k") and not vendor.is_asked(key="another")
    assert vendor.is_asked(server="another")


def test_it_says_for_how_long(vendor: Vendor) -> None:
    vendor.fail(3)
    with (
        pytest.raises(NoAnswer, match=r"failed 3 times in a row; it is tried again in 5 s\."),
        vendor.asking(),
    ):
        pytest.fail("It was asked.")


def test_one_bad_key_is_left_alone_and_no_other(vendor: Vendor) -> None:
    vendor.fail(3, NO_KEY, key="bad")
    assert not vendor.is_asked(key="bad")
    assert vendor.is_asked(key="good")


def test_a_bad_key_does_not_make_the_server_well(vendor: Vendor) -> None:
    vendor.fail(2)
    vendor.fail(1, NO_KEY, key="bad")
    vendor.fail(1)
    assert not vendor.is_asked()


def test_one_alone_tries_again_and_lets_the_others_in(vendor: Vendor) -> None:
    vendor.fail(3)
    vendor.clock.now += 5
    with vendor.asking():
        assert not vendor.is_asked(key="another")
    assert vendor.is_asked(key="another")


def test_the_time_grows_while_it_fails_and_is_bounded(vendor: Vendor) -> None:
    vendor.fail(3)
    for rest in (5, 10, 20, 40, 80, 120, 120):
        vendor.clock.now += rest - 0.5
        assert not vendor.is_asked()
        vendor.clock.now += 0.5
        vendor.fail(1)


def test_what_was_under_way_when_it_was_left_alone_does_not_add_to_it(vendor: Vendor) -> None:
    calls = [vendor.breaker.asking("s", "k") for _ in range(20)]
    for call in calls:
        call.__enter__()
    for call in calls:
        assert not call.__exit__(VendorFailed, AWAY, None)
    vendor.clock.now += 5
    assert vendor.is_asked()


def test_it_is_left_alone_for_as_long_as_it_says_within_bounds(vendor: Vendor) -> None:
    vendor.fail(3, VendorFailed("429", of_key=True, after=30))
    vendor.clock.now += 29
    assert not vendor.is_asked()
    vendor.clock.now += 1
    assert vendor.is_asked()
    vendor.fail(3, VendorFailed("429", of_key=True, after=1e9))
    vendor.clock.now += 120
    assert vendor.is_asked()


def test_a_model_that_has_no_answer_is_no_server_that_fails(vendor: Vendor) -> None:
    vendor.fail(2)
    vendor.fail(1, NoAnswer("The model refused to answer."))
    vendor.fail(2)
    assert vendor.is_asked()


def test_who_was_cancelled_at_once_says_nothing_and_who_waited_long_does(vendor: Vendor) -> None:
    vendor.fail(5, asyncio.CancelledError())
    assert vendor.is_asked()
    for _ in range(3):
        with pytest.raises(asyncio.CancelledError), vendor.asking():
            vendor.clock.now += 12
            raise asyncio.CancelledError
    assert not vendor.is_asked()


def test_who_tried_and_was_cancelled_leaves_it_to_the_next(vendor: Vendor) -> None:
    vendor.fail(3)
    vendor.clock.now += 5
    with pytest.raises(asyncio.CancelledError), vendor.asking():
        raise asyncio.CancelledError
    assert vendor.is_asked()


def test_one_tries_though_others_were_under_way_before(vendor: Vendor) -> None:
    under_way = vendor.breaker.asking("s", "another")
    under_way.__enter__()
    vendor.fail(3)
    vendor.clock.now += 5
    with vendor.asking():
        under_way.__exit__(asyncio.CancelledError, asyncio.CancelledError(), None)
        assert not vendor.is_asked()
