"""Every operation is walked: who may ask it, and that whoever may not is told the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from other_system import System, open_system

from conserje.storage.database import Pool
from conserje.tenants.api_keys import SCOPES
from conserje_edge.api.operation import Operation
from conserje_edge.api.routes import PLACES


def walk() -> Iterator[tuple[str, str, Operation]]:
    for place in PLACES:
        for method, operation in place.operations.items():
            yield method, place.path, operation


WALK = sorted(walk(), key=lambda each: each[0] == "DELETE")


def path_of(path: str, slug: str, operation: Operation) -> str:
    """A path of the tenant's; its other parameters name nothing that is there."""

    def filled(match: re.Match[str]) -> str:
        if match[1] == "slug":
            return slug
        kind = operation.path[match[1]].json_schema().get("type")
        return "999999" if kind == "integer" else "zzzzzzzzzz"

    return re.sub(r"\{(\w+)(?::\w+)?\}", filled, path)


@pytest.mark.parametrize("named", ["nobody", "old", "another"])
async def test_who_has_no_business_there_is_told_nothing(
    pool: Pool, database_url: str, keyring: Path, named: str
) -> None:
    async with open_system(pool, database_url, keyring, peer="203.0.113.9") as system:
        acme, bravo = await system.add("acme"), await system.add("bravo")
        holder = {
            "nobody": {},
            "old": await system.old_key(acme),
            "another": await system.key(bravo),
        }[named]
        for method, path, operation in WALK:
            answer = await system.ask(method, path_of(path, "acme", operation), headers=holder)
            code = answer.json().get("code")
            if named == "another" and "{slug}" not in path:
                continue  # it is asked of the installation, or of the key's own tenant
            expected = {"nobody": (401, "no-key"), "old": (403, "old-key"), "another": (404, "not-found")}
            assert (answer.status_code, code) == expected[named], (method, path)
        assert await pool.fetchval("SELECT count(*) FROM tenants WHERE status = 'active'") == 2


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_tenant_s_key_reaches_as_far_as_its_scope(system: System, scope: str) -> None:
    holder = await system.key(await system.add("acme"), scope)
    for method, path, operation in WALK:
        answer = await system.ask(method, path_of(path, "acme", operation), headers=holder)
        code = answer.json().get("code") if answer.content else None
        if operation.whose == "operator":
            assert code == "operator-only", (method, path)
        elif operation.scope != scope:
            assert (answer.status_code, code) == (403, "scope-missing"), (method, path)
        else:
            assert answer.status_code not in (401, 403, 500, 503), (method, path, answer.text)


async def test_the_operator_is_refused_nothing(system: System) -> None:
    await system.add("acme")
    holder = await system.key(None)
    for method, path, operation in WALK:
        for headers in ({}, holder):
            answer = await system.ask(method, path_of(path, "acme", operation), headers=headers)
            assert answer.status_code not in (401, 403, 405, 500, 503), (method, path, answer.text)


async def test_what_there_is_not_is_the_same_to_the_operator(system: System) -> None:
    for method, path, operation in WALK:
        if "{slug}" in path:
            for slug in ("nobody", "%00", "A", "-"):
                answer = await system.ask(method, path_of(path, slug, operation))
                assert (answer.status_code, answer.json()["code"]) == (404, "not-found"), (method, path)


def test_each_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    names = [operation.name for _, _, operation in walk()]
    assert len(names) == len(set(names))
    for _, path, operation in walk():
        assert operation.summary.endswith("."), path
        assert operation.path.keys() == {*re.findall(r"\{(\w+)", path)} - {"slug"}, path
