-- Tumour response of everyone treated. Read as the role graftwatch_console; $1 the protocol, $2 the visitor's sites.

-- name: treated
-- Every current response outcome of the patients who have had a first dose.
SELECT c.patient, p.site, c.kind, c.subject, c.content
FROM console.current_response c JOIN console.patient p ON p.patient = c.patient
WHERE c.protocol = $1 AND NOT c.withdrawn AND p.site = ANY($2::text[])
  AND c.kind IN ('baseline', 'assessment', 'best-response', 'progression', 'endpoint')
ORDER BY c.patient, c.kind, c.subject
