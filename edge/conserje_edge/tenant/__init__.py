"""What tenants' hosts serve: webhooks, pages, files."""
