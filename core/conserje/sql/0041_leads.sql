-- Works with processes of schema 7.
-- The people of a tenant, and leads: contacts who want something, each given to one of them.

CREATE TABLE people (
    tenant_id bigint NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id        bigint GENERATED ALWAYS AS IDENTITY,
    name      text NOT NULL CHECK (length(name) BETWEEN 1 AND 100 AND name = btrim(name)
                                   AND name NOT IN ('turns', 'least_open')),
    email     text NOT NULL CHECK (email ~ '^[A-Za-z0-9.!#$%&''*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$'
                                   AND length(email) <= 254),
    phone     text CHECK (phone ~ '^\+[0-9]{6,15}$'),
    active    boolean NOT NULL DEFAULT true,
    given_at  timestamptz,                           -- when the last lead was
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);

-- To whom a new lead is given: by turns, to who has the fewest open ones, or to the person of this name.
ALTER TABLE tenants ADD COLUMN lead_rule text NOT NULL DEFAULT 'turns' CHECK (length(lead_rule) BETWEEN 1 AND 100);

CREATE TABLE leads (
    tenant_id       bigint NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    conversation_id bigint NOT NULL,
    contact_id      bigint NOT NULL,
    key             text NOT NULL,                   -- of the call that made it
    wish            bytea NOT NULL,                  -- hash of what is wanted, however it is written
    wanted          text NOT NULL CHECK (length(wanted) BETWEEN 1 AND 500),
    name            text NOT NULL CHECK (length(name) <= 100),
    phone           text NOT NULL CHECK (length(phone) <= 40),
    call_at         text NOT NULL CHECK (length(call_at) <= 100),  -- in the contact's words
    state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed')),
    person_id       bigint,
    created_at      timestamptz NOT NULL DEFAULT now(),
    given_at        timestamptz,
    closed_at       timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, conversation_id, key),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, person_id) REFERENCES people ON DELETE SET NULL (person_id),
    CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
CREATE UNIQUE INDEX leads_open ON leads (tenant_id, contact_id, wish) WHERE state = 'open';
CREATE INDEX leads_of_person ON leads (tenant_id, person_id) WHERE state = 'open';
CREATE INDEX leads_of_contact ON leads (tenant_id, contact_id);
CREATE INDEX leads_closed ON leads (tenant_id, closed_at) WHERE state = 'closed';

-- A notice may tell of a lead; its mail goes to the lead's person.
ALTER TABLE notices ADD COLUMN lead_id bigint, ADD COLUMN mailed_to text;

GRANT SELECT, INSERT, UPDATE, DELETE ON people, leads TO conserje_core;
GRANT SELECT, INSERT, UPDATE ON people, leads TO conserje_tenant;
GRANT USAGE ON SEQUENCE people_id_seq, leads_id_seq TO conserje_core;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['people', 'leads'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
        EXECUTE format('CREATE POLICY tenant ON %I TO conserje_tenant '
                       'USING (tenant_id = current_setting(''conserje.tenant'')::bigint)', name);
    END LOOP;
END $$;
