//! The management plane (dps-service-api.md 4), reached with an admin token.

mod links;
pub(super) mod registry;

use provost_hub::HubError;
use provost_model::registry::NamespaceLink;
use provost_model::{AuthorityOwner, DpsName, ErrorKind};
use provost_provisioning::{AdminCaller, AuthorityUpload, Noun, ProvisioningError, ShownAuthority};
use provost_registry::RegistryError;
use provost_wire::arm::{
    ArmError, ArmOperation, ArmRoute, ArmScope, CertificateUpload, CertificateView, InstanceView,
    certificate, instance, key_entry, list, parse_verification,
};
use provost_wire::{BodyError, RouteError, json};
use serde_json::Value;

use self::registry::RegistryFailure;
use super::ApiParts;
use super::call::{Call, CallError};
use super::reply::{Answer, log};

/// Where the program runs, as far as a client must be told something.
const LOCATION: &str = "local";

/// Answers one operation.
pub(super) async fn answer(parts: &ApiParts, call: &Call, route: ArmRoute) -> Answer {
    match perform(parts, call, route).await {
        Ok(answer) => answer,
        Err(Failure::Service(error)) => service_failed(call, &error),
        Err(Failure::Hub(error)) => {
            log(call, error.kind(), error.code(), &error);
            refuse(error.code(), "InvalidRequest", error.public_message())
        }
        Err(Failure::Registry(failure)) => failure.answer(call),
        Err(Failure::Body(error)) => {
            let body = ArmError::new("InvalidRequestContent", error.public_message()).about(error.path());
            Answer::json(400, body.to_json())
        }
    }
}

/// An error of the provisioning service, which knows the administrators.
pub(super) fn service_failed(call: &Call, error: &ProvisioningError) -> Answer {
    log(call, error.kind(), error.code(), error);
    refuse(error.code(), word(error), error.public_message())
}

enum Failure {
    Service(ProvisioningError),
    Body(BodyError),
    Registry(RegistryFailure),
    Hub(HubError),
}

impl From<ProvisioningError> for Failure {
    fn from(error: ProvisioningError) -> Self {
        Self::Service(error)
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error.into())
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        match error {
            HubError::HubNotFound => ProvisioningError::NotFound(Noun::Hub).into(),
            HubError::Forbidden(forbidden) => ProvisioningError::Forbidden(forbidden).into(),
            HubError::Store(error) => ProvisioningError::Store(error).into(),
            other => Self::Hub(other),
        }
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

/// An address with something wrong in it.
pub(super) fn malformed(call: &Call, error: &RouteError) -> Answer {
    log(call, ErrorKind::Invalid, error.code(), error);
    let word = match error {
        RouteError::ApiVersion { .. } => "MissingApiVersionParameter",
        RouteError::UnsupportedVersion { .. } => "InvalidApiVersionParameter",
        RouteError::Id(_) => "InvalidResourceName",
        RouteError::Encoding | RouteError::Parameter(_) | RouteError::UnknownParameter(_) => "InvalidRequest",
    };
    let body = ArmError::new(word, error.public_message()).about(error.parameter());
    Answer::json(400, body.to_json())
}

/// A request whose body is of no use.
pub(super) fn unreadable(error: &CallError) -> Answer {
    let word = match error {
        CallError::BodyTooLarge => "RequestEntityTooLarge",
        CallError::BodyLost => "InvalidRequestContent",
        CallError::MediaType => "UnsupportedMediaType",
    };
    refuse(error.code(), word, error.to_string())
}

pub(super) fn no_method() -> Answer {
    let message = "this address does not take that method";
    refuse(405_000, "MethodNotAllowed", message.to_owned())
}

pub(super) fn nowhere() -> Answer {
    let message = "there is nothing at this address";
    refuse(404_000, "ResourceNotFound", message.to_owned())
}

fn refuse(code: u32, word: &'static str, message: String) -> Answer {
    let status = u16::try_from(code / 1000).unwrap_or(500);
    Answer::json(status, ArmError::new(word, message).to_json())
}

/// The word az prints; the number of a failed proof is part of it.
fn word(error: &ProvisioningError) -> &'static str {
    match error {
        ProvisioningError::Possession(_) | ProvisioningError::NoVerificationCode => "IH400053",
        ProvisioningError::NoToken { .. } | ProvisioningError::ExpiredToken => "InvalidAuthenticationToken",
        ProvisioningError::Forbidden(_) | ProvisioningError::RightMissing(_) => "AuthorizationFailed",
        ProvisioningError::NotFound(_) => "ResourceNotFound",
        ProvisioningError::PreconditionFailed(_) => "PreconditionFailed",
        ProvisioningError::Quota { .. } => "QuotaExceeded",
        ProvisioningError::Store(_) | ProvisioningError::Moving => "ServiceUnavailable",
        _ => "InvalidRequest",
    }
}

