"""The columns of a list of products, as tenants head them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from conserje.contract.opt_out import bare

COLUMNS = ("name", "price", "stock", "category", "description", "keywords", "picture", "link")
ON_SALE = "on_sale"  # a column that may be there beside
_HEADS = {
    "name": ("nombre", "producto", "nome", "product"),
    "price": ("precio", "valor", "preco"),
    "stock": ("existencias", "cantidad", "inventario", "estoque"),
    "category": ("categoria", "rubro"),
    "description": ("descripcion", "detalle", "descricao"),
    "keywords": ("palabras clave", "palabras", "etiquetas", "palavras chave"),
    "picture": ("foto", "imagen", "image", "imagem"),
    "link": ("enlace", "url", "pagina"),
    ON_SALE: ("on sale", "en venta", "a venda", "disponible", "disponivel"),
}
_MEANT = {head: column for column, heads in _HEADS.items() for head in (column, *heads)}


def column_of(head: str) -> str:
    """The column that a head means; the head itself, where it means none."""
    return _MEANT.get(" ".join(bare(head).lower().replace("_", " ").split()), head)


def unknown(heads: Iterable[str]) -> list[str]:
    """The heads that mean no column."""
    return [head for head in heads if column_of(head) not in (*COLUMNS, ON_SALE)]


def with_columns(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row by its columns, whatever its heads are."""
    return {column_of(head): value for head, value in row.items()}
