-- By what each record was read, so that it can be read again where that has changed.

ALTER TABLE identity.resource RENAME COLUMN scope_hash TO derivation;
COMMENT ON COLUMN identity.resource.derivation IS 'Hash of reader, table of codes, site file and scope that it was last read by.';
