"""What an operator does to the whole installation: backup, restore, retention, a person's rights."""
