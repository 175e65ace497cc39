-- Works with processes of schema 7.
-- Who comes in at the console, and what they did there.

CREATE TABLE logins (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email         text NOT NULL CHECK (email ~ '^[a-z0-9.!#$%&''*+/=?^_`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)*$'
                                       AND length(email) <= 254),
    name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 100 AND name = btrim(name)),
    language      text CHECK (language IN ('es', 'pt', 'en')),      -- none: as the browser asks
    password      text CHECK (password LIKE '$argon2id$%'),         -- its hash
    operator_role text CHECK (operator_role IN ('owner', 'operator', 'reader')),
    created_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (email)
);

-- A person with a role may come in; by which login, they say when they take their invitation.
ALTER TABLE people
    ADD COLUMN role text CHECK (role IN ('owner', 'agent', 'reader')),
    ADD COLUMN login_id bigint REFERENCES logins ON DELETE SET NULL,
    ADD CONSTRAINT people_login_key UNIQUE (tenant_id, login_id);
CREATE INDEX people_of_login ON people (login_id) WHERE login_id IS NOT NULL;

-- One browser in which a login is signed in, by the hash of what its cookie says.
CREATE TABLE sign_ins (
    hash          bytea PRIMARY KEY CHECK (length(hash) = 32),
    login_id      bigint NOT NULL REFERENCES logins ON DELETE CASCADE,
    address       inet,
    agent         text NOT NULL CHECK (length(agent) <= 300),
    created_at    timestamptz NOT NULL DEFAULT now(),
    seen_at       timestamptz NOT NULL DEFAULT now(),
    stepped_up_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sign_ins_login ON sign_ins (login_id);
CREATE INDEX sign_ins_age ON sign_ins (created_at);

CREATE TABLE passkeys (
    id         bytea PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 1023),
    login_id   bigint NOT NULL REFERENCES logins ON DELETE CASCADE,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz
);
CREATE INDEX passkeys_login ON passkeys (login_id);

