"""What no plugin can send past: consent and the provider's window."""
