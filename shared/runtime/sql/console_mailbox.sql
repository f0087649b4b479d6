-- Mails that were kept instead of being sent. Read as the role graftwatch_console, in development.

-- name: mails
SELECT message_id, recipient, address, subject, mailed_at, times FROM console.mailbox ORDER BY mailed_at DESC LIMIT $1

-- name: mail
SELECT message_id, recipient, address, subject, text_body, mailed_at, times FROM console.mailbox WHERE message_id = $1
