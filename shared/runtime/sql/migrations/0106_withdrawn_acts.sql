-- A statement can be withdrawn by whoever made it: its record is sent once more, as entered in error.
ALTER TABLE console.act ADD COLUMN withdraws uuid UNIQUE REFERENCES console.act (act);
COMMENT ON COLUMN console.act.withdraws IS 'The statement that this act takes back as entered in error; null: it states something itself.';
