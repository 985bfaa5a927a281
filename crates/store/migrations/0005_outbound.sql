-- Hubs elsewhere, and work that needs something outside the program.

ALTER TABLE hub ADD COLUMN is_remote BIGINT NOT NULL DEFAULT 0;

CREATE TABLE remote_hub (
    hub {text} PRIMARY KEY,
    port BIGINT NOT NULL,
    policy {text} NOT NULL,
    policy_key {blob} NOT NULL,
    ca {text},
    health {text} NOT NULL,
    health_since BIGINT NOT NULL,
    health_checked_at BIGINT,
    health_error {text}
);

-- Runs that wait. While somebody holds a row, due_at is the end of the lease.
CREATE TABLE pending_registration (
    dps {text} NOT NULL,
    registration_key {text} NOT NULL,
    registration_id {text} NOT NULL,
    operation {text} NOT NULL,
    sas {text},
    chain {text} NOT NULL,
    judged_at BIGINT NOT NULL,
    payload {text},
    answer {text},
    made_hub {text},
    made_device_id {text},
    attempts BIGINT NOT NULL,
    began_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    lease_holder {text},
    PRIMARY KEY (dps, registration_key)
);
CREATE INDEX pending_registration_due ON pending_registration (due_at);

-- Identities on hubs elsewhere that have to go.
CREATE TABLE hub_removal (
    hub {text} NOT NULL,
    device_id {text} NOT NULL,
    action {text} NOT NULL,
    attempts BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    lease_holder {text},
    PRIMARY KEY (hub, device_id)
);
CREATE INDEX hub_removal_due ON hub_removal (due_at);

-- The latest call of a registration's webhook.
CREATE TABLE allocation_call (
    dps {text} NOT NULL,
    registration_key {text} NOT NULL,
    at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    url {text} NOT NULL,
    request {text} NOT NULL,
    status BIGINT,
    answer {text},
    error {text},
    PRIMARY KEY (dps, registration_key)
);
