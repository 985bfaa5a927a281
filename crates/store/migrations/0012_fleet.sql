-- Runs that tell a fleet to register anew. `due_at` as with jobs; a paused run stays due, whoever holds it
-- watches those that were called.
CREATE TABLE reprovision (
    number {serial} PRIMARY KEY,
    hub {text} NOT NULL,
    run_id {text} NOT NULL,
    policy {text} NOT NULL,
    query_condition {text} NOT NULL,
    method {text} NOT NULL,
    payload {text},
    response_timeout BIGINT NOT NULL,
    pace {text} NOT NULL,
    return_within BIGINT NOT NULL,
    connect_within BIGINT NOT NULL,
    at_most_away BIGINT,
    pause_on {text},
    accept_same_credential BIGINT NOT NULL,
    status {text} NOT NULL,
    reason {text},
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    found_until {text},
    is_expanded BIGINT NOT NULL,
    device_count BIGINT NOT NULL,
    pending_count BIGINT NOT NULL,
    called_count BIGINT NOT NULL,
    left_count BIGINT NOT NULL,
    returned_count BIGINT NOT NULL,
    failed_count BIGINT NOT NULL,
    not_returned_count BIGINT NOT NULL,
    skipped_count BIGINT NOT NULL,
    since_asked BIGINT NOT NULL,
    since_bad BIGINT NOT NULL,
    due_at BIGINT,
    lease_holder {text}
);
CREATE UNIQUE INDEX reprovision_name ON reprovision (hub, run_id);
CREATE INDEX reprovision_due ON reprovision (due_at);

-- Where each device stands. `until` is the end of the time it has: to connect while it is pending, to come
-- back once it was called.
CREATE TABLE reprovision_device (
    run BIGINT NOT NULL,
    device_id {text} NOT NULL,
    state {text} NOT NULL,
    reason {text},
    called_at BIGINT,
    left_at BIGINT,
    ended_at BIGINT,
    until_at BIGINT,
    certificate {blob},
    PRIMARY KEY (run, device_id)
);
CREATE INDEX reprovision_device_state ON reprovision_device (run, state, device_id);
