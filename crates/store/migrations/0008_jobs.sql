-- Jobs of hubs. `due_at` is when somebody should look at a job: its start, or the end of the lease of
-- whoever is at it; null once there is nothing more to do.
CREATE TABLE job (
    number {serial} PRIMARY KEY,
    hub {text} NOT NULL,
    job_id {text} NOT NULL,
    policy {text} NOT NULL,
    kind {text} NOT NULL,
    etag {text},
    tags {text},
    desired {text},
    method {text},
    payload {text},
    response_timeout BIGINT,
    connect_timeout BIGINT,
    query_condition {text} NOT NULL,
    status {text} NOT NULL,
    created_at BIGINT NOT NULL,
    start_at BIGINT NOT NULL,
    max_execution BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    failure {text},
    found_until {text},
    is_expanded BIGINT NOT NULL,
    device_count BIGINT NOT NULL,
    pending_count BIGINT NOT NULL,
    running_count BIGINT NOT NULL,
    succeeded_count BIGINT NOT NULL,
    failed_count BIGINT NOT NULL,
    due_at BIGINT,
    lease_holder {text}
);
CREATE UNIQUE INDEX job_name ON job (hub, job_id);
CREATE INDEX job_of_hub ON job (hub, number);
CREATE INDEX job_due ON job (due_at);
CREATE INDEX job_ended ON job (ended_at);

-- What became of each device. A device whose job was called off before its turn stays `pending`.
CREATE TABLE job_device (
    job BIGINT NOT NULL,
    device_id {text} NOT NULL,
    state {text} NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    answer_status BIGINT,
    answer {text},
    error_code BIGINT,
    error {text},
    PRIMARY KEY (job, device_id)
);
CREATE INDEX job_device_state ON job_device (job, state, device_id);
CREATE INDEX job_device_of ON job_device (device_id, job);
