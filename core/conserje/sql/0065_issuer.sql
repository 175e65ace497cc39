-- Works with processes of schema 7.
-- Who comes in at the console as an issuer (OpenID Connect) knows them, and who is on the way there and back.

ALTER TABLE logins
    ADD COLUMN issuer text CHECK (length(issuer) <= 500),
    ADD COLUMN subject text CHECK (length(subject) BETWEEN 1 AND 255),  -- who it is there
    ADD CONSTRAINT logins_subject_whole CHECK (num_nulls(issuer, subject) <> 1),
    ADD CONSTRAINT logins_subject_key UNIQUE (issuer, subject);

-- One browser that is at the issuer's, by the hash of what its cookie says.
CREATE TABLE detours (
    hash       bytea PRIMARY KEY CHECK (length(hash) = 32),
    kind       text NOT NULL CHECK (kind IN ('sign-in', 'step-up', 'keep', 'join')),
    login_id   bigint REFERENCES logins ON DELETE CASCADE,
    next       text NOT NULL CHECK (length(next) <= 2000),        -- the page that is seen afterwards
    invitation bytea CHECK (length(invitation) = 32),             -- the hash of the one that is taken
    created_at timestamptz NOT NULL DEFAULT now(),
    CHECK ((login_id IS NOT NULL) = (kind IN ('step-up', 'keep'))),
    CHECK ((invitation IS NOT NULL) = (kind = 'join'))
);
CREATE INDEX detours_login ON detours (login_id) WHERE login_id IS NOT NULL;
CREATE INDEX detours_age ON detours (created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON detours TO conserje_core;
ALTER TABLE detours ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON detours TO conserje_owner, conserje_core USING (true);
