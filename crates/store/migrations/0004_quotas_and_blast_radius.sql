-- How many of a kind an instance has, kept by the writes themselves: a quota is asked for at every
-- first registration and must not cost a count. Kinds: see src/entry_count.rs.
CREATE TABLE entry_count (
    dps {text} NOT NULL,
    kind {text} NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (dps, kind)
);
INSERT INTO entry_count (dps, kind, value)
    SELECT dps, 'registration', COUNT(*) FROM registration GROUP BY dps;
INSERT INTO entry_count (dps, kind, value)
    SELECT dps, 'individual', COUNT(*) FROM enrollment WHERE kind = 'individual' GROUP BY dps;
INSERT INTO entry_count (dps, kind, value)
    SELECT dps, 'symmetricGroup', COUNT(*) FROM enrollment
    WHERE kind = 'group' AND mechanism = 'symmetricKey' GROUP BY dps;
INSERT INTO entry_count (dps, kind, value)
    SELECT dps, 'x509Group', COUNT(*) FROM enrollment
    WHERE kind = 'group' AND mechanism <> 'symmetricKey' GROUP BY dps;

-- The records of a group with their places, so that a million of them are counted without a look at
-- the rows themselves. Records of individual enrollments stay out of it.
DROP INDEX IF EXISTS registration_group;
CREATE INDEX registration_group ON registration (dps, group_key, registration_key, hub, device_id)
    WHERE group_key IS NOT NULL;

-- Enabled entries in the order of their IDs: met with a group's records key by key.
CREATE INDEX enrollment_status ON enrollment (dps, kind, status, entry_key);

-- Who holds a certificate or refers to a CA, page by page.
DROP INDEX IF EXISTS enrollment_anchor_thumbprint;
DROP INDEX IF EXISTS enrollment_anchor_reference;
CREATE INDEX enrollment_anchor_thumbprint ON enrollment_anchor (dps, thumbprint, kind, entry_key)
    WHERE thumbprint IS NOT NULL;
CREATE INDEX enrollment_anchor_reference ON enrollment_anchor (dps, reference_key, kind, entry_key)
    WHERE reference_key IS NOT NULL;
