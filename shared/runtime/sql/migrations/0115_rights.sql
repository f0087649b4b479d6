-- Services may log in as their own role, read which schema they find, and the console reads views only.

CREATE SCHEMA operation;
COMMENT ON SCHEMA operation IS 'What whoever operates an installation does: retention, erasure.';

CREATE FUNCTION operation.ensure_role(called text) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = called) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', called);
    END IF;
    IF NOT pg_has_role(current_user, called, 'MEMBER') THEN
        EXECUTE format('GRANT %I TO CURRENT_USER', called);
    END IF;
END
$$;
COMMENT ON FUNCTION operation.ensure_role(text) IS 'Makes a role unless the cluster has it, and lets the migrator act as it; for migrations.';
REVOKE ALL ON FUNCTION operation.ensure_role(text) FROM PUBLIC;

SELECT operation.ensure_role('graftwatch_steward');
GRANT USAGE ON SCHEMA operation TO graftwatch_ingest, graftwatch_steward, graftwatch_reader;

COMMENT ON TABLE public.graftwatch_migration IS 'The steps that this database has: a service refuses one that it cannot work on.';
GRANT USAGE ON SCHEMA public TO graftwatch_ingest, graftwatch_eligibility, graftwatch_response, graftwatch_safety,
    graftwatch_notify, graftwatch_console, graftwatch_reader, graftwatch_steward;
GRANT SELECT ON public.graftwatch_migration TO graftwatch_ingest, graftwatch_eligibility, graftwatch_response,
    graftwatch_safety, graftwatch_notify, graftwatch_console, graftwatch_reader, graftwatch_steward;

REVOKE ALL ON FUNCTION console.keep_screening(), console.refuse_change() FROM PUBLIC;

CREATE VIEW console.mailbox AS
SELECT message_id, recipient, address, subject, text_body, mailed_at, times FROM notify.mailbox;
COMMENT ON VIEW console.mailbox IS 'Development only: mails that were kept instead of being sent.';
GRANT SELECT ON console.mailbox TO graftwatch_console;

-- Views without a comment so far.
COMMENT ON VIEW console.conformance IS 'How many resources were judged by fhir.resources, by profile.';
COMMENT ON VIEW console.known_fact IS 'The facts of each timeline, those of patients merged into it included while they were.';
COMMENT ON VIEW console.merge IS 'Who was merged into whom, and from which version until which.';
