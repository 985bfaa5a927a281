//! What the Device Registry has beside Azure's contract. Its errors have the shape of the management
//! plane, where their words come from.

use provost_access::AdminCaller;
use provost_model::registry::{IssuedCertificate, NamespaceLink};
use provost_model::{NamespaceName, PageSize, RegistryDeviceName};
use provost_registry::{DeviceRevocation, RegistryError, RegistryService, RevocationTarget, Touched};
use provost_wire::arm::ArmScope;
use provost_wire::arm::registry::API_VERSION;
use provost_wire::own::Listing;
use provost_wire::own::registry::{
    BulkRevokeInput, BulkRevokeView, IssuedView, NamespaceLinkAction, NamespaceLinkBody, NamespaceLinkView,
    OperationView, RegistryExtra, RevokeInput, RevokedDeviceView, TouchView,
};

use super::super::ApiParts;
use super::super::arm;
use super::super::arm::registry::{RegistryFailure, accepted};
use super::super::call::Call;
use super::super::reply::Answer;
use super::{Failure, admin, shown};

mod authorities;
mod certificates;
mod deletion;
mod offline;

use self::authorities::authority_view;

/// Most operations that are listed.
const OPERATIONS: usize = 100;

type Answered = Result<Answer, RegistryFailure>;

/// Answers one operation.
pub(super) async fn answer(
    parts: &ApiParts,
    call: &Call,
    namespace: &NamespaceName,
    extra: RegistryExtra,
) -> Result<Answer, Failure> {
    // Who is no administrator is told so in the shape of everything else here.
    let admin = match admin(parts, call).await {
        Ok(admin) => admin,
        Err(error) => return Ok(arm::service_failed(call, &error)),
    };
    let request = Request {
        registry: &parts.registry,
        call,
        admin: &admin,
        namespace,
        parts,
    };
    Ok(request
        .perform(extra)
        .await
        .unwrap_or_else(|failure| failure.answer(call)))
}

/// The link of a hub or a provisioning service.
pub(super) async fn link(
    parts: &ApiParts,
    call: &Call,
    link: NamespaceLink,
    action: NamespaceLinkAction,
) -> Result<Answer, Failure> {
    let admin = admin(parts, call).await?;
    let done = change_link(parts, call, &admin, &link, action).await;
    Ok(done.unwrap_or_else(|failure| failure.answer(call)))
}

async fn change_link(
    parts: &ApiParts,
    call: &Call,
    admin: &AdminCaller,
    link: &NamespaceLink,
    action: NamespaceLinkAction,
) -> Answered {
    let registry = &parts.registry;
    let namespace = match action {
        NamespaceLinkAction::Get => registry.linked_namespace(admin, link).await?,
        NamespaceLinkAction::Put => {
            let NamespaceLinkBody { namespace } = NamespaceLinkBody::parse(&call.body)?;
            registry.link(admin, link, &namespace).await?;
            Some(namespace)
        }
        NamespaceLinkAction::Delete => {
            registry.unlink(admin, link).await?;
            return Ok(Answer::no_content());
        }
    };
    Ok(shown(&NamespaceLinkView {
        namespace: namespace.map(|name| name.to_string()),
    }))
}

struct Request<'a> {
    parts: &'a ApiParts,
    registry: &'a RegistryService,
    call: &'a Call,
    admin: &'a AdminCaller,
    namespace: &'a NamespaceName,
}

