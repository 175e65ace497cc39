-- Works with processes of schema 7.
-- When a tenant's people were last mailed to, so that what comes soon after is one mail.

CREATE TABLE mailings (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    recipient text NOT NULL,
    mailed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, recipient)
);

CREATE INDEX notices_mail ON notices (tenant_id, due_at) WHERE kind = 'email' AND due_at IS NOT NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON mailings TO conserje_core, conserje_tenant;
ALTER TABLE mailings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON mailings TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON mailings TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);
