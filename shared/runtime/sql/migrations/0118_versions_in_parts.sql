-- The largest table by far, what sites sent byte for byte, lies in parts by the first digit of the record's key.
-- A database that has rows keeps them where they are, as one part of the whole range: nothing is copied, locked for a moment only.

ALTER TABLE identity.resource_version RENAME TO resource_version_whole;
ALTER TABLE identity.resource_version_whole RENAME CONSTRAINT resource_version_pkey TO resource_version_whole_pkey;

CREATE TABLE identity.resource_version (
    LIKE identity.resource_version_whole INCLUDING DEFAULTS INCLUDING COMMENTS INCLUDING STORAGE,
    PRIMARY KEY (record, content_sha256)
) PARTITION BY RANGE (record);
COMMENT ON TABLE identity.resource_version IS 'Every version of every in-scope record as received, byte for byte; in parts by the key of the record.';
GRANT SELECT, INSERT, UPDATE ON identity.resource_version TO graftwatch_ingest;
REVOKE ALL ON identity.resource_version_whole FROM graftwatch_ingest;

DO $$
DECLARE
    digits text[] := ARRAY['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    lower text;
    upper text;
BEGIN
    IF EXISTS (SELECT FROM identity.resource_version_whole) THEN
        ALTER TABLE identity.resource_version ATTACH PARTITION identity.resource_version_whole
            FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
        RETURN;
    END IF;
    DROP TABLE identity.resource_version_whole;
    FOR n IN 1..16 LOOP
        lower := CASE n WHEN 1 THEN 'MINVALUE' ELSE quote_literal(digits[n]) END;
        upper := CASE n WHEN 16 THEN 'MAXVALUE' ELSE quote_literal(digits[n + 1]) END;
        EXECUTE format('CREATE TABLE identity.resource_version_%s PARTITION OF identity.resource_version FOR VALUES FROM (%s) TO (%s)',
            digits[n], lower, upper);
    END LOOP;
END
$$;

-- Rows of a partitioned table are named by their part and place together.
CREATE OR REPLACE FUNCTION operation.retain(of_class text, days integer, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place record;
    part regclass;
    n bigint;
    total bigint := 0;
BEGIN
    IF days < 1 THEN
        RAISE EXCEPTION 'at least one day is needed' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR place IN SELECT * FROM operation.of_time() o WHERE o.class = of_class LOOP
        FOR part IN SELECT t.relid FROM pg_partition_tree(place.relation::regclass) t WHERE t.isleaf
            UNION SELECT place.relation::regclass FROM pg_class c WHERE c.oid = place.relation::regclass AND c.relkind = 'r' LOOP
            EXECUTE format('DELETE FROM %1$s WHERE ctid = ANY(ARRAY(SELECT t.ctid FROM %1$s t WHERE %2$s LIMIT $2))',
                part, place.condition) USING now() - make_interval(days => days), most;
            GET DIAGNOSTICS n = ROW_COUNT;
            total := total + n;
        END LOOP;
    END LOOP;
    RETURN total;
END
$$;
