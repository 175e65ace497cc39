"""The API: what other systems read and write of tenants, over HTTP."""
