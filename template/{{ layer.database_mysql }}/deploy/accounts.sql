-- The two accounts of a deployment: `migrator` owns the schema, and `service` reads and writes rows.
-- What may not be done to audit events is up to triggers, which `service` can neither drop nor pass by.
--
-- An administrator runs it, with the name of the service's database in the place of `app`, and then lets
-- new accounts in: `ALTER USER … IDENTIFIED BY '…' ACCOUNT UNLOCK`. It can be run again.
CREATE USER IF NOT EXISTS migrator ACCOUNT LOCK;
CREATE USER IF NOT EXISTS service ACCOUNT LOCK;
GRANT ALL ON app.* TO migrator;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.* TO service;
