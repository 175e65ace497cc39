"""Markdown, in which assistants write, becomes the marks of WhatsApp, or none; what is no mark stays."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conserje.contract.markup import marked

LINK = "https://a.example/x_y_z"

ROWS = [
    # Markdown, WhatsApp, plain
    ("**Total:** $1.990", "*Total:* $1.990", "Total: $1.990"),
    ("__Total__ y **uno *dos* tres**", "*Total* y *uno _dos_ tres*", "Total y uno dos tres"),
    ("***ambas***", "_*ambas*_", "ambas"),
    ("**x** y *cursiva*", "*x* y _cursiva_", "x y cursiva"),
    ("_cursiva_", "_cursiva_", "cursiva"),
    ("~~antes~~ ahora", "~antes~ ahora", "antes ahora"),
    ("# Título", "*Título*", "Título"),
    ("### **Título** ###", "*Título*", "Título"),
    ("* uno\n+ dos\n  - tres", "- uno\n- dos\n  - tres", "- uno\n- dos\n  - tres"),
    ("* **Pan**: $1", "- *Pan*: $1", "- Pan: $1"),
    ("1. **Pan**\n2. Té", "1. *Pan*\n2. Té", "1. Pan\n2. Té"),
    ("> cita **así**", "> cita *así*", "> cita así"),
    (f"[ver]({LINK})", f"ver: {LINK}", f"ver: {LINK}"),
    (f'[**Ver:**]({LINK} "la carta")', f"*Ver:*: {LINK}", f"Ver: {LINK}"),
    ("[https://a.example](https://a.example/)", "https://a.example/", "https://a.example/"),
    ("[a.example](https://a.example)", "https://a.example", "https://a.example"),
    ("[hola@a.example](mailto:hola@a.example)", "hola@a.example", "hola@a.example"),
    ("[llámanos](tel:+56912345678)", "llámanos: +56912345678", "llámanos: +56912345678"),
    ("[arriba](#inicio)", "arriba", "arriba"),
    ("[wiki](https://a.example/a_(b))", "wiki: https://a.example/a_(b)", "wiki: https://a.example/a_(b)"),
    (f"![la foto]({LINK})", f"la foto: {LINK}", f"la foto: {LINK}"),
    (f"<{LINK}>", LINK, LINK),
    (f"**{LINK}**", f"*{LINK}*", LINK),
    ("`a*b*` y ``c`d``", "`a*b*` y `c`d`", "a*b* y c`d"),
    ("```py\nx = **1**\n```", "```\nx = **1**\n```", "x = **1**"),
    ("uno\n---\ndos", "uno\ndos", "uno\ndos"),
    ("| a | **b** |\n|---|:-:|\n| 1 | 2 |", "a | *b*\n1 | 2", "a | b\n1 | 2"),
    (r"\*así\* y 5 \* 3", "*así* y 5 * 3", "*así* y 5 * 3"),
    ("**sin fin\nde línea**", "sin fin\nde línea", "sin fin\nde línea"),
    ("re**alta**do", "realtado", "realtado"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "whatsapp", "plain"), ROWS)
def test_markdown_becomes_what_the_channel_shows(written: str, whatsapp: str, plain: str) -> None:
    assert (marked(written, "whatsapp"), marked(written, "plain")) == (whatsapp, plain)
    assert marked(written, "markdown") == written


@pytest.mark.parametrize(
    "written",
    [
        "2*3*4 = 24, y 5 * 6",
        "mi_archivo_nuevo.pdf",
        "**** **** **** 1234",
        "Precio* (*sujeto a cambios)",
        "~$1.000 o ~2 kilos",
        "#1 en ventas, -5 °C, +56 9 1234 5678",
        "+ 56 9 1234 5678",
        "Nombre: ____",
        f"Mira {LINK}_",
        "¿[sí] o (no)? a < b > c | d",
        "2**8",
        "sin fin ` y ~~",
    ],
)
def test_what_is_no_mark_stays(written: str) -> None:
    assert (marked(written, "whatsapp"), marked(written, "plain")) == (written, written)


def test_whatsapp_s_own_marks_stay_since_a_model_imitates_what_it_has_said() -> None:
    assert marked("*Total:* _hoy_ ~antes~", "whatsapp") == "*Total:* _hoy_ ~antes~"


@pytest.mark.parametrize("written", [row[0] for row in ROWS if "\\" not in row[0]])
def test_what_was_converted_is_converted_no_more(written: str) -> None:
    once = marked(written, "whatsapp")
    assert marked(once, "whatsapp") == once or "```" in once


@settings(deadline=None)
@given(st.text(alphabet="ab *_~`#[](\n>|-+.:/\\", max_size=80))
def test_no_letter_is_lost_or_made_up(written: str) -> None:
    for markup in ("whatsapp", "plain"):
        assert [c for c in marked(written, markup) if c in "ab"] == [c for c in written if c in "ab"]
