"""The routes that the systems before this one had."""
