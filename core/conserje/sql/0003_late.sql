-- Messages that come late, what a tenant wants done about them, and what its accounts were asked for.

-- How long after its writing a message was taken, where that is more than the way takes: it was spooled
-- or fetched. `created_at` is then when it was written, as far as is known.
ALTER TABLE messages ADD COLUMN late_by interval;

ALTER TABLE tenants
    ADD COLUMN late_after interval NOT NULL DEFAULT '15 minutes' CHECK (late_after > '0'),
    ADD COLUMN late_rule text NOT NULL DEFAULT 'answer'
        CHECK (late_rule IN ('answer', 'apologise', 'hand_over', 'park')),
    ADD COLUMN late_text text CHECK (late_text ~ '\S' AND length(late_text) <= 1000),
    ADD COLUMN held_text text CHECK (held_text ~ '\S' AND length(held_text) <= 1000);

-- An operator let a parked turn be answered: what was written until then is not late any more.
ALTER TABLE conversations ADD COLUMN unparked_at timestamptz;

-- How far each account's provider was asked for messages that it could not post.
CREATE TABLE fetches (
    tenant_id  bigint NOT NULL,
    account_id bigint NOT NULL,
    cursor     text,
    fetched_at timestamptz NOT NULL DEFAULT now(),
    cause      text,               -- why the last asking failed
    PRIMARY KEY (tenant_id, account_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE
);

GRANT SELECT, INSERT, UPDATE, DELETE ON fetches TO conserje_core;
ALTER TABLE fetches ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON fetches TO conserje_owner, conserje_core USING (true);
