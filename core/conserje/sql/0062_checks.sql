-- Works with processes of schema 7.
-- When an account's provider was asked last whether the account is well, and what was found.

ALTER TABLE accounts ADD COLUMN checked jsonb CHECK (jsonb_typeof(checked) = 'object');
