-- Works with processes of schema 7.
-- What is kept of a tenant, and how long. No term: for ever, as it was; tenants that are made from now on have some.

ALTER TABLE tenants
    ADD COLUMN keep_messages interval
        CONSTRAINT tenants_keep_messages_check CHECK (keep_messages BETWEEN '1 day' AND '36500 days'),
    ADD COLUMN keep_files interval  -- none: as long as their messages
        CONSTRAINT tenants_keep_files_check CHECK (keep_files BETWEEN '1 day' AND '36500 days'),
    ADD COLUMN keep_statuses interval
        CONSTRAINT tenants_keep_statuses_check CHECK (keep_statuses BETWEEN '7 days' AND '36500 days'),
    ADD COLUMN context_days int NOT NULL DEFAULT 30
        CONSTRAINT tenants_context_days_check CHECK (context_days BETWEEN 1 AND 36500);
ALTER TABLE tenants
    ALTER COLUMN keep_messages SET DEFAULT '365 days',
    ALTER COLUMN keep_statuses SET DEFAULT '35 days';

-- What could not be read goes 35 days after it came, or 7 after an operator has dropped it: until then its key says
-- that it was taken. What is there already has its time from now on.
ALTER TABLE rejects
    ADD COLUMN dropped_at timestamptz,
    ADD COLUMN goes_at timestamptz NOT NULL DEFAULT now() + interval '35 days';

-- An id that was never given is of a folder that is not this database's.
GRANT SELECT ON SEQUENCE files_id_seq TO conserje_core;
