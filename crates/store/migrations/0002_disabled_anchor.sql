-- Grows with every change of an X.509 group or a CA certificate of the instance: what a decision by chain rests on.
ALTER TABLE dps ADD COLUMN trust_version BIGINT NOT NULL DEFAULT 0;

-- Who changed an entry or a CA certificate last.
CREATE INDEX audit_event_entry ON audit_event (kind, scope, lower(item), number)
    WHERE kind IN ('enrollment', 'enrollmentGroup', 'caCertificate');

-- The rows of enrollment_anchor whose entry is disabled: few or none, so that asking costs next to nothing. A group's reference
-- has the thumbprint of the CA certificate it meant, also when that is deleted or replaced meanwhile.
CREATE TABLE disabled_anchor (
    dps {text} NOT NULL,
    kind {text} NOT NULL,
    entry_key {text} NOT NULL,
    slot {text} NOT NULL,
    thumbprint {blob},
    reference_key {text},
    PRIMARY KEY (dps, kind, entry_key, slot)
);
CREATE INDEX disabled_anchor_thumbprint ON disabled_anchor (dps, thumbprint);
INSERT INTO disabled_anchor (dps, kind, entry_key, slot, thumbprint, reference_key)
    SELECT a.dps, a.kind, a.entry_key, a.slot, a.thumbprint, a.reference_key
    FROM enrollment_anchor a JOIN enrollment e
    ON e.dps = a.dps AND e.kind = a.kind AND e.entry_key = a.entry_key
    WHERE e.status = 'disabled';
UPDATE disabled_anchor SET thumbprint = (
        SELECT c.thumbprint FROM ca_certificate c
        WHERE c.owner = 'dps:' || disabled_anchor.dps AND c.name_key = disabled_anchor.reference_key)
    WHERE kind = 'group' AND reference_key IS NOT NULL;
