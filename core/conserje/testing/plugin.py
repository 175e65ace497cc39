"""The pytest plugin: runs the suites' coroutines without any other plugin, and beside those that do so.

Every run of pytest where conserje is installed loads this, so it imports nothing heavy.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

_SUITES = "conserje.testing."

pytest.register_assert_rewrite(
    *(
        f"{_SUITES}{name}"
        for name in (
            "assistant", "cases", "channel", "files", "outcomes", "reading", "sending", "signing", "subject",
            "suite", "tool",
        )
    )
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a coroutine of a suite, also one that its subclass adds, in a loop of its own."""
    test: Any = pyfuncitem.obj
    if not (_is_of_a_suite(pyfuncitem.cls) and inspect.iscoroutinefunction(test)):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(test(**arguments))
    return True


def _is_of_a_suite(kind: Any) -> bool:
    return kind is not None and any(each.__module__.startswith(_SUITES) for each in kind.__mro__)
