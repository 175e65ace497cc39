-- Works with processes of schema 7.
-- Files that a tenant's persons send: kept with the message that shows them, in the tenant's own name.

GRANT USAGE ON SEQUENCE files_id_seq TO conserje_core;
GRANT INSERT ON files TO conserje_tenant;

-- What a report of a failure says of trying again: it may come before the message is known that it tells of.
ALTER TABLE statuses ADD COLUMN try_after float, ADD COLUMN account_fault text;
