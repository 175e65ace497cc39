"""Mail and webhooks to a shop's people: somebody waits, wants something, or an account is ill."""
