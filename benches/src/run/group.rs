//! The enrollment groups certified devices belong to, made the way an operator makes them.

use anyhow::Result;
use provost_device::http::Method;
use serde_json::json;

use crate::operator::Operator;
use crate::server::Server;

/// Whether the devices of a group get in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Status {
    Enabled,
    Disabled,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
        }
    }
}

/// Puts a group with this signing certificate (dps-service-api.md 3.2).
pub(super) fn put(server: &Server, id: &str, signing_certificate_pem: &str, status: Status) -> Result<()> {
    let body = json!({
        "enrollmentGroupId": id,
        "provisioningStatus": status.word(),
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
        let path = format!("/enrollmentGroups/{id}");
        operator.dps(Method::PUT, &path, Some(&body)).await?;
        Ok(())
    })
}
