-- The Device Registry: namespaces, credentials, policies, devices, the CAs behind them and what they issued.
CREATE TABLE namespace (
    name_key {text} PRIMARY KEY,
    name {text} NOT NULL,
    uuid {text} NOT NULL UNIQUE,
    location {text} NOT NULL,
    tags {text} NOT NULL,
    document {text} NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- owner is 'dps:<name_key>' or 'hub:<name_key>'.
CREATE TABLE namespace_link (
    owner {text} NOT NULL PRIMARY KEY,
    namespace {text} NOT NULL
);
CREATE INDEX namespace_link_namespace ON namespace_link (namespace, owner);

CREATE TABLE credential (
    namespace {text} PRIMARY KEY,
    location {text} NOT NULL,
    tags {text} NOT NULL,
    root {text} NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE credential_policy (
    namespace {text} NOT NULL,
    name_key {text} NOT NULL,
    name {text} NOT NULL,
    uuid {text} NOT NULL,
    validity_days BIGINT NOT NULL,
    is_external BIGINT NOT NULL,
    issuing {text},
    pending {text},
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (namespace, name_key)
);

-- issuers: each DER behind its length in four bytes, big-endian. A CA is never forgotten while something it signed may be asked about.
-- subject_hash and key_sha256 are what it is recognised by in a path: SHA-256 over the subject and the key of its certificate.
CREATE TABLE ca (
    id {text} PRIMARY KEY,
    namespace {text} NOT NULL,
    policy {text},
    role {text} NOT NULL,
    parent {text},
    state {text} NOT NULL,
    key_ref {text} NOT NULL,
    subject {text} NOT NULL,
    signing_request {blob},
    certificate {blob},
    subject_hash {blob},
    key_sha256 {blob},
    issuers {blob} NOT NULL,
    not_before BIGINT,
    not_after BIGINT,
    shards BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    key_destroyed_at BIGINT
);
CREATE INDEX ca_namespace ON ca (namespace, created_at, id);
CREATE INDEX ca_state ON ca (state, not_after);
CREATE INDEX ca_parent ON ca (parent);
CREATE INDEX ca_subject ON ca (subject_hash);

-- A key that is about to be made, for a CA or for who answers for one: written down before there is a key. Whoever
-- writes down the CA takes the row away in the same transaction. `state` is 'intended', or 'givenUp': the key, if
-- there is one, is to be destroyed, and the row goes after it.
CREATE TABLE key_intent (
    key_ref {text} PRIMARY KEY,
    owner_kind {text} NOT NULL,
    ca {text} NOT NULL,
    namespace {text} NOT NULL,
    policy {text},
    serial {blob},
    state {text} NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

CREATE TABLE registry_device (
    namespace {text} NOT NULL,
    name_key {text} NOT NULL,
    name {text} NOT NULL,
    uuid {text} NOT NULL,
    generation {text} NOT NULL,
    external_device_id {text} NOT NULL,
    enabled BIGINT NOT NULL,
    policy {text},
    assigned_hub {text},
    document {text} NOT NULL,
    version BIGINT NOT NULL,
    etag {text} NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    transition_at BIGINT NOT NULL,
    PRIMARY KEY (namespace, name_key)
){clustered};
-- Registration IDs are one whatever their case, and so are the devices they stand for.
CREATE UNIQUE INDEX registry_device_external ON registry_device (namespace, lower(external_device_id));
CREATE INDEX device_caseless ON device (hub, lower(device_id));
CREATE INDEX linked_hub_hub ON linked_hub (hub, dps);

-- What is about to be signed, written down before the signature: without indexes, since it moves to
-- issued_certificate a moment later. What was given up stays here for a while.
CREATE TABLE certificate_intent (
    number {serial} PRIMARY KEY,
    ca {text} NOT NULL,
    serial {blob} NOT NULL,
    namespace {text} NOT NULL,
    device {text} NOT NULL,
    policy {text} NOT NULL,
    device_uuid {text} NOT NULL,
    generation {text} NOT NULL,
    state {text} NOT NULL,
    key_sha256 {blob} NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX certificate_intent_open ON certificate_intent (created_at) WHERE state = 'intended';
CREATE INDEX certificate_intent_orphaned ON certificate_intent (created_at) WHERE state = 'orphaned';

-- What was signed and handed out. A certificate that was revoked stands here with its revocation and, for the
-- CRL, in revoked_certificate.
CREATE TABLE issued_certificate (
    number {serial} PRIMARY KEY,
    ca {text} NOT NULL,
    serial {blob} NOT NULL,
    namespace {text} NOT NULL,
    device {text} NOT NULL,
    policy {text} NOT NULL,
    device_uuid {text} NOT NULL,
    generation {text} NOT NULL,
    key_sha256 {blob} NOT NULL,
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    shard BIGINT NOT NULL,
    certificate {blob},
    sha1 {blob},
    sha256 {blob},
    revoked_at BIGINT,
    reason {text},
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX issued_certificate_serial ON issued_certificate (ca, serial);
-- Everything a preview counts by: it never looks at the rows. With the expiry first, or SQLite takes the index
-- over all that expire later for those of one device.
CREATE INDEX issued_certificate_device ON issued_certificate (namespace, device, not_after, ca, revoked_at);
CREATE INDEX issued_certificate_expiry ON issued_certificate (ca, not_after, number, revoked_at);
CREATE INDEX issued_certificate_key ON issued_certificate (key_sha256);
CREATE INDEX issued_certificate_sha256 ON issued_certificate (sha256);
CREATE INDEX issued_certificate_sha1 ON issued_certificate (sha1);

-- Lines of CRLs: those of leaves stand at their issuing CA, those of issuing CAs at their root.
CREATE TABLE revoked_certificate (
    ca {text} NOT NULL,
    shard BIGINT NOT NULL,
    serial {blob} NOT NULL,
    revoked_at BIGINT NOT NULL,
    reason {text} NOT NULL,
    not_after BIGINT NOT NULL,
    PRIMARY KEY (ca, shard, serial)
){clustered};
-- What a CRL forgets is found without reading every line, in the transaction that puts it out.
CREATE INDEX revoked_certificate_expiry ON revoked_certificate (ca, shard, not_after);

-- The CRL that is out, one for each part; number 0 while there is none. `changes` counts what was to be told,
-- `told` is how much of it the CRL tells. `due_at` says when the next is to be made; without it this is the
-- last. Nobody begins before `rests_until`: somebody is at it, or it was made just now.
CREATE TABLE crl (
    ca {text} NOT NULL,
    shard BIGINT NOT NULL,
    number BIGINT NOT NULL,
    this_update BIGINT,
    next_update BIGINT,
    der {blob},
    entries BIGINT NOT NULL,
    changes BIGINT NOT NULL,
    told BIGINT NOT NULL,
    due_at BIGINT,
    rests_until BIGINT NOT NULL,
    PRIMARY KEY (ca, shard)
);
CREATE INDEX crl_due ON crl (due_at);

-- Who signs OCSP responses for a CA: a key of its own with a short-lived certificate of that CA. `state` is
-- 'intended' until it was signed and written down, 'active', or 'ended': its key is destroyed. The one that
-- is valid for the longest answers; all nodes share it.
CREATE TABLE ocsp_responder (
    ca {text} NOT NULL,
    serial {blob} NOT NULL,
    key_ref {text} NOT NULL,
    state {text} NOT NULL,
    certificate {blob},
    not_before BIGINT NOT NULL,
    not_after BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (ca, serial)
);
CREATE INDEX ocsp_responder_state ON ocsp_responder (state, not_after);

CREATE TABLE registry_operation (
    id {text} PRIMARY KEY,
    namespace {text} NOT NULL,
    kind {text} NOT NULL,
    resource {text} NOT NULL,
    state {text} NOT NULL,
    code {text},
    message {text},
    progress {text} NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT
);
CREATE INDEX registry_operation_running ON registry_operation (state, started_at);

-- A hub's CA certificate that came from a policy: which CA it is, and 'namespace/policy'.
ALTER TABLE ca_certificate ADD COLUMN ca {text};
ALTER TABLE ca_certificate ADD COLUMN credential_policy {text};

-- role may name several, with commas between; with a namespace they count for that one only.
ALTER TABLE admin_token ADD COLUMN namespace {text};

-- SHA-256 over what was signed of the certificate that is held: its holder can change the bytes of the signature,
-- and with them the thumbprint. Null where the certificate is not at hand any more.
ALTER TABLE disabled_anchor ADD COLUMN content_hash {blob};
CREATE INDEX disabled_anchor_content ON disabled_anchor (dps, content_hash);

-- The policy an entry's devices are issued certificates by.
ALTER TABLE enrollment ADD COLUMN credential_policy {text};

-- The certificate issued by the latest run, by its number in issued_certificate.
ALTER TABLE registration ADD COLUMN issued BIGINT;

-- The signing request a run came with, as it was sent.
ALTER TABLE pending_registration ADD COLUMN csr {text};

-- The renewal a device asked its hub for: one for each device. `state` is 'pending', 'issued' or 'failed'; the
-- outcome is kept until it expires, for the device may be away. It counts while the device's identifier is this one.
-- From `due_at` on somebody works on it, or ought to.
CREATE TABLE certificate_renewal (
    hub {text} NOT NULL,
    device_id {text} NOT NULL,
    request_id {text} NOT NULL,
    correlation_id {text} NOT NULL,
    csr {text} NOT NULL,
    identifier {blob} NOT NULL,
    state {text} NOT NULL,
    issued BIGINT,
    error {text},
    is_delivered BIGINT NOT NULL,
    asked_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    PRIMARY KEY (hub, device_id)
);
CREATE INDEX certificate_renewal_expiry ON certificate_renewal (expires_at);
CREATE INDEX certificate_renewal_state ON certificate_renewal (state, due_at);

-- From where, what before and after (JSON), how it ended; and the hash of the event and everything before it.
-- counter.head is the hash of the last event. counter.registry is raised by every change of links, policies and
-- CAs: who keeps them in memory sees by it whether they still stand.
ALTER TABLE audit_event ADD COLUMN address {text} NOT NULL DEFAULT '';
ALTER TABLE audit_event ADD COLUMN tracking_id {text} NOT NULL DEFAULT '';
ALTER TABLE audit_event ADD COLUMN was {text} NOT NULL DEFAULT '';
ALTER TABLE audit_event ADD COLUMN became {text} NOT NULL DEFAULT '';
ALTER TABLE audit_event ADD COLUMN result {text} NOT NULL DEFAULT '';
ALTER TABLE audit_event ADD COLUMN hash {blob};
ALTER TABLE counter ADD COLUMN head {blob};
ALTER TABLE counter ADD COLUMN registry BIGINT NOT NULL DEFAULT 0;
