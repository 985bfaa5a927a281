-- Modules of devices, and what clients leave behind between connections.

CREATE TABLE module (
    hub {text} NOT NULL,
    device_id {text} NOT NULL,
    module_id {text} NOT NULL,
    generation_id {text} NOT NULL,
    etag {text} NOT NULL,
    managed_by {text},
    auth {text} NOT NULL,
    primary_key {blob},
    secondary_key {blob},
    primary_thumbprint {text},
    secondary_thumbprint {text},
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
    PRIMARY KEY (hub, device_id, module_id)
);

-- A session that outlives its connections. `module_id` is empty for a device itself. `desired_base`
-- is what the client last knew of the desired properties; NULL while it knows them all.
CREATE TABLE kept_session (
    hub {text} NOT NULL,
    device_id {text} NOT NULL,
    module_id {text} NOT NULL,
    generation_id {text} NOT NULL,
    subscriptions {text} NOT NULL,
    desired_base {text},
    PRIMARY KEY (hub, device_id, module_id)
);
