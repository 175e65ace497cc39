"""Mail and webhooks to a shop's people that somebody waits."""
