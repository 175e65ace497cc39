"""Stand-ins for the providers: they refuse what the real ones refuse."""
