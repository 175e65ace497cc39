"""A host that is nobody's: browsers get a page in their language, all others a problem document."""

from __future__ import annotations

import pytest
from doorway import Edge

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.mark.parametrize("host", ["nobody.localhost", "shop.example.com", "localhost", "10.0.0.7"])
@pytest.mark.parametrize(
    ("languages", "language", "said"),
    [
        ("", "es", "Aquí no hay nadie"),
        ("de-DE,de;q=0.9", "es", "Aquí no hay nadie"),
        ("pt-BR,pt;q=0.9,en;q=0.5", "pt", "Não há ninguém aqui"),
        ("fr, en-GB;q=0.9", "en", "Nobody is here"),
    ],
)
async def test_a_browser_gets_a_page(edge: Edge, host: str, languages: str, language: str, said: str) -> None:
    headers = {"host": host, "accept": BROWSER, "accept-language": languages}
    answer = await edge.http.get("http://edge/", headers=headers)
    assert answer.status_code == 404 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert f'<html lang="{language}">' in answer.text and said in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"] and answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("accept", ["", "*/*", "application/json"])
async def test_whoever_is_no_browser_gets_a_document(edge: Edge, accept: str) -> None:
    answer = await edge.http.get("http://edge/", headers={"host": "nobody.localhost", "accept": accept})
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"


async def test_what_is_missing_at_a_tenant_s_host_is_a_document(edge: Edge) -> None:
    headers = {"host": "acme.localhost", "accept": BROWSER}
    answer = await edge.http.get("http://edge/nothing", headers=headers)
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"
