"""The files that contacts send, kept and served."""
