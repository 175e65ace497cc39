"""Strangers at the webhook routes: requests that nobody signed as they are, in any number."""
