-- Works with processes of schema 7.
-- Visitors of pages: who the tenant's own site says that they are, and how much they have uploaded.

ALTER TABLE contacts
    ADD COLUMN phone text NOT NULL DEFAULT '',
    ADD COLUMN vouched_at timestamptz;  -- since then name and phone are what the tenant's site vouches for

-- On a day: of a session, and from an address. Rows of the days before yesterday are pruned.
CREATE TABLE uploads (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    day       date NOT NULL,
    who       bytea NOT NULL,  -- a keyed hash of the session's id, or of the address and the day
    files     int NOT NULL,
    bytes     bigint NOT NULL,
    PRIMARY KEY (tenant_id, day, who)
);
CREATE INDEX uploads_day ON uploads (day);

GRANT USAGE ON SEQUENCE files_id_seq TO conserje_core;
GRANT SELECT, INSERT, UPDATE, DELETE ON uploads TO conserje_core;
GRANT SELECT ON uploads TO conserje_tenant;

ALTER TABLE uploads ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON uploads TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON uploads TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);
