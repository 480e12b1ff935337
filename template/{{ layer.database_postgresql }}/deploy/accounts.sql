-- The two accounts of a deployment: `migrator` owns the schema, and `service` reads and writes rows.
-- What may not be done to audit events is up to triggers, which `service` can neither drop nor pass by.
--
-- An administrator runs it in the service's database, empty or not, and then gives new accounts their
-- passwords: `ALTER ROLE … PASSWORD '…'`. It can be run again.
DO $$
DECLARE
    statement text;
BEGIN
    IF to_regrole('migrator') IS NULL THEN
        CREATE ROLE migrator LOGIN;
        -- An administrator who is no superuser can only give away what it could take back.
        GRANT migrator TO CURRENT_USER;
    END IF;
    IF to_regrole('service') IS NULL THEN
        CREATE ROLE service LOGIN;
    END IF;
    EXECUTE format('ALTER DATABASE %I OWNER TO migrator', current_database());
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    -- What another account has made so far.
    FOR statement IN
        SELECT format('ALTER TABLE %s OWNER TO migrator', oid::regclass)
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace
            AND relkind IN ('r', 'p', 'v', 'm')
            AND relowner <> 'migrator'::regrole
        UNION ALL
        SELECT format('ALTER ROUTINE %s OWNER TO migrator', oid::regprocedure)
        FROM pg_proc
        WHERE pronamespace = 'public'::regnamespace AND proowner <> 'migrator'::regrole
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

ALTER SCHEMA public OWNER TO migrator;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO service;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO service;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO service;
-- And on what migrations are yet to make.
ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO service;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO service;
