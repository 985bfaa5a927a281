//! Custom allocation: what a webhook is asked, and what its answer means (dps-device-api.md 8.3).

use provost_model::twin::check_initial;
use provost_model::{
    AccessRight, AllocationAnswer, AllocationCall, Assignment, DpsName, EnrollmentGroupId,
    EnrollmentSettings, HostName, LinkedHub, PendingRegistration, RegistrationId, Secret, Slots,
    foreign_text,
};
use provost_store::ReadTx;
use provost_wire::ApiVersion;
use provost_wire::dps::webhook::{AllocationReply, AllocationRequest, AskedEntry, masked_url};
use tracing::warn;

use crate::allocate::same_host;
use crate::attestation::{shown_certificate, shown_certificates};
use crate::{
    Entry, EntryId, Noun, ProvisioningError, ProvisioningService, RegistrationCaller, ServiceCaller,
    WebhookAnswer, WebhookError,
};

/// Longest request and answer kept for the operator, in characters.
const KEPT: usize = 32 * 1024;
/// Longest reason of a failure, in characters.
const LONGEST_REASON: usize = 1_000;
/// What a failed run says first (dps-service-api.md 2.7).
const FAILED: &str = "Custom allocation failed";

/// How asking ended.
pub(crate) enum Asked {
    Answered(Box<AllocationAnswer>),
    Failed {
        reason: String,
        /// Asking again changes nothing.
        is_final: bool,
    },
}

impl Asked {
    fn wrong(reason: impl std::fmt::Display) -> Self {
        Self::failed(&format!("{FAILED}: {reason}"), true)
    }

    fn failed(reason: &str, is_final: bool) -> Self {
        Self::Failed {
            reason: foreign_text(reason, LONGEST_REASON),
            is_final,
        }
    }
}

impl ProvisioningService {
    /// Asks the webhook of the device's entry once and keeps the call for the operator.
    pub(crate) async fn ask_webhook(
        &self,
        run: &PendingRegistration,
        caller: &RegistrationCaller,
        linked: &[LinkedHub],
        current: Option<(HostName, Assignment)>,
    ) -> Result<Asked, ProvisioningError> {
        let settings = caller.found().entry.settings();
        let Some(custom) = &settings.custom_allocation else {
            return Ok(Asked::wrong("the entry names no webhook"));
        };
        let document = question(run, caller, linked, current.as_ref()).to_string();
        let url = Secret::new(custom.webhook_url.clone());
        let answered = self.webhooks().post(&url, document.clone().into_bytes()).await;
        let asked = read(&answered, settings, linked);
        let (status, answer) = match answered {
            Ok(WebhookAnswer { status, body }) => (
                Some(status),
                Some(foreign_text(&String::from_utf8_lossy(&body), KEPT)),
            ),
            Err(_) => (None, None),
        };
        let call = AllocationCall {
            at: self.now(),
            attempt: run.attempts.saturating_add(1),
            url: masked_url(&custom.webhook_url),
            request: foreign_text(&document, KEPT),
            status,
            answer,
            error: match &asked {
                Asked::Answered(_) => None,
                Asked::Failed { reason, .. } => Some(reason.clone()),
            },
        };
        let (dps, id) = (run.dps.clone(), run.registration_id.clone());
        let kept = self
            .store()
            .append(move |tx| tx.put_allocation_call(&dps, &id, &call))
            .await;
        if let Err(error) = kept {
            // The run goes on without: only the operator's view of it is missing.
            warn!(
                error = &error as &dyn std::error::Error,
                "a call of a webhook is not kept"
            );
        }
        Ok(asked)
    }

    /// The latest call of the webhook of a registration.
    ///
    /// # Errors
    /// 403 without `RegistrationStatusRead`; 404206 for another instance, 404202 when none was made.
    pub async fn allocation_call(
        &self,
        caller: &ServiceCaller,
        dps: DpsName,
        id: RegistrationId,
    ) -> Result<AllocationCall, ProvisioningError> {
        caller.require(AccessRight::RegistrationStatusRead)?;
        if dps != caller.dps() {
            return Err(ProvisioningError::NotFound(Noun::Instance));
        }
        let call = self
            .store()
            .read(move |tx: &ReadTx<'_>| tx.allocation_call(&dps, &id))
            .await?;
        call.ok_or(ProvisioningError::NotFound(Noun::Registration))
    }
}

fn question(
    run: &PendingRegistration,
    caller: &RegistrationCaller,
    linked: &[LinkedHub],
    current: Option<&(HostName, Assignment)>,
) -> serde_json::Value {
    let found = caller.found();
    let leaf = found.proof.leaf().map(shown_certificate);
    let certificates = certificates(&found.entry);
    let entry = match &found.entry {
        Entry::Individual(enrollment) => AskedEntry::Individual(enrollment, &certificates),
        Entry::Group(group) => AskedEntry::Group(group, &certificates),
    };
    let custom = found.entry.settings().custom_allocation.as_ref();
    AllocationRequest {
        entry,
        default_allocation: caller.instance().allocation,
        api_version: ApiVersion::new(custom.map_or("", |custom| &custom.api_version)),
        registration_id: caller.registration_id(),
        current: current.map(|(host, place)| (host, &place.device_id)),
        certificate: leaf.as_ref(),
        payload: run.payload.as_ref(),
        linked_hubs: linked.iter().map(|hub| &hub.host).collect(),
    }
    .to_value()
}

fn certificates(entry: &Entry) -> Slots<provost_wire::dps::CertificateInfo> {
    shown_certificates(match entry {
        Entry::Individual(enrollment) => RegistrationId::certificates(enrollment),
        Entry::Group(group) => EnrollmentGroupId::certificates(group),
    })
}

fn read(
    answered: &Result<WebhookAnswer, WebhookError>,
    settings: &EnrollmentSettings,
    linked: &[LinkedHub],
) -> Asked {
    let answer = match answered {
        Ok(answer) => answer,
        Err(error) => {
            let is_final = matches!(error, WebhookError::Forbidden(_));
            return Asked::failed(&format!("{FAILED}: {error}"), is_final);
        }
    };
    if answer.status != 200 {
        let is_final = !matches!(answer.status, 408 | 429 | 500..=599);
        return Asked::failed(&format!("{FAILED} with status code: {}", answer.status), is_final);
    }
    let reply = match AllocationReply::parse(&answer.body) {
        Ok(reply) => reply,
        Err(error) => return Asked::wrong(format!("the answer cannot be used: {error}")),
    };
    let Some(chosen) = linked.iter().find(|hub| same_host(&hub.host, &reply.hub)) else {
        return Asked::wrong("the answer names a hub that is not among the linked hubs");
    };
    if let Some(error) = reply
        .initial_twin
        .as_ref()
        .and_then(|twin| check_initial(twin).err())
    {
        return Asked::wrong(format!("the initial twin of the answer: {error}"));
    }
    Asked::Answered(Box::new(AllocationAnswer {
        entry: settings.etag.clone(),
        hub: chosen.hub.clone(),
        initial_twin: reply.initial_twin,
        payload: reply.payload,
    }))
}
