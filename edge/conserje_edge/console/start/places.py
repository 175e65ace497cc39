"""The places of the start."""

from __future__ import annotations

from conserje_edge.console.place import Place
from conserje_edge.console.start import accounts, adding, business, hours, page, steps

_ONE = "/t/{slug}/accounts/{account_id}"

PLACES: tuple[Place, ...] = (
    Place("/t/{slug}/start", steps.steps),
    Place("/t/{slug}/start/business", business.show, business.change),
    Place("/t/{slug}/start/hours", hours.show, hours.change),
    Place("/t/{slug}/accounts", accounts.listed),
    Place("/t/{slug}/accounts/new", adding.choose),
    Place("/t/{slug}/accounts/new/{channel}", adding.new, adding.add),
    Place(_ONE, accounts.show, accounts.change),
    Place(f"{_ONE}/check", post=accounts.check),
    Place(f"{_ONE}/post-here", post=accounts.post_here),
    Place(f"{_ONE}/credentials", adding.other_credentials, adding.replace_credentials),
    Place(f"{_ONE}/status", post=accounts.set_status),
    Place(f"{_ONE}/uncertain", post=accounts.set_uncertain),
    Place(f"{_ONE}/verify-token", post=accounts.show_token),
    Place(f"{_ONE}/remove", accounts.ask_to_remove, accounts.remove),
    Place("/t/{slug}/page", page.show, page.change),
)
