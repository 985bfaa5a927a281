DROP INDEX telemetry_hub;
DROP TABLE telemetry;

CREATE TABLE telemetry_partition (
    hub {text} NOT NULL,
    number BIGINT NOT NULL,
    begin_sequence BIGINT NOT NULL,
    next_sequence BIGINT NOT NULL,
    next_offset BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    last_enqueued_at BIGINT,
    PRIMARY KEY (hub, number)
);

CREATE TABLE telemetry_segment (
    hub {text} NOT NULL,
    partition_number BIGINT NOT NULL,
    first_sequence BIGINT NOT NULL,
    count BIGINT NOT NULL,
    first_offset BIGINT NOT NULL,
    first_enqueued_at BIGINT NOT NULL,
    last_enqueued_at BIGINT NOT NULL,
    size BIGINT NOT NULL,
    messages {blob} NOT NULL,
    PRIMARY KEY (hub, partition_number, first_sequence)
);

CREATE TABLE consumer_group (
    hub {text} NOT NULL,
    name_key {text} NOT NULL,
    name {text} NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (hub, name_key)
);

CREATE TABLE consumer_checkpoint (
    hub {text} NOT NULL,
    group_key {text} NOT NULL,
    partition_number BIGINT NOT NULL,
    sequence_number BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (hub, group_key, partition_number)
);
