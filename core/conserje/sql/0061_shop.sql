-- Works with processes of schema 7.
-- Pictures that a shop's people upload, and lists of products that they look at before these are taken.

CREATE TABLE pictures (
    tenant_id    bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    key          text NOT NULL CHECK (key ~ '^[0-9a-f]{32}$'),  -- of what it shows, so that no browser asks twice
    content_type text NOT NULL CHECK (content_type IN ('image/jpeg', 'image/png', 'image/webp', 'image/gif')),
    content      bytea NOT NULL CHECK (length(content) <= 5242880),
    bytes        int NOT NULL CHECK (bytes > 0),
    made_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, key)
);
ALTER TABLE pictures ALTER content SET STORAGE EXTERNAL;  -- no picture becomes smaller

-- `columns` are those that the list has; of products that are there, the others stay. `wrong` are the lines that
-- cannot be taken, and why. Of what is done the counts stay.
CREATE TABLE imports (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id        bigint GENERATED ALWAYS AS IDENTITY,
    name      text NOT NULL CHECK (length(name) <= 200),
    columns   text[] NOT NULL,
    unused    text[] NOT NULL,
    rows      jsonb NOT NULL,
    wrong     jsonb NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT now(),
    done      jsonb,
    PRIMARY KEY (tenant_id, id)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON pictures, imports TO conserje_core, conserje_tenant;
GRANT USAGE ON SEQUENCE imports_id_seq TO conserje_core, conserje_tenant;

ALTER TABLE pictures ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON pictures TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON pictures TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);
ALTER TABLE imports ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON imports TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON imports TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);

-- A picture of our own is at its shop's host, which has no certificate on the machine of who tries Conserje.
ALTER TABLE products
    DROP CONSTRAINT products_picture_check,
    ADD CONSTRAINT products_picture_check CHECK (
        picture ~ '^((https://[^[:space:]/]+|http://[a-z0-9-]+[.]localhost(:[0-9]+)?)(/[^[:space:]]*)?)?$')
        NOT VALID;  -- what is there has been checked
