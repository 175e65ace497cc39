"""How events become durable, on a node and from providers."""
