-- Works with processes of schema 7.
-- Hours and wordings are what is read of them; what people asked that nobody could answer, without whom.

-- As 0034's, without dates that there are not, hours that end when they begin, and what is no text or too many.
CREATE OR REPLACE FUNCTION are_hours(given jsonb) RETURNS boolean LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    part     text;
    day      text;
    openings jsonb;
BEGIN
    IF given IS NULL THEN
        RETURN NULL;
    END IF;
    IF jsonb_typeof(given) <> 'object' OR given - '{week,exceptions}'::text[] <> '{}' THEN
        RETURN false;
    END IF;
    FOREACH part IN ARRAY ARRAY['week', 'exceptions'] LOOP
        CONTINUE WHEN NOT given ? part;
        IF jsonb_typeof(given -> part) <> 'object' THEN
            RETURN false;
        END IF;
        IF (SELECT count(*) FROM jsonb_object_keys(given -> part)) > 400 THEN
            RETURN false;
        END IF;
        FOR day, openings IN SELECT * FROM jsonb_each(given -> part) LOOP
            IF part = 'week' AND day !~ '^(mon|tues|wednes|thurs|fri|satur|sun)day$' THEN
                RETURN false;
            END IF;
            IF part = 'exceptions' THEN
                IF day !~ '^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$' OR left(day, 4) = '0000' THEN
                    RETURN false;
                END IF;
                IF right(day, 2)::int > extract(day FROM make_date(left(day, 4)::int, substr(day, 6, 2)::int, 1)
                                                         + interval '1 month' - interval '1 day') THEN
                    RETURN false;
                END IF;
            END IF;
            IF jsonb_typeof(openings) <> 'array' THEN
                RETURN false;
            END IF;
            IF jsonb_array_length(openings) > 6 OR EXISTS (
                SELECT FROM jsonb_array_elements(openings) AS each (opening)
                WHERE jsonb_typeof(opening) <> 'string'
                   OR opening #>> '{}' !~ '^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$'
                   OR left(opening #>> '{}', 5) = right(opening #>> '{}', 5)) THEN
                RETURN false;
            END IF;
        END LOOP;
    END LOOP;
    RETURN true;
END $$;

-- Of hours that could not be read, the days stay that can be.
UPDATE tenants SET hours = coalesce((
    SELECT jsonb_object_agg(part, days) FROM (
        SELECT part, coalesce((
            SELECT jsonb_object_agg(day, openings) FROM (
                SELECT day, openings FROM jsonb_each(hours -> part) AS each (day, openings)
                WHERE are_hours(jsonb_build_object(part, jsonb_build_object(day, openings)))
                ORDER BY day DESC LIMIT 400) AS sound), '{}') AS days
        FROM unnest('{week,exceptions}'::text[]) AS parts (part)
        WHERE jsonb_typeof(hours -> part) = 'object') AS kept), '{}')
 WHERE NOT are_hours(hours);

UPDATE questions SET wordings = ARRAY(SELECT each FROM unnest(wordings) AS each WHERE each <> '')
 WHERE array_ndims(wordings) > 1 OR array_position(wordings, NULL) IS NOT NULL OR '' = ANY (wordings);
ALTER TABLE questions ADD CONSTRAINT questions_wordings_flat CHECK (
    coalesce(array_ndims(wordings), 1) = 1 AND array_position(wordings, NULL) IS NULL AND NOT '' = ANY (wordings));

-- The key is the same however a thing is asked; the question is as it was asked first, without what names a person.
CREATE TABLE asked (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    key       text NOT NULL CHECK (length(key) BETWEEN 1 AND 300),
    question  text NOT NULL CHECK (length(question) BETWEEN 1 AND 300),
    times     int NOT NULL DEFAULT 1 CHECK (times > 0),
    last_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, key)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON asked TO conserje_core, conserje_tenant;
ALTER TABLE asked ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON asked TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON asked TO conserje_tenant USING (tenant_id = current_setting('conserje.tenant')::bigint);
