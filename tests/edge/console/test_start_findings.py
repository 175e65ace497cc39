"""What is found out about an account is said in the person's language, where it is a sentence of ours."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import ModuleType

import pytest
from people import House

import conserje_meta.doctor
import conserje_twilio.doctor
from conserje.operations import checkup
from conserje_edge.console.start import findings

ACCOUNT = """
INSERT INTO accounts (tenant_id, channel, address, checked) VALUES ($1, 'twilio', '+5622', $2::text::jsonb)
RETURNING id
"""
CHECKED = """
{"at": "2026-03-01T00:00:00Z", "findings": [
  {"level": "error", "text": "+5622 is no number of this Twilio account.",
   "remedy": "See the Twilio console.", "posts_to": null},
  {"level": "error", "text": "Zut: <b>it</b>", "remedy": "", "posts_to": null}]}
"""
# Whose words are mostly the provider's; and refusals of what a person has asked for, which are no findings.
THEIRS = {"x is x.", "x is no x of this Twilio account.", "Meta refuses: x", "Twilio lists too many senders."}


def sentences(module: ModuleType) -> Iterator[str]:
    """What stands in its code with a capital or a name first and a full stop last, but docstrings."""
    tree = ast.parse(inspect.getsource(module))
    explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in explained | parts:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        elif isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        else:
            continue
        if " " in text and text.endswith(".") and (text[0].isupper() or text[0] == "x"):
            yield text


@pytest.mark.parametrize("module", [conserje_twilio.doctor, conserje_meta.doctor])
def test_each_finding_of_our_channels_has_words(module: ModuleType) -> None:
    found = set(sentences(module)) - THEIRS
    assert len(found) > 8
    assert not [each for each in found if not known(each)]


def known(said: str) -> bool:
    return any(findings._values(each, said) is not None for each in findings.SAID)


@pytest.mark.parametrize("said", [checkup._AGAIN, "The provider gave no answer within 20 s."])
def test_so_have_those_of_core(said: str) -> None:
    assert known(said)


@pytest.mark.parametrize(
    ("sentence", "said", "values"),
    [
        ("A %(x)s, not %(y)s.", "A b, c, not d.", {"x": "b, c", "y": "d"}),
        ("A %(x)s.", "A .", None),
        ("A %(x)s.", "B b.", None),
        ("A %(x)s, not %(y)s.", "A b.", None),
        ("%(x)s is on.", "it is on.", {"x": "it"}),
        ("%(x)s: %(y)s", "a: b: c", {"x": "a", "y": "b: c"}),
        ("A.", "A.", {}),
    ],
)
def test_what_stands_where_names_are(sentence: str, said: str, values: dict[str, str] | None) -> None:
    assert findings._values(sentence, said) == values


async def test_an_owner_reads_it_in_their_language(console: House) -> None:
    owner = await console.as_("owner", language="es")
    id = await console.pool.fetchval(ACCOUNT, console.tenant_ids["acme"], CHECKED)
    page = await owner.get(f"/t/acme/accounts/{id}")
    assert "+5622 no es un número de esta cuenta de Twilio. Mira la consola de Twilio." in page.text
    assert '<span lang="en" dir="auto">Zut: &lt;b&gt;it&lt;/b&gt;</span>' in page.answer.text
