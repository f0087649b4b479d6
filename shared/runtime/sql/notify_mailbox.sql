-- The mailbox of a development installation. Written as the role graftwatch_notify.

-- name: keep
INSERT INTO notify.mailbox AS m (message_id, recipient, address, subject, text_body, html_body, message)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (message_id) DO UPDATE SET times = m.times + 1
