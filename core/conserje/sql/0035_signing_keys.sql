-- Works with processes of schema 7.
-- Data keys are renewed; what was signed goes on to be known as a tenant's.

-- The data key that the tenant had when it was renewed first, wrapped. None: the data key signs.
ALTER TABLE tenants ADD COLUMN signing_key text CHECK (signing_key LIKE 'v1.%');
