"""What a tenant sells."""
