//! The enrollment group every certified device belongs to, made the way an operator makes it.

use anyhow::Result;
use provost_device::http::Method;
use serde_json::json;

use crate::operator::Operator;
use crate::server::Server;

/// Puts a group with this signing certificate (dps-service-api.md 3.2).
pub(super) fn put(server: &Server, signing_certificate_pem: &str) -> Result<()> {
    let body = json!({
        "enrollmentGroupId": "presses",
        "attestation": {
            "type": "x509",
            "x509": { "signingCertificates": { "primary": { "certificate": signing_certificate_pem } } },
        },
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut operator = Operator::connect(server).await?;
        operator
            .dps(Method::PUT, "/enrollmentGroups/presses", Some(&body))
            .await?;
        Ok(())
    })
}
