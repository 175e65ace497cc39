"""Browsers, by the names that people know them by."""

from __future__ import annotations

# The first that a browser says of itself: most say the names of those that they come from, too.
_NAMES = {
    "Edg": "Edge",
    "OPR": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "CriOS": "Chrome",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
_SYSTEMS = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def called(agent: str) -> str:
    """`Firefox, Android`; what it says of itself where it is none of these, empty where it says nothing."""
    name, system = (_first(names, agent) for names in (_NAMES, _SYSTEMS))
    return ", ".join(filter(None, (name, system))) or agent


def _first(names: dict[str, str], agent: str) -> str:
    return next((name for part, name in names.items() if part in agent), "")
