"""Leads: contacts who want something, each given to a person of the tenant."""
