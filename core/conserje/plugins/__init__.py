"""Plugins: found and loaded each for itself, and every call of one guarded."""
