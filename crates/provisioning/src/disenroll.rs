//! Shutting devices out in one act: entry, record and hub identity in one transaction.
//!
//! - one device: [`device`]
//! - a group, or everybody who hangs on a certificate, in batches: [`many`]

mod batch_token;
mod device;
mod identities;
mod many;
mod warnings;

use provost_access::Permission;
use provost_model::{
    AccessRight, Action, Actor, Assignment, AuditEvent, DeviceStatus, DpsName, HubName, ProvisioningStatus,
    RegistrationRecord, RegistrationState,
};
use provost_store::WriteTx;
use provost_wire::own::{DisenrollInput, DisenrollTarget, DisenrollView, TouchedView};

use crate::{AdminCaller, Noun, ProvisioningError, ProvisioningService, ServiceCaller};

/// What a thing is called that is not there.
const ABSENT: &str = "absent";

/// Who shuts out: an operator's policy may do it in the provisioning service, which has no rights in
/// hubs; only an administrator may do it everywhere.
#[derive(Debug, Clone, Copy)]
pub enum Disenroller<'a> {
    /// Needs `EnrollmentWrite` and `RegistrationStatusWrite`.
    Policy(&'a ServiceCaller),
    /// Of this instance.
    Admin(&'a AdminCaller, &'a DpsName),
}

impl Disenroller<'_> {
    fn require(self, everywhere: bool) -> Result<(), ProvisioningError> {
        match self {
            Self::Admin(admin, _) => Ok(admin.require(Permission::ServicesWrite, None)?),
            Self::Policy(_) if everywhere => Err(ProvisioningError::RightMissing(AccessRight::RegistryWrite)),
            Self::Policy(caller) => {
                caller.require(AccessRight::EnrollmentWrite)?;
                caller.require(AccessRight::RegistrationStatusWrite)
            }
        }
    }

    fn dps(self) -> DpsName {
        match self {
            Self::Policy(caller) => caller.dps(),
            Self::Admin(_, dps) => dps.clone(),
        }
    }

    fn actor(self) -> Actor {
        match self {
            Self::Policy(caller) => caller.actor(),
            Self::Admin(admin, _) => admin.actor(),
        }
    }
}

/// What an act came to so far.
#[derive(Debug, Default)]
struct Outcome {
    touched: Vec<TouchedView>,
    warnings: Vec<String>,
    /// Devices whose identities changed: their sessions are looked at after the commit.
    devices: Vec<Assignment>,
    continuation: Option<String>,
}

/// One act as it runs in its transaction.
struct Act<'a> {
    service: &'a ProvisioningService,
    tx: &'a WriteTx<'a>,
    dps: &'a DpsName,
    input: &'a DisenrollInput,
    outcome: Outcome,
}

impl ProvisioningService {
    /// Shuts out a device, a group or a certificate (dps-service-api.md 8 row 15). What was touched is
    /// one transaction with one audit event that names it; when this returns, no session of a device
    /// whose identity changed is alive any more. A dry run does the same and takes it back.
    ///
    /// A group or a certificate with many devices takes several requests: the answer's continuation
    /// goes into the next. The first one ends the entries, groups before individual enrollments.
    ///
    /// # Errors
    /// 403001; 404201 for a device nothing is known of, 404204 for an unknown group, 404205 for a
    /// certificate nobody holds, 404206 for an unknown instance; 400000 for a continuation that was
    /// not handed out for this.
    pub async fn disenroll(
        &self,
        caller: Disenroller<'_>,
        input: DisenrollInput,
    ) -> Result<DisenrollView, ProvisioningError> {
        caller.require(input.everywhere)?;
        let (dps, actor, service) = (caller.dps(), caller.actor(), self.clone());
        let dry_run = input.dry_run;
        let outcome = self
            .store()
            .write(move |tx| {
                // As it spells itself: the audit trail is asked by that.
                let instance = tx.dps(&dps)?.ok_or(ProvisioningError::NotFound(Noun::Instance))?;
                let dps = instance.name;
                let outcome = Act::run(&service, &tx, &dps, &input)?;
                if input.dry_run || !outcome.has_changes() {
                    return Ok::<_, ProvisioningError>(tx.unchanged(outcome));
                }
                let event = outcome.event(actor, &dps, &input.target);
                Ok(tx.record(&event, outcome)?)
            })
            .await?;
        if !dry_run {
            self.hubs().settle(&outcome.devices).await;
        }
        Ok(DisenrollView {
            dry_run,
            touched: outcome.touched,
            warnings: outcome.warnings,
            continuation: outcome.continuation,
        })
    }
}

