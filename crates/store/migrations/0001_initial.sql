-- One text for both engines. {text}, {blob} and {serial} are the tokens that differ; see src/migrate.rs.
-- Times are microseconds since 1970-01-01T00:00:00Z. Flags are 0 or 1. A *_key column is the lower-case
-- form of an identifier that is compared without case.

CREATE TABLE counter (
    name {text} PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counter (name, value) VALUES ('number', 0);

-- Who did what to which thing; one row for each committed write.
CREATE TABLE audit_event (
    number {serial} PRIMARY KEY,
    at BIGINT NOT NULL,
    actor {text} NOT NULL,
    action {text} NOT NULL,
    kind {text} NOT NULL,
    scope {text} NOT NULL,
    item {text} NOT NULL,
    detail {text} NOT NULL
);

-- What must be acted on after a commit, numbered in the order of commits.
CREATE TABLE change_feed (
    number {serial} PRIMARY KEY,
    at BIGINT NOT NULL,
    topic {text} NOT NULL,
    scope {text} NOT NULL,
    item {text} NOT NULL
);

CREATE TABLE admin_token (
    hash {blob} PRIMARY KEY,
    name {text} NOT NULL,
    role {text} NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE dps (
    name_key {text} PRIMARY KEY,
    name {text} NOT NULL,
    id_scope_key {text} NOT NULL UNIQUE,
    id_scope {text} NOT NULL,
    host_key {text} NOT NULL,
    host {text} NOT NULL,
    allocation {text} NOT NULL,
    operation_key {blob} NOT NULL,
    etag {text} NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE hub (
    name_key {text} PRIMARY KEY,
    name {text} NOT NULL,
    host_key {text} NOT NULL UNIQUE,
    host {text} NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE linked_hub (
    dps {text} NOT NULL,
    hub {text} NOT NULL,
    apply_allocation_policy BIGINT NOT NULL,
    allocation_weight BIGINT NOT NULL,
    PRIMARY KEY (dps, hub)
);

-- owner is 'dps:<name_key>' or 'hub:<name_key>'.
CREATE TABLE access_policy (
    owner {text} NOT NULL,
    name {text} NOT NULL,
    primary_key {blob} NOT NULL,
    secondary_key {blob} NOT NULL,
    rights {text} NOT NULL,
    PRIMARY KEY (owner, name)
);

CREATE TABLE ca_certificate (
    owner {text} NOT NULL,
    name_key {text} NOT NULL,
    name {text} NOT NULL,
    certificate {blob} NOT NULL,
    subject_hash {blob} NOT NULL,
    thumbprint {blob} NOT NULL,
    is_verified BIGINT NOT NULL,
    verification_code {text},
    etag {text} NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (owner, name_key)
);
CREATE INDEX ca_certificate_subject ON ca_certificate (owner, subject_hash);

-- kind is 'individual' or 'group'; entry_key the registration or group ID in lower case.
CREATE TABLE enrollment (
    dps {text} NOT NULL,
    kind {text} NOT NULL,
    entry_key {text} NOT NULL,
    entry_id {text} NOT NULL,
    status {text} NOT NULL,
    etag {text} NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    mechanism {text} NOT NULL,
    primary_key {blob},
    secondary_key {blob},
    primary_certificate {blob},
    secondary_certificate {blob},
    primary_reference {text},
    secondary_reference {text},
    device_id {text},
    iot_edge BIGINT NOT NULL,
    reprovision {text},
    allocation {text},
    iot_hubs {text},
    webhook_url {text},
    webhook_api_version {text},
    initial_tags {text},
    initial_desired {text},
    optional_device_information {text},
    PRIMARY KEY (dps, kind, entry_key)
);
-- Symmetric key groups are tried one after the other, oldest first.
CREATE INDEX enrollment_symmetric_group ON enrollment (dps, created_at, entry_key)
    WHERE kind = 'group' AND mechanism = 'symmetricKey';

-- The certificates and CA names an entry trusts, so that a chain finds its entry.
CREATE TABLE enrollment_anchor (
    dps {text} NOT NULL,
    kind {text} NOT NULL,
    entry_key {text} NOT NULL,
    slot {text} NOT NULL,
    subject_hash {blob},
    thumbprint {blob},
    reference_key {text},
    PRIMARY KEY (dps, kind, entry_key, slot)
);
CREATE INDEX enrollment_anchor_thumbprint ON enrollment_anchor (dps, thumbprint)
    WHERE thumbprint IS NOT NULL;
CREATE INDEX enrollment_anchor_subject ON enrollment_anchor (dps, subject_hash)
    WHERE kind = 'group' AND subject_hash IS NOT NULL;
CREATE INDEX enrollment_anchor_reference ON enrollment_anchor (dps, reference_key)
    WHERE reference_key IS NOT NULL;

CREATE TABLE registration (
    dps {text} NOT NULL,
    registration_key {text} NOT NULL,
    registration_id {text} NOT NULL,
    group_key {text},
    group_id {text},
    by_certificate BIGINT NOT NULL,
    status {text} NOT NULL,
    hub {text},
    device_id {text},
    substatus {text},
    error_code BIGINT,
    error_message {text},
    operation {text} NOT NULL,
    payload {text},
    etag {text} NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (dps, registration_key)
);
CREATE INDEX registration_group ON registration (dps, group_key, registration_key)
    WHERE group_key IS NOT NULL;

CREATE TABLE device (
    hub {text} NOT NULL,
    device_id {text} NOT NULL,
    generation_id {text} NOT NULL,
    etag {text} NOT NULL,
    status {text} NOT NULL,
    status_reason {text},
    status_updated_at BIGINT,
    auth {text} NOT NULL,
    primary_key {blob},
    secondary_key {blob},
    primary_thumbprint {text},
    secondary_thumbprint {text},
    iot_edge BIGINT NOT NULL,
    device_scope {text},
    connection_updated_at BIGINT,
    last_activity_at BIGINT,
    twin_version BIGINT NOT NULL,
    twin_etag BIGINT NOT NULL,
    model_id {text} NOT NULL,
    desired_version BIGINT NOT NULL,
    reported_version BIGINT NOT NULL,
    tags {text} NOT NULL,
    desired {text} NOT NULL,
    desired_metadata {text} NOT NULL,
    reported {text} NOT NULL,
    reported_metadata {text} NOT NULL,
    PRIMARY KEY (hub, device_id)
);
CREATE INDEX device_disabled ON device (hub, device_id) WHERE status = 'disabled';

CREATE TABLE telemetry (
    number {serial} PRIMARY KEY,
    hub {text} NOT NULL,
    device_id {text} NOT NULL,
    generation_id {text} NOT NULL,
    auth_method {text} NOT NULL,
    enqueued_at BIGINT NOT NULL,
    properties {text} NOT NULL,
    system_properties {text} NOT NULL,
    body {blob} NOT NULL,
    size BIGINT NOT NULL
);
CREATE INDEX telemetry_hub ON telemetry (hub, number);
