"""Tenants and their accounts: rows, secrets, and how they are found."""
