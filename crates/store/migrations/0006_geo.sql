-- How the device of a run came.

ALTER TABLE pending_registration ADD COLUMN source_address {text};
ALTER TABLE pending_registration ADD COLUMN is_before_reprovisioning BIGINT NOT NULL DEFAULT 0;
