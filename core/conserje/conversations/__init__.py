"""What tenants and their contacts say to each other: the rows."""
