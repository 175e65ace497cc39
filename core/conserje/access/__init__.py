"""Who comes in at the console, what they may do there, and what they did."""
