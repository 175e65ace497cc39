"""Core's own tools that look something up: what the tenant sells, and what it has said about itself."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from conserje.contract.assistant import Product, Result
from conserje.contract.channel import Nothing
from conserje.contract.prices import format_price
from conserje.contract.tool import Call, Tool

MOST = 10  # products
DESCRIBED = 300  # characters of a description


class Words(BaseModel):
    """What is looked for."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=500, description="What is looked for, in the contact's words.")


class SearchProducts(Tool[Words, Nothing, Nothing, Nothing]):
    """Finds what the tenant sells."""

    name = "search_products"
    description = (
        "Looks products up by what a contact calls them: name, price, stock, category and description of"
        " those that fit, surest first. Call it before you name a product, a price or a stock."
    )
    Parameters = Words
    Credentials = Settings = Operator = Nothing

    async def run(self, call: Call[Words, Nothing, Nothing]) -> Result:
        found = await call.products.search(call.arguments.text, MOST)
        if not found:
            return Result("Nothing that is sold fits.")
        return Result("\n".join(_line(each.product, call.tenant.currency) for each in found))


def _line(product: Product, currency: str) -> str:
    stock = "not counted" if product.stock is None else str(product.stock)
    parts = [product.name, format_price(product.price, currency), f"stock: {stock}", product.category]
    return " | ".join(filter(None, [*parts, " ".join(product.description.split())[:DESCRIBED]]))


class SearchKnowledge(Tool[Words, Nothing, Nothing, Nothing]):
    """Finds what the tenant has said about itself."""

    name = "search_knowledge"
    description = (
        "Looks up what the business has said about itself: hours, address, delivery, payment, returns, and"
        " questions with answers. Call it before you state anything of the business."
    )
    Parameters = Words
    Credentials = Settings = Operator = Nothing

    async def run(self, call: Call[Words, Nothing, Nothing]) -> Result:
        found = await call.knowledge.search(call.arguments.text)
        if not found:
            return Result("The business has said nothing of it.")
        return Result("\n\n".join(f"{each.question}\n{each.answer}" for each in found))
