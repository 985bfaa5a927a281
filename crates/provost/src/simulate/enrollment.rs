use std::sync::Arc;

use provost_model::ambient::SystemClock;
use provost_model::{Random, SymmetricKey};
use serde_json::{Value, json};

use super::arguments::{Attestation as Kind, SimulateArguments};
use super::attestation::Attestation;
use super::authority::Authority;
use crate::cli::{Context, Failure, segment};
use crate::client::{ApiClient, ClientError};

/// Of the data plane (dps-service-api.md 0.2).
const API_VERSION: &str = "2021-10-01";

/// The enrollment group all devices use.
pub(super) struct Enrollment {
    /// Its name.
    pub(super) group_id: String,
    /// Made here, so that it may be deleted here.
    pub(super) is_own: bool,
    /// What its devices prove themselves with.
    pub(super) attestation: Attestation,
}

impl Enrollment {
    /// Makes a group, or reads what is needed of the one that was named.
    pub(super) async fn prepare(
        arguments: &SimulateArguments,
        context: &Context,
        random: &dyn Random,
    ) -> Result<Self, Failure> {
        let mut client = client(arguments, context)?;
        match &arguments.enrollment_group_id {
            Some(group_id) => Self::read(group_id, arguments, &mut client).await,
            None => Self::make(arguments, &mut client, random).await,
        }
    }

    async fn make(
        arguments: &SimulateArguments,
        client: &mut ApiClient,
        random: &dyn Random,
    ) -> Result<Self, Failure> {
        let group_id = format!("simulate-{}-{}", arguments.prefix, suffix(random));
        let path = group_path(&group_id);
        let attestation = match arguments.attestation {
            Kind::X509 => {
                let (authority, root) = Authority::generate(&group_id, &SystemClock, random)
                    .map_err(|error| Failure::Other(error.into()))?;
                client.put(&path, &x509_group(&group_id, &root), None).await?;
                Attestation::X509(Arc::new(authority))
            }
            Kind::Symmetric => {
                let body = json!({"enrollmentGroupId": group_id, "attestation": {"type": "symmetricKey"}});
                client.put(&path, &body, None).await?;
                Attestation::Symmetric(group_key(client, &path).await?)
            }
        };
        Ok(Self {
            group_id,
            is_own: true,
            attestation,
        })
    }

    async fn read(
        group_id: &str,
        arguments: &SimulateArguments,
        client: &mut ApiClient,
    ) -> Result<Self, Failure> {
        let attestation = match (&arguments.issuer_certificate, &arguments.issuer_key) {
            (Some(certificate), Some(key)) => {
                let authority = Authority::read(certificate, key);
                Attestation::X509(Arc::new(authority.map_err(|error| Failure::Other(error.into()))?))
            }
            _ => Attestation::Symmetric(group_key(client, &group_path(group_id)).await?),
        };
        Ok(Self {
            group_id: group_id.to_owned(),
            is_own: false,
            attestation,
        })
    }
}

/// Requests to the provisioning service.
pub(super) fn client(arguments: &SimulateArguments, context: &Context) -> Result<ApiClient, ClientError> {
    let instance = context.locator.dps(arguments.dps_name.as_deref())?;
    context.locator.client(&instance, API_VERSION)
}

/// Where a group is.
pub(super) fn group_path(group_id: &str) -> String {
    format!("/enrollmentGroups/{}", segment(group_id))
}

/// The root is what the group names: the service has to climb over the intermediate.
fn x509_group(group_id: &str, root: &str) -> Value {
    json!({
        "enrollmentGroupId": group_id,
        "attestation": {
            "type": "x509",
            "x509": { "signingCertificates": { "primary": { "certificate": root } } },
        },
    })
}

async fn group_key(client: &mut ApiClient, path: &str) -> Result<SymmetricKey, Failure> {
    let mechanism = client
        .post(&format!("{path}/attestationmechanism"), &json!({}), None)
        .await?;
    let key = mechanism
        .pointer("/symmetricKey/primaryKey")
        .and_then(Value::as_str);
    let key = key.ok_or_else(|| {
        Failure::Usage("an X.509 group needs --issuer-certificate and --issuer-key".to_owned())
    })?;
    SymmetricKey::parse(key).map_err(|_| ClientError::Unexpected("the key of the group is not a key").into())
}

/// Eight hexadecimal digits, so that one run does not meet the group of another.
fn suffix(random: &dyn Random) -> String {
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    format!("{:08x}", u32::from_be_bytes(bytes))
}
