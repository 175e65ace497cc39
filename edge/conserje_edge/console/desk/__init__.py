"""The list of a tenant's conversations, and its leads."""
