"""The operator's pages: tenants, what is held, plugins, machines, backups."""
