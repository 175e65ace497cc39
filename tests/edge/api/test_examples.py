"""The workflows for n8n as files: what a user imports asks for what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from conserje_edge.api.routes import BASE, PLACES

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "examples" / "n8n").glob("*.json"))
MANUAL = (ROOT / "docs" / "n8n.md").read_text()

# Which the n8n has that docs/n8n.md names, and earlier ones.
VERSIONS = {
    "webhook": 2,
    "set": 3.4,
    "if": 2.2,
    "httpRequest": 4.2,
    "postgres": 2.6,
    "removeDuplicates": 2,
    "extractFromFile": 1,
    "crypto": 2,
}
EXPRESSION = re.compile(r"\{\{[^{}]*\}\}")


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def workflow(request: pytest.FixtureRequest) -> dict[str, Any]:
    file: Path = request.param
    found: dict[str, Any] = json.loads(file.read_text())
    assert f"`{file.name}`" in MANUAL
    return found


def test_its_nodes_are_known_and_lead_to_each_other(workflow: dict[str, Any]) -> None:
    for node in workflow["nodes"]:
        kind = node["type"].removeprefix("n8n-nodes-base.")
        assert node["typeVersion"] == VERSIONS[kind], node["name"]
    names = [node["name"] for node in workflow["nodes"]]
    assert len(set(names)) == len(names)
    led_to = [
        way["node"] for each in workflow["connections"].values() for main in each["main"] for way in main
    ]
    assert names[1:] == led_to and [*workflow["connections"]] == names[:-1]


def test_it_lets_in_who_has_a_token_and_names_credentials_that_the_manual_makes(
    workflow: dict[str, Any],
) -> None:
    first = workflow["nodes"][0]["parameters"]
    assert (first["authentication"], first["httpMethod"]) == ("jwtAuth", "POST")
    for node in workflow["nodes"]:
        for credential in node.get("credentials", {}).values():
            assert f"| {credential['name']} |" in MANUAL


def test_what_it_asks_of_the_api_is_there(workflow: dict[str, Any]) -> None:
    known = {(method, re.sub(r"\{\w+\}", "*", place.path)) for place in PLACES for method in place.operations}
    for node in workflow["nodes"]:
        given = node["parameters"]
        if ".conserje }}" in given.get("url", ""):
            path = EXPRESSION.sub("*", given["url"].partition(".conserje }}")[2].partition("?")[0])
            assert (given.get("method", "GET"), path) in known
        for each in given.get("assignments", {}).get("assignments", ()):
            assert each["name"] != "conserje" or each["value"].endswith(BASE)


def test_there_are_some() -> None:
    assert len(FILES) >= 4
