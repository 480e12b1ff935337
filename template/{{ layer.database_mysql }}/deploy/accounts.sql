-- The two accounts of a deployment: `migrator` owns the schema, and `service` reads and writes rows.
-- What may not be done to audit events is up to triggers, which `service` can neither drop nor pass by.
--
-- An administrator runs it, before or after the database `app` is made. It can be run again, and leaves
-- passwords as they are: new accounts are locked until they get one.
CREATE USER IF NOT EXISTS migrator ACCOUNT LOCK;
CREATE USER IF NOT EXISTS service ACCOUNT LOCK;
GRANT ALL ON app.* TO migrator;
GRANT SELECT, INSERT, UPDATE, DELETE ON app.* TO service;
