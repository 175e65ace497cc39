"""Pages from templates: what every template may call, in the language and country of who asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from conserje_edge.console import formats
from conserje_edge.console.asked import Asked
from conserje_edge.console.assets import Assets
from conserje_edge.console.languages import LANGUAGES, Speech
from conserje_edge.console.nav import Nav

_asked: ContextVar[Asked] = ContextVar("asked")  # macros are compiled once and see no page's values

FORMATS: dict[str, Callable[..., Any]] = {
    "clock": formats.clock,
    "day": formats.day,
    "when": formats.when,
    "full": formats.full,
    "lasting": formats.lasting,
    "since": formats.since,
    "number": formats.number,
    "percent": formats.percent,
    "money": formats.money,
}


class Templates:
    """The templates of all areas."""

    def __init__(self, assets: Assets, nav: Nav) -> None:
        self.environment = Environment(
            loader=PackageLoader("conserje_edge.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            extensions=["jinja2.ext.i18n"],
        )
        self.environment.install_gettext_callables(  # type: ignore[attr-defined]
            lambda text: _speech().gettext(text),
            lambda one, many, number: _speech().ngettext(one, many, number),
            newstyle=True,
        )
        self.environment.filters |= {name: partial(_formatted, make) for name, make in FORMATS.items()}
        self.environment.filters["machine"] = formats.machine
        self.environment.globals |= {
            "static": assets.url,
            "languages": LANGUAGES,
            "may": lambda act: _asked.get().may(act),
            "must_step_up": lambda act: _asked.get().must_step_up(act),
            "here": lambda **query: _asked.get().here(**query),
            "nav": lambda: nav.of(_asked.get()),
            "speech": _speech,
        }

    def render(self, asked: Asked, template: str, values: Mapping[str, Any]) -> str:
        before = _asked.set(asked)
        try:
            return self.environment.get_template(template).render(asked=asked, **values)
        finally:
            _asked.reset(before)


def _speech() -> Speech:
    return _asked.get().speech


def _formatted(make: Callable[..., Any], *given: Any) -> Any:
    return make(_speech(), *given)
