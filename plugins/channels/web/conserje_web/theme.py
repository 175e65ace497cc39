"""The tenant's colour: on the page, with letters that can be read on it, and on its icon."""

from __future__ import annotations

from html import escape

_DARK, _LIGHT = "#000000", "#ffffff"


def letters_on(colour: str) -> str:
    """Dark or light, whichever has more contrast with `colour`: at least 4.5 (WCAG 2.2, 1.4.3)."""
    return max((_LIGHT, _DARK), key=lambda letters: contrast(letters, colour))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def style_sheet(colour: str) -> str:
    return f":root {{ --brand: {colour}; --on-brand: {letters_on(colour)}; }}\n"


def icon(name: str, colour: str) -> str:
    """The name's first letter on the colour, as SVG."""
    letter = escape(name.strip()[:1].upper())
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">'
        f'<rect width="64" height="64" rx="16" fill="{colour}"/>'
        f'<text x="32" y="44" font-family="system-ui, sans-serif" font-size="36" font-weight="700"'
        f' text-anchor="middle" fill="{letters_on(colour)}">{letter}</text></svg>\n'
    )
