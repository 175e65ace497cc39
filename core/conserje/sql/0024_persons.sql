-- Works with processes of schema 7.
-- Who of the tenant's people answers, so that contacts see it: NULL is nobody, '' somebody without a name.
ALTER TABLE conversations ADD COLUMN person text;  -- who has it
ALTER TABLE turns ADD COLUMN person text;          -- who wrote
