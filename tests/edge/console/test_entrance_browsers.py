"""Browsers have names."""

from __future__ import annotations

import pytest

from conserje_edge.console.entrance.browsers import called

LINUX = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
NAMES = {
    LINUX: "Chrome, Linux",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0": "Edge, Windows",
    "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0": "Firefox, Android",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) Version/18.5 Safari/604.1": "Safari, iPhone",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.5 Safari/605.1.15": "Safari, macOS",
    "curl/8": "curl/8",
    "": "",
}


@pytest.mark.parametrize(("agent", "name"), NAMES.items())
def test_a_browser_is_called_as_people_call_it(agent: str, name: str) -> None:
    assert called(agent) == name
