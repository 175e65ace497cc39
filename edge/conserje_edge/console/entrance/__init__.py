"""Who comes in, and who may: sign-in, invitations, people, logins, and who did what."""