/// Proves the caller before anything else is read.
async fn perform(parts: &ApiParts, call: &Call, route: ArmRoute) -> Result<Answer, Failure> {
    let credential = call.authorization();
    let admin = parts.dps.authenticate_admin(credential).await?;
    let request = Request {
        parts,
        call,
        admin: &admin,
        scope: &route.scope,
        api_version: route.api_version.as_str(),
    };
    operate(&request, route.operation).await
}

async fn operate(request: &Request<'_>, operation: ArmOperation) -> Result<Answer, Failure> {
    let (dps, call, admin) = (&request.parts.dps, request.call, request.admin);
    match operation {
        ArmOperation::ListInstances => request.instances().await,
        ArmOperation::GetInstance(name) => Ok(value(&request.instance(name).await?)),
        ArmOperation::ListHubs => request.hubs().await,
        ArmOperation::GetHub(name) => request.hub(&name).await,
        ArmOperation::LinkInstance(name) => request.link_instance(name).await,
        ArmOperation::LinkHub(name) => request.link_hub(&name).await,
        ArmOperation::Registry(version, action) => Ok(request.registry(version, action).await),
        ArmOperation::ListKeys(owner) => {
            let policies = dps.reveal_policies(admin, owner, None).await?;
            Ok(value(&list(policies.iter().map(key_entry).collect())))
        }
        ArmOperation::ListKey(owner, name) => {
            let policies = dps.reveal_policies(admin, owner, Some(name)).await?;
            Ok(value(&policies.first().map(key_entry).unwrap_or_default()))
        }
        ArmOperation::ListCertificates(owner) => request.certificates(&owner).await,
        ArmOperation::GetCertificate(owner, name) => {
            let shown = dps.get_authority(admin, owner.clone(), name).await?;
            Ok(value(&request.certificate(&owner, &shown, false)))
        }
        ArmOperation::PutCertificate(owner, name) => {
            let upload = request.upload()?;
            let shown = dps.put_authority(admin, owner.clone(), name, upload, call.if_match());
            Ok(value(&request.certificate(&owner, &shown.await?, false)))
        }
        ArmOperation::DeleteCertificate(owner, name) => {
            dps.delete_authority(admin, owner, name, call.if_match()).await?;
            Ok(Answer::no_content())
        }
        ArmOperation::GenerateVerificationCode(owner, name) => {
            let shown = dps.generate_verification_code(admin, owner.clone(), name, call.if_match());
            Ok(value(&request.certificate(&owner, &shown.await?, true)))
        }
        ArmOperation::VerifyCertificate(owner, name) => {
            let text = parse_verification(&call.body)?;
            let shown = dps.verify_authority(admin, owner.clone(), name, &text, call.if_match());
            Ok(value(&request.certificate(&owner, &shown.await?, false)))
        }
    }
}

struct Request<'a> {
    parts: &'a ApiParts,
    call: &'a Call,
    admin: &'a AdminCaller,
    scope: &'a ArmScope,
    api_version: &'a str,
}

impl Request<'_> {
    async fn instances(&self) -> Result<Answer, Failure> {
        let mut shown = Vec::new();
        for instance in self.parts.dps.instances(self.admin).await? {
            shown.push(self.instance(instance.name).await?);
        }
        Ok(value(&list(shown)))
    }

    async fn instance(&self, dps: DpsName) -> Result<Value, Failure> {
        let record = self.parts.dps.instance(self.admin, dps.clone()).await?;
        let hubs = self.parts.dps.linked_hubs(self.admin, dps.clone()).await?;
        let namespace = self.namespace_of(&NamespaceLink::Dps(dps)).await?;
        Ok(instance(&InstanceView {
            scope: self.scope,
            instance: &record,
            device_host: record.host.as_str(),
            location: LOCATION,
            hubs: &hubs,
            namespace: namespace.as_ref(),
        }))
    }

    async fn certificates(&self, owner: &AuthorityOwner) -> Result<Answer, Failure> {
        let shown = self.parts.dps.list_authorities(self.admin, owner.clone()).await?;
        let all = shown.iter().map(|one| self.certificate(owner, one, false));
        Ok(value(&list(all.collect())))
    }

    fn upload(&self) -> Result<AuthorityUpload, Failure> {
        let upload = CertificateUpload::parse(&self.call.body)?;
        Ok(AuthorityUpload {
            text: upload.certificate,
            is_verified: Some(upload.is_verified),
        })
    }

    fn certificate(&self, owner: &AuthorityOwner, shown: &ShownAuthority, show_code: bool) -> Value {
        certificate(&CertificateView {
            scope: self.scope,
            owner,
            authority: &shown.authority,
            info: &shown.info(),
            common_name: shown.certificate.common_name().unwrap_or_default(),
            show_code,
        })
    }
}

fn value(value: &Value) -> Answer {
    Answer::ok(json::to_bytes(value))
}
