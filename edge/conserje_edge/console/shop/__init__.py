"""What a shop sells and says, and who answers for it, changed by its owner."""
