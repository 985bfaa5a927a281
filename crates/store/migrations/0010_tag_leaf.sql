-- The index over tags: one row for each value in a device's tags, kept by the writes of twins
-- themselves. path is the names joined by dots, value a text that sorts like the value; see the model's
-- query/leaf.rs. Devices that are there already are entered by the program, right after this.
CREATE TABLE tag_leaf (
    hub {text} NOT NULL,
    path {text} NOT NULL,
    value {text} NOT NULL,
    device_id {text} NOT NULL,
    PRIMARY KEY (hub, path, value, device_id)
){clustered};

-- Edge gateways are few and asked for by themselves.
CREATE INDEX device_edge ON device (hub, device_id) WHERE iot_edge = 1;
