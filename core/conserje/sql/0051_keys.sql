-- Works with processes of schema 7.
-- Keys to the API: what they may do, what they are for, and from where each was used last. Those that are there
-- already, and those that processes of an older release make, open what they opened: the predecessors' routes.

ALTER TABLE api_keys
    ADD COLUMN uses text NOT NULL DEFAULT 'predecessors' CHECK (uses IN ('predecessors', 'api')),
    ADD COLUMN used_from inet,
    DROP CONSTRAINT api_keys_scopes_check,
    ADD CONSTRAINT api_keys_scopes_check
        CHECK (scopes <@ ARRAY['read', 'write', 'send', 'export', 'admin'] AND cardinality(scopes) > 0);
