-- Why devices were refused, for as long as the operator may ask; bounded in age and number.
CREATE TABLE refusal (
    number {serial} PRIMARY KEY,
    tracking_id {text} NOT NULL,
    dps {text} NOT NULL,
    registration_key {text} NOT NULL,
    at BIGINT NOT NULL,
    explanation {text} NOT NULL
);
CREATE INDEX refusal_at ON refusal (at);
CREATE INDEX refusal_tracking_id ON refusal (tracking_id);
CREATE INDEX refusal_registration ON refusal (dps, registration_key, number);
