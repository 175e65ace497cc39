"""Every place is walked, as everybody: who may is let in, who may not is told so, and others find nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from people import Browser, House, open_house

from conserje.access.acts import ACTS, Act
from conserje.storage.database import Pool
from conserje_edge.console.areas import PLACES
from conserje_edge.console.place import Part, Place

TENANT, OPERATOR = ("owner", "agent", "reader"), ("owner", "operator", "reader")
_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")


def parts() -> Iterator[tuple[str, Place, Part]]:
    for place in PLACES:
        if place.get:
            yield "GET", place, place.get
        if place.post:
            yield "POST", place, place.post


# Who signs out is nobody afterwards.
WALK = sorted(parts(), key=lambda each: "out" in each[1].path)


def path_of(place: Place, part: Part, slug: str = "acme") -> str:
    """An address of the tenant's; its other parameters name nothing that is there."""

    def filled(match: re.Match[str]) -> str:
        return slug if match[1] == "slug" else _example(part.path[match[1]].json_schema())

    return _PARAMETER.sub(filled, place.path)


def _example(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return str(schema["enum"][0])
    return "999999" if schema.get("type") == "integer" else "z" * max(10, schema.get("minLength", 0))


async def ask(browser: Browser, method: str, path: str) -> int:
    leaf = await (browser.get(path, None) if method == "GET" else browser.post(path, None))
    assert leaf.status < 500, (method, path, leaf.text)
    return leaf.status


def reaches(least: str | None, role: str, roles: tuple[str, ...]) -> bool:
    return least is not None and roles.index(role) <= roles.index(least)


def test_each_place_has_a_sentence_and_an_act() -> None:
    for _, place, part in WALK:
        assert not part.is_act or part.act in ACTS, place.path
        assert part.transaction != "tenant" or "{slug}" in place.path, place.path
    paths = [place.path for place in PLACES]
    assert sorted(set(paths)) == sorted(paths)


@pytest.mark.parametrize("role", TENANT)
async def test_a_role_of_the_tenant_s_reaches_as_far_as_it_does(console: House, role: Any) -> None:
    await console.tenant("acme")
    somebody = await console.as_(role)
    for method, place, part in WALK:
        if place.path.startswith("/o/"):
            assert await ask(somebody, method, path_of(place, part)) == 404, (method, place.path)
        elif part.is_act:
            act = ACTS[part.act]
            allowed = act.own or ("{slug}" in place.path and reaches(act.tenant, role, TENANT))
            await _meets(somebody, method, place, part, allowed)


@pytest.mark.parametrize("role", OPERATOR)
async def test_a_role_of_the_operator_s_reaches_as_far_as_it_does(console: House, role: Any) -> None:
    await console.tenant("acme")
    somebody = await console.as_operator(role)
    for method, place, part in WALK:
        if part.is_act:
            act = ACTS[part.act]
            await _meets(somebody, method, place, part, act.own or reaches(act.operator, role, OPERATOR))


async def _meets(somebody: Browser, method: str, place: Place, part: Part, allowed: bool) -> None:
    status = await ask(somebody, method, path_of(place, part))
    assert (status != 403) if allowed else (status == 403), (method, place.path, part.act, status)
    if allowed and method == "GET" and not part.path:
        assert status in (200, 303), (place.path, status)


async def test_another_tenant_s_owner_finds_nothing(console: House) -> None:
    await console.tenant("acme")
    stranger = await console.as_("owner", "bravo")
    for method, place, part in WALK:
        if "{slug}" in place.path and not part.is_open:
            assert await ask(stranger, method, path_of(place, part)) == 404, (method, place.path)
            assert await ask(stranger, method, path_of(place, part, "nobody")) == 404, (method, place.path)


async def test_nobody_is_led_to_the_door(console: House) -> None:
    await console.tenant("acme")
    nobody = await console.nobody()
    for method, place, part in WALK:
        status = await ask(nobody, method, path_of(place, part))
        if not part.is_open:
            assert status == 303, (method, place.path, status)


async def test_what_is_guarded_is_not_done_without_a_second_look(console: House) -> None:
    await console.tenant("acme")
    owner = await console.as_operator("owner")
    await console.forget_step_up(owner)
    for method, place, part in WALK:
        if part.is_act and _guards(ACTS[part.act]):
            leaf = await (owner.get if method == "GET" else owner.post)(path_of(place, part), 303)
            assert leaf.answer.headers["location"].startswith("/step-up?next="), place.path


def _guards(act: Act) -> bool:
    return act.step_up and (act.own or act.operator is not None)


async def test_every_page_is_made_in_every_language(pool: Pool, database_url: str, keyring: Path) -> None:
    """Empty ones; what each shows when it is full is its own test's."""
    async with open_house(pool, database_url, keyring) as house:
        for language in ("es", "pt", "en"):
            people = (
                await house.as_("owner", language=language),
                await house.as_operator("owner", language=language),
            )
            for method, place, part in WALK:
                if method == "GET" and not part.path:
                    for somebody in people:
                        leaf = await somebody.get(path_of(place, part), None)
                        if leaf.status == 200 and leaf.answer.headers["content-type"].startswith("text/html"):
                            tags = dict(leaf.tags)
                            assert tags["html"]["lang"] == language, place.path
                            assert leaf.title and "h1" in tags, place.path
