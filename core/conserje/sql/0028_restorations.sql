-- Works with processes of schema 7.
-- Which backups this database was restored from; until somebody resumes, nothing leaves and nothing is answered.

CREATE TABLE restorations (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source      text NOT NULL,         -- the name of the backup
    made_at     timestamptz,           -- when that was made; none: it does not say
    log_until   timestamptz,           -- up to when what came later was known of consents and the forgotten
    restored_at timestamptz NOT NULL DEFAULT now(),
    resumed_at  timestamptz            -- what was written before may have been answered by another installation
);

GRANT SELECT ON restorations TO conserje_core, conserje_tenant;
ALTER TABLE restorations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON restorations TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON restorations TO conserje_tenant USING (true);
