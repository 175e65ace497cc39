-- Works with processes of schema 7.
-- Why an assistant said what it said: what it was told, and which models and tools it called. Emptied with the
-- messages.
ALTER TABLE turns
    ADD COLUMN told text CONSTRAINT turns_told_check CHECK (length(told) <= 16000),
    ADD COLUMN calls jsonb;
