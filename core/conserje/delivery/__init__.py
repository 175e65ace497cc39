"""The way of a reply to the provider."""