impl Request<'_> {
    async fn perform(&self, extra: RegistryExtra) -> Answered {
        let (registry, admin, namespace) = (self.registry, self.admin, self.namespace);
        match extra {
            RegistryExtra::ListCertificates(query) => self.certificates(*query).await,
            RegistryExtra::GetCertificate(number) => {
                let found = registry.certificate(admin, namespace, number).await?;
                Ok(shown(&IssuedView::whole(&found)))
            }
            RegistryExtra::RevokeCertificate(number) => self.revoke_certificate(number).await,
            RegistryExtra::ListAuthorities => {
                let all = registry.authorities(admin, namespace).await?;
                Ok(shown(&Listing {
                    value: all.iter().map(authority_view).collect(),
                }))
            }
            RegistryExtra::GetAuthority(id) => self.authority(&id).await,
            RegistryExtra::GetCrl(id, shard) => self.crl(&id, shard).await,
            RegistryExtra::RevokeDevice(device, dry_run) => self.revoke_device(device, dry_run).await,
            RegistryExtra::RevokeDevices(dry_run) => self.revoke_devices(dry_run).await,
            RegistryExtra::RevokeIssuer(policy, true) => self.touched(RevocationTarget::Issuer(policy)).await,
            RegistryExtra::RevokeIssuer(policy, false) => {
                let operation = registry.revoke_issuer(admin, namespace, &policy).await?;
                Ok(self.accepted(&operation))
            }
            RegistryExtra::DeletePolicy(policy, how) => self.delete_policy(&policy, how).await,
            RegistryExtra::DeleteCredential(how) => self.delete_credential(how).await,
            RegistryExtra::ListOperations => {
                let page = PageSize::clamp(None, OPERATIONS, OPERATIONS);
                let all = registry.operations(admin, namespace, page).await?;
                Ok(shown(&Listing {
                    value: all.iter().map(OperationView::from).collect(),
                }))
            }
            RegistryExtra::GetOfflineRoot => self.offline_root().await,
            RegistryExtra::PutOfflineRoot => self.put_offline_root().await,
            RegistryExtra::PostOfflineAnswers => self.offline_answers().await,
            RegistryExtra::GetOperation(id) => {
                let operation = registry.operation_named(admin, &id).await?;
                if operation.namespace != *namespace {
                    return Err(not_found("operation", &id).into());
                }
                Ok(shown(&OperationView::from(&operation)))
            }
        }
    }

    async fn revoke_certificate(&self, number: i64) -> Answered {
        let RevokeInput { reason, .. } = RevokeInput::parse(&self.call.body)?;
        let (admin, namespace) = (self.admin, self.namespace);
        admin
            .require_device_revocation(namespace)
            .map_err(RegistryError::from)?;
        let found: IssuedCertificate = self.registry.certificate(admin, namespace, number).await?;
        let which = (&found.ca, &found.serial);
        let revoked = self
            .registry
            .revoke_certificate(admin, namespace, which, reason)
            .await?;
        Ok(shown(&IssuedView::listed(&revoked)))
    }

    async fn revoke_device(&self, device: RegistryDeviceName, dry_run: bool) -> Answered {
        let input = RevokeInput::parse(&self.call.body)?;
        if dry_run {
            return self.touched(devices_of(vec![device], input)).await;
        }
        let operation = self
            .registry
            .revoke_device(self.admin, self.namespace, &device, how(input))
            .await?;
        Ok(self.accepted(&operation))
    }

    async fn revoke_devices(&self, dry_run: bool) -> Answered {
        let BulkRevokeInput { devices, revoke } = BulkRevokeInput::parse(&self.call.body)?;
        if dry_run {
            return self.touched(devices_of(devices, revoke)).await;
        }
        let outcomes = self
            .registry
            .revoke_devices(self.admin, self.namespace, &devices, how(revoke))
            .await?;
        let result = |(device, outcome): &(RegistryDeviceName, Result<_, RegistryError>)| RevokedDeviceView {
            device: device.to_string(),
            result: if outcome.is_ok() { "Succeeded" } else { "Failed" }.to_owned(),
            error: outcome.as_ref().err().map(RegistryError::public_message),
        };
        Ok(shown(&BulkRevokeView {
            revocation_results: outcomes.iter().map(result).collect(),
        }))
    }

    async fn touched(&self, target: RevocationTarget) -> Answered {
        let Touched {
            devices,
            certificates,
            connected,
            can_renew,
            stranded,
            replacement,
        } = self.registry.touched(self.admin, self.namespace, target).await?;
        Ok(shown(&TouchView {
            dry_run: true,
            devices,
            certificates,
            connected,
            can_renew,
            stranded,
            replacement: replacement.map(|outcome| outcome.as_str().to_owned()),
        }))
    }

    /// 202 with the addresses of the management plane, where every poller can look.
    fn accepted(&self, operation: &provost_model::registry::RegistryOperation) -> Answer {
        let scope = ArmScope {
            subscription: "00000000-0000-0000-0000-000000000000".to_owned(),
            resource_group: None,
        };
        accepted(&self.call.host, &scope, API_VERSION, operation)
    }
}

fn devices_of(names: Vec<RegistryDeviceName>, input: RevokeInput) -> RevocationTarget {
    RevocationTarget::Devices {
        names,
        disable: input.disable,
    }
}

fn how(input: RevokeInput) -> DeviceRevocation {
    DeviceRevocation {
        disable: input.disable,
        reason: input.reason,
    }
}

fn not_found(noun: &'static str, name: &str) -> RegistryError {
    RegistryError::NotFound {
        noun,
        name: name.to_owned(),
    }
}
