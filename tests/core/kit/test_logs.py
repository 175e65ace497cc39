"""The log of a plugin: no secret, one line."""

from __future__ import annotations

import logging

import pytest

from conserje.kit import logger

NAME = "conserje_acme.kit"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "It asks https://api.acme.example/bot123:S3CRETO/send?a=1 again",
            "It asks https://api.acme.example/",
        ),
        ("authorization: Bearer S3CRETOS3CRETO", "authorization: Bearer"),
        ("token=S3CRETO1", "token="),
        ("hola\r\n2026-01-01 CRITICAL root: forged", "hola 2026-01-01 CRITICAL root: forged"),
        ("x" * 5000, "x" * 1000),
    ],
)
def test_a_line_is_one_without_secrets(said: str, shown: str, caplog: pytest.LogCaptureFixture) -> None:
    logger(NAME).warning("%s", said)
    [record] = caplog.records
    assert record.getMessage().startswith(shown)
    assert "S3CRETO" not in record.getMessage() and "\n" not in record.getMessage()
    assert len(record.getMessage()) <= 1000


def test_an_error_is_told_by_kind_and_place(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise RuntimeError("of Ana, who wrote hola")
    except RuntimeError:
        logger(NAME).exception("It failed")
    assert "RuntimeError at " in caplog.text and "test_logs.py" in caplog.text
    assert "Ana" not in caplog.text


def test_arguments_that_do_not_fit_raise_nothing(caplog: pytest.LogCaptureFixture) -> None:
    logger(NAME).error("%d of %d", "one")
    assert caplog.messages == ["%d of %d"]


def test_it_is_the_module_s_own_however_often_it_is_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    assert logger(NAME) is logger(NAME) is logging.getLogger(NAME)
    assert len(logger(NAME).filters) == 1
