-- The two accounts of a deployment: `migrator` owns the schema, and `service` reads and writes rows.
-- What may not be done to audit events is up to triggers, which `service` can neither drop nor pass by.
--
-- An administrator runs it in the service's database, empty or not, and then gives new accounts their
-- passwords: `ALTER ROLE … PASSWORD '…'`. It can be run again, by the same administrator: a superuser, or
-- else whoever has CREATEROLE and owns the database and what is in it.
DO $$
DECLARE
    statement text;
BEGIN
    -- Whatever waits for a lock on a table holds up all that come after it.
    PERFORM set_config('lock_timeout', '5s', true);
    IF to_regrole('migrator') IS NULL THEN
        CREATE ROLE migrator LOGIN;
        -- An administrator who is no superuser can only give away what it could take back.
        GRANT migrator TO CURRENT_USER;
    END IF;
    IF to_regrole('service') IS NULL THEN
        CREATE ROLE service LOGIN;
    END IF;
    -- The database stays the administrator's, who without CREATEDB could not give it away.
    EXECUTE format('GRANT CREATE, TEMPORARY ON DATABASE %I TO migrator', current_database());
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    ALTER SCHEMA public OWNER TO migrator;
    -- What another account has made so far, except for what belongs to an extension, and for the
    -- functions that come with a range, which go with it.
    FOR statement IN
        WITH made AS (
            SELECT format('TABLE %s', oid::regclass) AS name, tableoid, oid, relowner AS owner
            FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
            UNION ALL
            -- Those of columns go with their tables.
            SELECT format('SEQUENCE %s', oid::regclass), tableoid, oid, relowner
            FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'
                AND NOT EXISTS (
                    SELECT FROM pg_depend
                    WHERE classid = pg_class.tableoid AND objid = pg_class.oid AND deptype IN ('a', 'i')
                )
            UNION ALL
            -- Domains, enumerations, ranges, and composite types that are not those of tables.
            SELECT format('TYPE %s', oid::regtype), tableoid, oid, typowner
            FROM pg_type
            WHERE typnamespace = 'public'::regnamespace
                AND (
                    typtype IN ('d', 'e', 'r')
                    OR EXISTS (SELECT FROM pg_class WHERE pg_class.oid = typrelid AND relkind = 'c')
                )
            UNION ALL
            SELECT format('ROUTINE %s', oid::regprocedure), tableoid, oid, proowner
            FROM pg_proc
            WHERE pronamespace = 'public'::regnamespace
        )
        SELECT format('ALTER %s OWNER TO migrator', name)
        FROM made
        WHERE owner <> 'migrator'::regrole
            AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE classid = made.tableoid AND objid = made.oid AND deptype IN ('e', 'i')
            )
    LOOP
        EXECUTE statement;
    END LOOP;
    -- Not ON ALL TABLES: those of an extension are somebody else's to give.
    FOR statement IN
        SELECT format(
            CASE relkind
                WHEN 'S' THEN 'GRANT USAGE ON SEQUENCE %s TO service'
                ELSE 'GRANT SELECT, INSERT, UPDATE, DELETE ON TABLE %s TO service'
            END,
            oid::regclass
        )
        FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relowner = 'migrator'::regrole
            AND relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
    LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO service;
-- On what migrations are yet to make.
ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO service;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO service;
