-- Messages that wait for their devices, and what became of them.

ALTER TABLE device ADD COLUMN message_count BIGINT NOT NULL DEFAULT 0;

CREATE TABLE device_message (
    hub {text} NOT NULL,
    device_id {text} NOT NULL,
    number BIGINT NOT NULL,
    generation_id {text} NOT NULL,
    enqueued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    delivery_count BIGINT NOT NULL,
    lock_token {text},
    locked_until BIGINT,
    message_id {text} NOT NULL,
    correlation_id {text},
    user_id {text},
    content_type {text},
    content_encoding {text},
    ack {text} NOT NULL,
    properties {text} NOT NULL,
    body {blob} NOT NULL,
    PRIMARY KEY (hub, device_id, number)
);
CREATE INDEX device_message_expiry ON device_message (expires_at);
CREATE INDEX device_message_lock ON device_message (locked_until) WHERE locked_until IS NOT NULL;

CREATE TABLE message_feedback (
    hub {text} NOT NULL,
    number BIGINT NOT NULL,
    message_id {text} NOT NULL,
    device_id {text} NOT NULL,
    generation_id {text} NOT NULL,
    at BIGINT NOT NULL,
    outcome {text} NOT NULL,
    expires_at BIGINT NOT NULL,
    lock_token {text},
    locked_until BIGINT,
    PRIMARY KEY (hub, number)
);
CREATE INDEX message_feedback_expiry ON message_feedback (expires_at);
CREATE INDEX message_feedback_lock ON message_feedback (hub, lock_token) WHERE lock_token IS NOT NULL;
