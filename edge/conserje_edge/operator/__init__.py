"""Who may come in where a key is asked for; the operator's health and metrics."""
