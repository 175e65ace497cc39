-- Works with processes of schema 3.
-- What contacts want, and how a message leaves when the contact wrote too long ago.

-- None: everything; marketing: no templates; all: nothing.
ALTER TABLE conversations ADD COLUMN opted_out text
    CONSTRAINT conversations_opted_out_check CHECK (opted_out IN ('all', 'marketing'));

-- Every change of it. The last one's confirmation is the only message that an opt-out lets through.
CREATE TABLE consents (
    tenant_id       bigint NOT NULL,
    conversation_id bigint NOT NULL,
    id              bigint GENERATED ALWAYS AS IDENTITY,
    change          text NOT NULL CHECK (change IN ('out', 'in', 'marketing out', 'marketing in')),
    source          text NOT NULL CHECK (source IN ('contact', 'provider', 'operator')),
    cause           text NOT NULL,  -- the contact's word, the provider's sign
    confirmation_id bigint,         -- the message that told the contact
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, conversation_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations ON DELETE CASCADE
);

GRANT SELECT, INSERT ON consents TO conserje_core, conserje_tenant;
ALTER TABLE consents ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY core ON consents TO conserje_owner, conserje_core USING (true);
CREATE POLICY tenant ON consents TO conserje_tenant
    USING (tenant_id = current_setting('conserje.tenant')::bigint);

-- The template in whose place for "{text}" a reply leaves outside the window.
ALTER TABLE accounts ADD COLUMN window_template jsonb CONSTRAINT accounts_window_template_check CHECK (
    jsonb_typeof(window_template) = 'object' AND window_template @? '$ ? (@.name.type() == "string" && @.name like_regex "\\S"
        && (!exists(@.language) || @.language.type() == "string")
        && (!exists(@.values) || @.values.type() == "array")
        && !exists(@.values[*] ? (@.type() != "string")))'
);

-- The provider's name for the message when it was outside the window, empty where it got none. What is
-- reported of that name later says nothing of the message, which has left as a template since.
ALTER TABLE messages ADD COLUMN outside_as text;
ALTER TABLE statuses ADD COLUMN outside_window boolean NOT NULL DEFAULT false;
