-- The keys that identity is sealed with, and sealing anew. Read and written as the role graftwatch_ingest.

-- name: keys
SELECT key, proof, first_used_at, retired_at FROM identity.crosswalk_key ORDER BY first_used_at, key

-- name: register
-- Somebody seals with it: it is needed, though a rotation may have found nothing that was sealed with it.
INSERT INTO identity.crosswalk_key (key, proof) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET retired_at = NULL
WHERE crosswalk_key.proof = excluded.proof AND crosswalk_key.retired_at IS NOT NULL

-- name: retire
UPDATE identity.crosswalk_key SET retired_at = now() WHERE key <> $1 AND retired_at IS NULL

-- name: sealed_otherwise
-- Rows of a table of which some column does not begin with the head of the current key, in order of their key.
SELECT {key}, {columns} FROM {table} WHERE ({otherwise}) AND {after} ORDER BY {key} LIMIT $2 FOR UPDATE

-- name: seal_anew
UPDATE {table} SET {assigned} WHERE {identified}
