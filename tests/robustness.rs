//! What arrives is not always what was meant: an error or a closed connection, and nobody else
//! notices.

mod ca_cut;
mod ca_faults;
mod issuer_revocation_cut;
mod job_cut;
mod malformed_certificates;
mod malformed_documents;
mod malformed_http;
mod malformed_mqtt;
mod malformed_tls;
mod malformed_websocket;
mod offline_answers_cut;
mod own_certificate;
mod pending_run_cut;
mod power_cut;
mod renewal_cut;
mod shutdown;
mod signer;
mod telemetry_cut;
mod witness;

use self::witness::Witness;
