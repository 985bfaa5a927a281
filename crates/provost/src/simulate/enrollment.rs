use std::sync::Arc;

use provost_model::ambient::SystemClock;
use provost_model::{Random, SymmetricKey};
use serde_json::{Value, json};

use super::arguments::{Attestation as Kind, SimulateArguments};
use super::attestation::Attestation;
use super::authority::{Authority, AuthorityError};
use super::authority_folder::{AuthorityFolder, CaFiles};
use crate::cli::{Context, Failure, segment};
use crate::client::{ApiClient, ClientError};

/// Of the data plane (dps-service-api.md 0.2); the first that knows credential policies.
const API_VERSION: &str = "2025-07-01-preview";

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
            Some(group_id) => Self::read(group_id, arguments, &mut client, random).await,
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
        let attestation = match (arguments.attestation, &arguments.authority) {
            (Kind::X509, Some(folder)) => {
                let folder = AuthorityFolder::open(folder, &SystemClock, random).map_err(unusable)?;
                let files = folder.intermediate();
                let intermediate = files.read().map_err(unusable)?.issuer_pem();
                let body = named(x509_group(&group_id, &intermediate), arguments);
                client.put(&path, &body, None).await?;
                Attestation::X509Files(files)
            }
            (Kind::X509, None) => {
                let (authority, root) =
                    Authority::generate(&group_id, &SystemClock, random).map_err(unusable)?;
                let body = named(x509_group(&group_id, &root), arguments);
                client.put(&path, &body, None).await?;
                Attestation::X509(Arc::new(authority))
            }
            (Kind::Symmetric, _) => {
                let body = json!({"enrollmentGroupId": group_id, "attestation": {"type": "symmetricKey"}});
                client.put(&path, &named(body, arguments), None).await?;
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
        random: &dyn Random,
    ) -> Result<Self, Failure> {
        let attestation = match (
            &arguments.issuer_certificate,
            &arguments.issuer_key,
            &arguments.authority,
        ) {
            (Some(certificate), Some(key), _) => Attestation::X509Files(CaFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            (_, _, Some(folder)) => {
                let folder = AuthorityFolder::open(folder, &SystemClock, random).map_err(unusable)?;
                Attestation::X509Files(folder.intermediate())
            }
            _ => Attestation::Symmetric(group_key(client, &group_path(group_id)).await?),
        };
        if let Attestation::X509Files(files) = &attestation {
            files.read().map_err(unusable)?;
        }
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

fn unusable(error: AuthorityError) -> Failure {
    Failure::Other(error.into())
}

/// A root is what the group names, so that the service has to climb over the intermediate; or the
/// intermediate of an authority that is kept, so that it can be rolled.
fn x509_group(group_id: &str, certificate: &str) -> Value {
    json!({
        "enrollmentGroupId": group_id,
        "attestation": {
            "type": "x509",
            "x509": { "signingCertificates": { "primary": { "certificate": certificate } } },
        },
    })
}

/// The group with its credential policy, when it has one.
fn named(mut group: Value, arguments: &SimulateArguments) -> Value {
    if let (Some(policy), Some(group)) = (&arguments.certificates.credential_policy, group.as_object_mut()) {
        group.insert("credentialPolicyName".to_owned(), json!(policy));
    }
    group
}

async fn group_key(client: &mut ApiClient, path: &str) -> Result<SymmetricKey, Failure> {
    let mechanism = client
        .post(&format!("{path}/attestationmechanism"), &json!({}), None)
        .await?;
    let key = mechanism
        .pointer("/symmetricKey/primaryKey")
        .and_then(Value::as_str);
    let key = key.ok_or_else(|| {
        Failure::Usage(
            "an X.509 group needs --issuer-certificate and --issuer-key, or --authority".to_owned(),
        )
    })?;
    SymmetricKey::parse(key).map_err(|_| ClientError::Unexpected("the key of the group is not a key").into())
}

/// Eight hexadecimal digits, so that one run does not meet the group of another.
fn suffix(random: &dyn Random) -> String {
    let mut bytes = [0; 4];
    random.fill(&mut bytes);
    format!("{:08x}", u32::from_be_bytes(bytes))
}
