"""The console: what people do with a browser, an operator's and a tenant's."""
