-- Works with processes of schema 7.
-- Voice notes: which assistant writes them down, if any does, and how often each file was given to it.

ALTER TABLE tenants ADD COLUMN voice_notes text CHECK (voice_notes ~ '^[a-z][a-z0-9_]{0,39}$');

ALTER TABLE files ADD COLUMN hearings int NOT NULL DEFAULT 0;
