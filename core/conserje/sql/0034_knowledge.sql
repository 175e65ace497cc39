-- Works with processes of schema 7.
-- What a tenant has said about itself: hours beside its name, since each page asks for them; facts; questions.

-- The form of hours: {"week": {"monday": ["09:00-13:00"]}, "exceptions": {"2026-12-25": []}}.
CREATE FUNCTION are_hours(given jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT jsonb_typeof(given) = 'object' AND given - '{week,exceptions}'::text[] = '{}'
       AND NOT EXISTS (
        SELECT FROM (VALUES ('week', '^(mon|tues|wednes|thurs|fri|satur|sun)day$'),
                            ('exceptions', '^\d{4}-\d\d-\d\d$')) AS parts (part, days),
                    jsonb_each(CASE jsonb_typeof(given -> part)
                               WHEN 'object' THEN given -> part ELSE jsonb_build_object('', coalesce(given -> part, '[]')) END)
                    AS listed (day, openings)
        WHERE NOT (given -> part IS NULL OR day ~ days AND jsonb_typeof(openings) = 'array' AND NOT EXISTS (
            SELECT FROM jsonb_array_elements(
                       CASE jsonb_typeof(openings) WHEN 'array' THEN openings ELSE '[]' END) AS each (opening)
            WHERE opening #>> '{}' !~ '^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$')))
$$;

ALTER TABLE tenants ADD COLUMN hours jsonb CONSTRAINT tenants_hours_check CHECK (are_hours(hours));

CREATE TABLE facts (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    name      text NOT NULL CHECK (name IN ('address', 'address.place', 'delivery.where', 'delivery.cost',
                                            'delivery.time', 'payment', 'returns', 'wholesale', 'invoices')),
    said      text NOT NULL CHECK (length(said) BETWEEN 1 AND 2000),
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE questions (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    question  text NOT NULL CHECK (length(question) BETWEEN 1 AND 300),
    answer    text NOT NULL CHECK (length(answer) BETWEEN 1 AND 2000),
    wordings  text[] NOT NULL DEFAULT '{}' CHECK (cardinality(wordings) <= 20 AND length(wordings::text) <= 12500),
    PRIMARY KEY (tenant_id, question)
);

-- A channel of its own, as products have.
CREATE FUNCTION knowledge_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(tenant_id) INTO ids
        FROM (SELECT tenant_id FROM changed UNION SELECT tenant_id FROM replaced) AS both_sides;
    ELSE
        SELECT array_agg(DISTINCT tenant_id) INTO ids FROM changed;
    END IF;
    IF ids IS NOT NULL THEN
        PERFORM pg_notify('conserje_knowledge',
                          CASE WHEN cardinality(ids) <= 300 THEN array_to_string(ids, ',') ELSE '*' END);
    END IF;
    RETURN NULL;
END $$;

-- The hours of the page were its account's setting `hours`. The release before reads and writes them there, so that
-- the week is the same in both until a later release takes the setting away.
CREATE FUNCTION hours_of_page() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    written jsonb := jsonb_build_object('week', coalesce(NEW.settings -> 'hours', '{}'));
BEGIN
    IF are_hours(written) THEN  -- what is none was never shown either
        UPDATE tenants SET hours = coalesce(hours, '{}') || written
         WHERE id = NEW.tenant_id AND coalesce(hours -> 'week', '{}') <> written -> 'week';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER hours_of_new_page AFTER INSERT ON accounts
    FOR EACH ROW WHEN (NEW.channel = 'web' AND NEW.settings ? 'hours') EXECUTE FUNCTION hours_of_page();
CREATE TRIGGER hours_of_page AFTER UPDATE OF settings ON accounts
    FOR EACH ROW WHEN (NEW.channel = 'web' AND OLD.settings -> 'hours' IS DISTINCT FROM NEW.settings -> 'hours')
    EXECUTE FUNCTION hours_of_page();

CREATE FUNCTION hours_of_tenant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE accounts SET settings = settings || jsonb_build_object('hours', coalesce(NEW.hours -> 'week', '{}'))
     WHERE tenant_id = NEW.id AND channel = 'web'
       AND coalesce(settings -> 'hours', '{}') <> coalesce(NEW.hours -> 'week', '{}');
    RETURN NULL;
END $$;
CREATE TRIGGER hours_of_tenant AFTER UPDATE OF hours ON tenants
    FOR EACH ROW WHEN (OLD.hours IS DISTINCT FROM NEW.hours) EXECUTE FUNCTION hours_of_tenant();

UPDATE tenants SET hours = jsonb_build_object('week', settings -> 'hours')
FROM accounts
WHERE tenant_id = tenants.id AND channel = 'web' AND settings ? 'hours'
  AND are_hours(jsonb_build_object('week', settings -> 'hours'));

REVOKE EXECUTE ON FUNCTION hours_of_page(), hours_of_tenant() FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON facts, questions TO conserje_core, conserje_tenant;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['facts', 'questions'] LOOP
        EXECUTE format('CREATE TRIGGER announce_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS changed '
                       'FOR EACH STATEMENT EXECUTE FUNCTION knowledge_changed()', name);
        EXECUTE format('CREATE TRIGGER announce_update AFTER UPDATE ON %I '
                       'REFERENCING OLD TABLE AS replaced NEW TABLE AS changed '
                       'FOR EACH STATEMENT EXECUTE FUNCTION knowledge_changed()', name);
        EXECUTE format('CREATE TRIGGER announce_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS changed '
                       'FOR EACH STATEMENT EXECUTE FUNCTION knowledge_changed()', name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO conserje_tenant '
                       'USING (tenant_id = current_setting(''conserje.tenant'')::bigint)', name);
    END LOOP;
END $$;
