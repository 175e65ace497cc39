-- Works with processes of schema 7.
-- What businesses have said by other ways than Conserje, as hashes: what is said again word for word is the
-- provider's automatic greeting.

CREATE TABLE own_words (
    tenant_id  bigint NOT NULL,
    account_id bigint NOT NULL,
    digest     bytea NOT NULL,
    PRIMARY KEY (tenant_id, account_id, digest),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE
);

GRANT SELECT, INSERT ON own_words TO conserje_core, conserje_tenant;
ALTER TABLE own_words ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON own_words TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON own_words TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);
