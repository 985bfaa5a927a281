//! The targets; `scripts/fuzz.sh` reads their names off the files.

mod activation;
mod arm_body;
mod audit_line;
mod certificate;
mod chain_text;
mod crl;
mod csr;
mod http_route;
mod hub_query;
mod json_body;
mod mqtt_packet;
mod mqtt_text;
mod ocsp_request;
mod own_body;
mod renewal;
mod sas;
mod sealed_key;
mod signer_frame;
mod telemetry_segment;
mod token_uri;

/// Names and bodies.
pub(crate) const ALL: &[(&str, fn(&[u8]))] = &[
    ("activation", activation::run),
    ("arm_body", arm_body::run),
    ("audit_line", audit_line::run),
    ("certificate", certificate::run),
    ("chain_text", chain_text::run),
    ("crl", crl::run),
    ("csr", csr::run),
    ("http_route", http_route::run),
    ("hub_query", hub_query::run),
    ("json_body", json_body::run),
    ("mqtt_packet", mqtt_packet::run),
    ("mqtt_text", mqtt_text::run),
    ("ocsp_request", ocsp_request::run),
    ("own_body", own_body::run),
    ("renewal", renewal::run),
    ("sas", sas::run),
    ("sealed_key", sealed_key::run),
    ("signer_frame", signer_frame::run),
    ("telemetry_segment", telemetry_segment::run),
    ("token_uri", token_uri::run),
];
