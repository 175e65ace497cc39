-- Works with processes of schema 7.
-- A tenant that is called otherwise is still found where it was, and nobody else can be.

CREATE TABLE former_slugs (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    slug      text NOT NULL UNIQUE,
    until     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, slug)
);

-- What the cookies of its visitors are sealed to goes on, whatever it is called.
ALTER TABLE tenants ADD COLUMN first_slug text;

-- Two that take one slug in the same moment: whose it is now is found, not whose it was.
CREATE FUNCTION keep_slug() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM former_slugs WHERE slug = NEW.slug AND tenant_id <> NEW.id AND until > now()) THEN
        RAISE unique_violation USING MESSAGE = 'the slug is reserved', CONSTRAINT = 'former_slugs_slug_key';
    END IF;
    DELETE FROM former_slugs WHERE slug = NEW.slug;
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO former_slugs (tenant_id, slug, until) VALUES (NEW.id, OLD.slug, now() + interval '90 days')
        ON CONFLICT (slug) DO UPDATE SET tenant_id = excluded.tenant_id, until = excluded.until;
        NEW.first_slug := coalesce(OLD.first_slug, OLD.slug);
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER keep_slug_of_new BEFORE INSERT ON tenants FOR EACH ROW EXECUTE FUNCTION keep_slug();
CREATE TRIGGER keep_slug_of_changed BEFORE UPDATE OF slug ON tenants
    FOR EACH ROW WHEN (OLD.slug <> NEW.slug) EXECUTE FUNCTION keep_slug();

CREATE TRIGGER announce_insert AFTER INSERT ON former_slugs REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_changed();
CREATE TRIGGER announce_update AFTER UPDATE ON former_slugs REFERENCING OLD TABLE AS replaced NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_changed();
CREATE TRIGGER announce_delete AFTER DELETE ON former_slugs REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tenants_changed();

GRANT SELECT, INSERT, UPDATE, DELETE ON former_slugs TO conserje_core;
GRANT SELECT ON former_slugs TO conserje_tenant;
ALTER TABLE former_slugs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON former_slugs TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON former_slugs TO conserje_tenant
    USING (tenant_id = current_setting('conserje.tenant')::bigint);
