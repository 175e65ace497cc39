"""Which optional arguments a plugin's method has: it is given those that its signature names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from typing import Any


def wants(method: Callable[..., Any], name: str) -> bool:
    """Whether the method has an argument of this name, and every decorator around it hands it on.

    One that is reached by its place alone, before a "/", is not of a name. A decorator says by
    `functools.wraps` what it is around.
    """
    around: list[Callable[..., Any]] = []
    try:
        innermost = inspect.unwrap(method, stop=lambda each: bool(around.append(each)))  # type: ignore[func-returns-value]
        return _names(_signature(innermost), name) and all(_hands_on(each, name) for each in around)
    except (TypeError, ValueError):  # what is no function, or has no signature
        return False


def _signature(method: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(method, follow_wrapped=False)


def _names(signature: inspect.Signature, name: str) -> bool:
    found = signature.parameters.get(name)
    return found is not None and found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY)


def _hands_on(decorator: Callable[..., Any], name: str) -> bool:
    try:
        signature = _signature(decorator)
    except ValueError:  # it is written in C, as that of functools.cache
        return True
    others = signature.parameters.values()
    return _names(signature, name) or any(each.kind is each.VAR_KEYWORD for each in others)


def _of_class(kind: type[Any], method: str, name: str) -> bool:
    try:
        return wants(getattr(kind, method), name)
    except BaseException:  # of the plugin's own making: the call fails where it is guarded
        return False


of_class: Callable[[Any, str, str], bool] = lru_cache(1024)(_of_class)
"""The same of a method of a plugin's class, looked at once; each webhook asks."""
