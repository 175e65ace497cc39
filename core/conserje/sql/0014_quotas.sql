-- Works with processes of schema 7.
-- How much is kept of what contacts send, so that no contact and no tenant fills the disk.

CREATE TABLE tenant_files (
    tenant_id bigint PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
    bytes     bigint NOT NULL
);
INSERT INTO tenant_files SELECT tenant_id, sum(bytes) FROM files WHERE state = 'kept' GROUP BY tenant_id;

-- Rows of the days before yesterday are pruned.
CREATE TABLE contact_files (
    tenant_id  bigint NOT NULL,
    contact_id bigint NOT NULL,
    day        date NOT NULL,
    bytes      bigint NOT NULL,
    PRIMARY KEY (tenant_id, contact_id, day),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts ON DELETE CASCADE
);
CREATE INDEX contact_files_day ON contact_files (day);

-- What processes of the schemas before keep is not counted, and taken away all the same: never below nothing.
CREATE OR REPLACE FUNCTION files_removed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO removed_files SELECT tenant_id, id FROM removed ON CONFLICT DO NOTHING;
    PERFORM FROM tenant_files WHERE tenant_id IN (SELECT tenant_id FROM removed WHERE bytes > 0)
    ORDER BY tenant_id FOR NO KEY UPDATE;  -- in one order, whichever tenants' files others remove
    UPDATE tenant_files SET bytes = greatest(tenant_files.bytes - gone.bytes, 0)
    FROM (SELECT tenant_id, sum(bytes) AS bytes FROM removed WHERE bytes > 0 GROUP BY tenant_id) AS gone
    WHERE tenant_files.tenant_id = gone.tenant_id;
    RETURN NULL;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_files, contact_files TO conserje_core;
GRANT SELECT, INSERT, UPDATE ON tenant_files, contact_files TO conserje_tenant;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['tenant_files', 'contact_files'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO conserje_tenant '
                       'USING (tenant_id = current_setting(''conserje.tenant'')::bigint)', name);
    END LOOP;
END $$;
