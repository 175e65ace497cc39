-- Works with processes of schema 7.
-- Contacts that were forgotten: that it was done, and their addresses as hashes.

-- A contact's row may be gone by then: what restores an older backup forgets them again.
CREATE TABLE forgotten (
    tenant_id    bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    contact_id   bigint NOT NULL,
    forgotten_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, contact_id)
);

-- What was written before the forgetting and comes after it is dropped. Who wanted no more messages is not
-- written to again because of it: the next conversation of theirs has what they wanted, once.
CREATE TABLE forgotten_addresses (
    tenant_id    bigint NOT NULL,
    account_id   bigint NOT NULL,
    digest       bytea NOT NULL,
    forgotten_at timestamptz NOT NULL DEFAULT now(),
    opted_out    text CHECK (opted_out IN ('all', 'marketing')),
    PRIMARY KEY (tenant_id, account_id, digest),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts ON DELETE CASCADE
);

-- By what stays the same where a tenant moves to another installation, and by no number of this one.
CREATE FUNCTION address_digest(tenant bigint, account bigint, known_as text) RETURNS bytea
LANGUAGE sql STABLE STRICT AS $$
    SELECT sha256(convert_to(coalesce(first_slug, slug) || ' ' || channel || ' ' || known_as, 'UTF8'))
    FROM tenants JOIN accounts ON tenant_id = tenants.id WHERE tenants.id = tenant AND accounts.id = account
$$;

-- Whether this was written before its contact was forgotten. Most accounts have forgotten nobody.
CREATE FUNCTION is_forgotten(tenant bigint, account bigint, known_as text, written_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM forgotten_addresses WHERE tenant_id = tenant AND account_id = account)
       AND EXISTS (SELECT FROM forgotten_addresses
                   WHERE tenant_id = tenant AND account_id = account
                     AND digest = address_digest(tenant, account, known_as) AND forgotten_at >= written_at);
END $$;

CREATE FUNCTION still_opted_out() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wanted text;
BEGIN
    IF NOT EXISTS (SELECT FROM forgotten_addresses
                   WHERE tenant_id = NEW.tenant_id AND account_id = NEW.account_id) THEN
        RETURN NULL;
    END IF;
    SELECT opted_out INTO wanted FROM forgotten_addresses
     WHERE tenant_id = NEW.tenant_id AND account_id = NEW.account_id AND opted_out IS NOT NULL
       AND digest = address_digest(NEW.tenant_id, NEW.account_id, NEW.peer) FOR UPDATE;
    IF FOUND THEN
        UPDATE conversations SET opted_out = wanted WHERE tenant_id = NEW.tenant_id AND id = NEW.id;
        INSERT INTO consents (tenant_id, conversation_id, change, source, cause)
        VALUES (NEW.tenant_id, NEW.id, CASE wanted WHEN 'all' THEN 'out' ELSE 'marketing out' END, 'operator',
                'The contact said so before they were forgotten.');
        UPDATE forgotten_addresses SET opted_out = NULL
         WHERE tenant_id = NEW.tenant_id AND account_id = NEW.account_id
           AND digest = address_digest(NEW.tenant_id, NEW.account_id, NEW.peer);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER still_opted_out AFTER INSERT ON conversations FOR EACH ROW EXECUTE FUNCTION still_opted_out();

-- Of one who is forgotten it stays that there was a sign, and not the words.
GRANT UPDATE (cause) ON consents TO conserje_core;
GRANT DELETE ON own_words TO conserje_core;
GRANT SELECT, INSERT, UPDATE, DELETE ON forgotten, forgotten_addresses TO conserje_core;
GRANT SELECT ON forgotten, forgotten_addresses TO conserje_tenant;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['forgotten', 'forgotten_addresses'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO conserje_tenant '
                       'USING (tenant_id = current_setting(''conserje.tenant'')::bigint)', name);
    END LOOP;
END $$;
