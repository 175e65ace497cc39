"""What a file's address tells of it."""

from __future__ import annotations

import pytest

from conserje.contract.message import File

PDF = "application/pdf"


@pytest.mark.parametrize(
    ("file", "kind", "title"),
    [
        (File("https://a.example/docs/factura-12.pdf?sig=abc", PDF), "document", "factura-12.pdf"),
        (File("https://a.example/pan.jpg"), "image", "pan.jpg"),
        (File("https://a.example/PAN.JPG"), "image", "PAN.JPG"),
        (File("https://a.example/pan.PnG?w=1#x"), "image", "pan.PnG"),
        (File("https://a.example/v.mp4", "application/octet-stream"), "video", "v.mp4"),
        (File("https://a.example/a.opus"), "audio", "a.opus"),
        (File("https://a.example/pan.jpg", "IMAGE/JPEG; q=1"), "image", "pan.jpg"),
        (File("https://a.example/pan.jpg", PDF), "document", "pan.jpg"),
        (File("https://a.example/carta", PDF), "document", "carta.pdf"),
        (File("https://a.example/carta%20de%20ni%C3%B1os.pdf"), "document", "carta de niños.pdf"),
        (File("https://a.example/o/docs%2Fcarta%0A1.pdf"), "document", "carta 1.pdf"),
        (File("https://a.example/carta/", PDF), "document", "carta.pdf"),
        (File("https://a.example", PDF, "b.pdf"), "document", "b.pdf"),
        (File("https://a.example/" + "x" * 400, PDF), "document", "x" * 236 + ".pdf"),
        (File("https://a.example/x.pdf", name="carta.pdf"), "document", "carta.pdf"),
        (File("https://[a/x.pdf"), "document", ""),
        (File("kept:12"), "document", ""),
        (File("wamid.jpg"), "document", ""),
        (File("https://a.example/s.webp", sticker=True), "sticker", "s.webp"),
    ],
    ids=lambda value: value.ref[-20:] if isinstance(value, File) else None,
)
def test_an_address_says_what_nobody_else_has_said(file: File, kind: str, title: str) -> None:
    assert (file.kind, file.title) == (kind, title)
