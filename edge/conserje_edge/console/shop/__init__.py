"""The shop: products, knowledge, and the assistant that tells of them."""
