-- One schema for the three competitors: the same work as Conserje's, a message and a job for each webhook.

CREATE TABLE tenants (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug        text NOT NULL UNIQUE,
    account_sid text NOT NULL,
    auth_token  text NOT NULL
);

CREATE TABLE messages (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    bigint NOT NULL REFERENCES tenants,
    message_sid  text NOT NULL UNIQUE,
    sender       text NOT NULL,
    profile_name text NOT NULL,
    body         text NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE jobs (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id bigint NOT NULL REFERENCES messages,
    due_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_due ON jobs (due_at);