impl<'a> Act<'a> {
    fn run(
        service: &'a ProvisioningService,
        tx: &'a WriteTx<'a>,
        dps: &'a DpsName,
        input: &'a DisenrollInput,
    ) -> Result<Outcome, ProvisioningError> {
        let mut act = Act {
            service,
            tx,
            dps,
            input,
            outcome: Outcome::default(),
        };
        match &input.target {
            DisenrollTarget::Device(id) => act.one_device(id)?,
            DisenrollTarget::Group(_) | DisenrollTarget::Certificate(_) => act.next_batch()?,
        }
        Ok(act.outcome)
    }

    /// Removes a record, unless it is what leads to an identity that is still there.
    fn end_record(
        &mut self,
        record: &RegistrationRecord,
        missed: &[Assignment],
    ) -> Result<(), ProvisioningError> {
        let is_needed = record
            .last_assignment()
            .is_some_and(|place| missed.contains(&place));
        if is_needed {
            self.warn(format!(
                "the record of {} stays for its hub",
                record.registration_id
            ));
            return Ok(());
        }
        self.tx.delete_registration(self.dps, &record.registration_id)?;
        let id = record.registration_id.as_str();
        self.touched("registration", id, record_word(&record.state), ABSENT);
        Ok(())
    }

    fn touched(&mut self, kind: &str, id: &str, before: &str, after: &str) {
        self.outcome.touched.push(TouchedView {
            kind: kind.to_owned(),
            id: id.to_owned(),
            hub: None,
            before: before.to_owned(),
            after: after.to_owned(),
        });
    }

    fn touched_identity(&mut self, hub: &HubName, id: &str, before: &str, after: &str) {
        self.outcome.touched.push(TouchedView {
            kind: "identity".to_owned(),
            id: id.to_owned(),
            hub: Some(hub.to_string()),
            before: before.to_owned(),
            after: after.to_owned(),
        });
    }

    fn warn(&mut self, text: String) {
        if !self.outcome.warnings.contains(&text) {
            self.outcome.warnings.push(text);
        }
    }
}

impl Outcome {
    fn has_changes(&self) -> bool {
        self.touched.iter().any(|touched| touched.before != touched.after)
    }

    /// Names everything that was changed. Its subject is the entry, so that whoever asks who changed
    /// that last finds it.
    fn event(&self, actor: Actor, dps: &DpsName, target: &DisenrollTarget) -> AuditEvent {
        let (kind, key) = match target {
            DisenrollTarget::Device(id) => ("enrollment", id.as_str()),
            DisenrollTarget::Group(id) => ("enrollmentGroup", id.as_str()),
            DisenrollTarget::Certificate(text) => ("certificate", certificate_word(text)),
        };
        let changed = self.touched.iter().filter(|it| it.before != it.after);
        let words: Vec<String> = changed.map(in_words).collect();
        AuditEvent::new(actor, Action::Disenroll, kind, dps.as_str(), key).with_detail(words.join("; "))
    }
}

fn in_words(touched: &TouchedView) -> String {
    let TouchedView {
        kind,
        id,
        before,
        after,
        ..
    } = touched;
    match &touched.hub {
        Some(hub) => format!("{kind} {hub}/{id}: {before} to {after}"),
        None => format!("{kind} {id}: {before} to {after}"),
    }
}

/// A name or a thumbprint; the text of a certificate is nothing to read in an audit trail.
fn certificate_word(text: &str) -> &str {
    if text.len() > 128 { "PEM" } else { text }
}

fn record_word(state: &RegistrationState) -> &'static str {
    match state {
        RegistrationState::Assigned { .. } => "assigned",
        RegistrationState::Failed(_) => "failed",
        RegistrationState::Disabled => "disabled",
        RegistrationState::Assigning => "assigning",
    }
}

fn entry_word(status: ProvisioningStatus) -> &'static str {
    match status {
        ProvisioningStatus::Enabled => "enabled",
        ProvisioningStatus::Disabled => "disabled",
    }
}

fn identity_word(status: DeviceStatus) -> &'static str {
    match status {
        DeviceStatus::Enabled => "enabled",
        DeviceStatus::Disabled => "disabled",
    }
}

#[cfg(test)]
mod tests;
