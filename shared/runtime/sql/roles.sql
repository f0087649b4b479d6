-- What belongs to whom beside the roles themselves; {services} and {migrator} become their names.

-- name: owned
-- Nobody else enters this database; each role may connect, and the migrator owns it.
DO $$
DECLARE
    here text := current_database();
    found record;
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', here);
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO {services}, {migrator}', here);
    EXECUTE format('ALTER DATABASE %I OWNER TO {migrator}', here);
    EXECUTE 'REVOKE CREATE ON SCHEMA public FROM PUBLIC';
    EXECUTE 'GRANT {services} TO {migrator} WITH ADMIN OPTION';
    EXECUTE 'GRANT CREATE ON SCHEMA public TO {migrator}';
    -- What an earlier owner made becomes the migrator's, but for functions that act as ingest.
    FOR found IN SELECT oid::regnamespace AS name FROM pg_namespace WHERE nspname IN
        ('identity', 'timeline', 'protocol', 'eligibility', 'response', 'safety', 'notify', 'console', 'operation') LOOP
        EXECUTE format('ALTER SCHEMA %s OWNER TO {migrator}', found.name);
    END LOOP;
    FOR found IN SELECT c.oid::regclass AS name, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE (n.nspname IN ('identity', 'timeline', 'protocol', 'eligibility', 'response', 'safety', 'notify', 'console',
            'operation') OR c.oid = to_regclass('public.graftwatch_migration')) AND c.relkind IN ('r', 'p', 'v', 'm') LOOP
        EXECUTE format('ALTER %s %s OWNER TO {migrator}',
            CASE found.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, found.name);
    END LOOP;
    FOR found IN SELECT p.oid::regprocedure AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname IN ('identity', 'timeline', 'protocol', 'eligibility', 'response', 'safety', 'notify', 'console',
            'operation') AND p.proowner <> coalesce(to_regrole('graftwatch_ingest')::oid, 0) LOOP
        EXECUTE format('ALTER FUNCTION %s OWNER TO {migrator}', found.name);
    END LOOP;
END
$$;

-- Who reads for people cannot write by mistake, even what others allow it.
ALTER ROLE graftwatch_reader SET default_transaction_read_only = on;
