"""The edge: finds the tenant by its host, checks the signature, and acknowledges what is on disk."""