-- What a passkey is to sign, once.
CREATE TABLE challenges (
    challenge  bytea PRIMARY KEY CHECK (length(challenge) = 32),
    login_id   bigint REFERENCES logins ON DELETE CASCADE,         -- none: whoever signs in
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX challenges_age ON challenges (created_at);

-- Links by which somebody comes in once: the hash of what they say; none until whoever mails one makes it.
CREATE TABLE invitations (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    hash          bytea UNIQUE CHECK (length(hash) = 32),
    kind          text NOT NULL CHECK (kind IN ('invitation', 'reset', 'link')),
    email         text NOT NULL,
    name          text NOT NULL CHECK (length(name) <= 100),
    tenant_id     bigint REFERENCES tenants ON DELETE CASCADE,
    person_id     bigint,
    role          text CHECK (role IN ('owner', 'agent', 'reader')),
    operator_role text CHECK (operator_role IN ('owner', 'operator', 'reader')),
    login_id      bigint REFERENCES logins ON DELETE CASCADE,      -- who signs in by a link
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz NOT NULL,
    due_at        timestamptz,                                      -- when it is mailed, or tried again
    mails         int NOT NULL DEFAULT 0,                           -- so many were tried
    cause         text,                                             -- why the last one failed
    FOREIGN KEY (tenant_id, person_id) REFERENCES people ON DELETE CASCADE,
    CONSTRAINT invitations_email_check CHECK (
        length(email) <= 254 AND (kind = 'reset'  -- for whatever somebody typed
            OR email ~ '^[a-z0-9.!#$%&''*+/=?^_`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)*$')),
    CHECK (CASE WHEN kind <> 'invitation' THEN num_nulls(tenant_id, operator_role) = 2
                WHEN tenant_id IS NULL THEN operator_role IS NOT NULL
                ELSE num_nulls(person_id, role) = 0 AND operator_role IS NULL END)
);
CREATE INDEX invitations_person ON invitations (tenant_id, person_id) WHERE person_id IS NOT NULL;
CREATE INDEX invitations_login ON invitations (login_id) WHERE login_id IS NOT NULL;
CREATE INDEX invitations_age ON invitations (expires_at);
CREATE INDEX invitations_due ON invitations (due_at) WHERE due_at IS NOT NULL;

-- How often somebody tried a password in vain, by account and by where they come from.
CREATE TABLE tries (
    key   text PRIMARY KEY CHECK (length(key) <= 100),
    count int NOT NULL,
    since timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX tries_age ON tries (since);

-- What was done, by whom. A tenant or a login that is gone stays in it; no contact's words ever are.
CREATE TABLE audit (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at            timestamptz NOT NULL DEFAULT now(),
    tenant_id     bigint,                                           -- none: the installation's
    login_id      bigint NOT NULL,
    who           text NOT NULL,                                    -- the login's email
    of_operator   boolean NOT NULL,
    role          text NOT NULL,                                    -- as whom
    act           text NOT NULL CHECK (act ~ '^[a-z_]+[.][a-z_]+$' AND length(act) <= 40),
    of            text NOT NULL CHECK (length(of) <= 200),
    before        jsonb,
    after         jsonb,
    address       inet,
    request_id    text NOT NULL CHECK (length(request_id) <= 100)
);
CREATE INDEX audit_tenant ON audit (tenant_id, id);
CREATE INDEX audit_tenant_act ON audit (tenant_id, act, id);
CREATE INDEX audit_tenant_who ON audit (tenant_id, who, id);
CREATE INDEX audit_act ON audit (act, id);
CREATE INDEX audit_who ON audit (who, id);
CREATE INDEX audit_age ON audit (at);
CREATE UNIQUE INDEX audit_reading
    ON audit (tenant_id, login_id, of, date_trunc('hour', at AT TIME ZONE 'UTC')) WHERE act = 'conversation.read';

-- Nobody changes it; what goes is two years old.
CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE insufficient_privilege USING MESSAGE = 'what the audit says stays';
END $$;
CREATE TRIGGER unchanged BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER kept BEFORE DELETE ON audit FOR EACH ROW WHEN (OLD.at > now() - interval '730 days')
    EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER whole BEFORE TRUNCATE ON audit EXECUTE FUNCTION refuse_change_of_audit();

-- Whose role is another, or who is of the tenant no longer, signs in anew, whoever changed it.
CREATE FUNCTION end_sign_ins() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM sign_ins WHERE login_id = CASE TG_TABLE_NAME WHEN 'logins' THEN OLD.id
        ELSE (to_jsonb(OLD) ->> 'login_id')::bigint END;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION end_sign_ins() FROM PUBLIC;
CREATE TRIGGER role_changed AFTER UPDATE ON people FOR EACH ROW
    WHEN (OLD.login_id IS NOT NULL
          AND (OLD.role, OLD.active, OLD.login_id) IS DISTINCT FROM (NEW.role, NEW.active, NEW.login_id))
    EXECUTE FUNCTION end_sign_ins();
CREATE TRIGGER removed AFTER DELETE ON people FOR EACH ROW WHEN (OLD.login_id IS NOT NULL)
    EXECUTE FUNCTION end_sign_ins();
CREATE TRIGGER role_changed AFTER UPDATE ON logins FOR EACH ROW
    WHEN (OLD.operator_role IS DISTINCT FROM NEW.operator_role) EXECUTE FUNCTION end_sign_ins();

GRANT SELECT, INSERT, UPDATE, DELETE ON logins, sign_ins, passkeys, challenges, invitations, tries
    TO conserje_core;
GRANT SELECT, DELETE ON audit TO conserje_core;
GRANT SELECT ON audit TO conserje_tenant;
GRANT INSERT (tenant_id, login_id, who, of_operator, role, act, of, before, after, address, request_id)
    ON audit TO conserje_core, conserje_tenant;  -- when, nobody says
GRANT USAGE ON SEQUENCE logins_id_seq, invitations_id_seq, audit_id_seq TO conserje_core;
GRANT USAGE ON SEQUENCE audit_id_seq TO conserje_tenant;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY
        ARRAY['logins', 'sign_ins', 'passkeys', 'challenges', 'invitations', 'tries', 'audit']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY core ON %I TO conserje_owner, conserje_core USING (true)', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['invitations', 'audit'] LOOP
        EXECUTE format('CREATE POLICY tenant ON %I TO conserje_tenant '
                       'USING (tenant_id = current_setting(''conserje.tenant'')::bigint)', name);
    END LOOP;
END $$;
