"""How a plugin's methods are written, held against how core calls them."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from conserje.contract.assistant import Assistant
from conserje.contract.channel import Channel
from conserje.contract.signatures import wants
from conserje.contract.tool import Tool

_NEEDED: dict[type[Any], tuple[str, ...]] = {
    Channel: ("verify", "parse", "send"),
    Assistant: ("reply",),
    Tool: ("run",),
}
_OPTIONAL = {"parse": "account", "attend": "contact"}
_LIKE = 0.8  # how near a name is to one of the contract's that is meant


def faults(kind: type[Any], contract: type[Any]) -> Iterator[str]:
    """What core could not call, each in a sentence."""
    methods = _methods(contract)
    for name in _NEEDED[contract]:
        if getattr(kind, name) is methods[name]:
            yield f"`{name}` is missing: the contract has nothing in its place."
    for name, ours in methods.items():
        theirs = inspect.getattr_static(kind, name)
        if theirs is not ours and (fault := _fault(name, ours, getattr(kind, name))):
            yield fault


def doubts(kind: type[Any], contract: type[Any]) -> Iterator[str]:
    """What nobody calls, and looks like something that is to be called."""
    methods = _methods(contract)
    own = {name for name, value in inspect.getmembers_static(kind) if inspect.isfunction(value)}
    for name in sorted(own - methods.keys()):
        if not name.startswith("_") and (near := difflib.get_close_matches(name, methods, 1, _LIKE)):
            yield f"`{name}` is called by nobody: the contract has `{near[0]}`."


def _methods(contract: type[Any]) -> dict[str, Callable[..., Any]]:
    return {
        name: value
        for name, value in vars(contract).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def _fault(name: str, ours: Callable[..., Any], theirs: Any) -> str:
    if not callable(theirs):
        return f"`{name}` is no method."
    awaited = inspect.iscoroutinefunction(ours)
    if awaited != inspect.iscoroutinefunction(inspect.unwrap(theirs)):
        return f"`{name}` is {'awaited' if awaited else 'called'}: write `{'async ' * awaited}def {name}`."
    arguments = [each.name for each in _required(ours)]
    optional = _OPTIONAL.get(name, "")
    named = {optional: None} if optional and wants(theirs, optional) else {}
    try:
        inspect.signature(theirs).bind(*arguments, **named)
    except TypeError:
        return f"`{name}` is called as `{name}({', '.join([*arguments[1:], *named])})`: take these arguments."
    except ValueError:  # it is written in C
        pass
    return ""


def _required(method: Callable[..., Any]) -> list[inspect.Parameter]:
    """The arguments that core gives by their places, `self` among them."""
    return [
        each
        for each in inspect.signature(method).parameters.values()
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
