// Keys for those who have them.
