-- Works with processes of schema 7.
-- Whoever brings a tenant from another installation gives its rows their numbers beforehand.
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO conserje_core;
