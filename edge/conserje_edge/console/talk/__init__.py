"""The talk: one conversation, and the contact who has it."""
