"""The desk: a tenant's conversations, as they come."""
