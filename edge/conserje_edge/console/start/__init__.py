"""The start: first steps, accounts, the chat page, and when the shop is open."""
