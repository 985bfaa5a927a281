//! Bringing a request to its outcome.

use std::time::Duration;

use provost_model::registry::{CertificateRefusal, CertificateRequest, Completion, RequestedBy};
use provost_model::{
    Action, Actor, Assignment, AuditEvent, AuditOrigin, IdentityId, RegistryDeviceName, Timestamp,
};
use provost_store::{
    CertificateRenewal, ReadTx, RegistryIdentity, RenewalError, RenewalState, StoreError, with_origin,
};
use tracing::{info, warn};

use super::counts::RenewalStep;
use super::failure::{self, of_refusal};
use crate::service::HubService;

/// How often requests nobody works on are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// From this age on nobody works on a request any more: whoever took it in would have ended it.
const ABANDONED: Duration = Duration::from_secs(30);
/// Requests taken up in one look.
const CHUNK: usize = 200;
/// How long one that came to nothing in its time is kept for its device after that.
const KEPT_AFTER: Duration = Duration::from_hours(1);
/// Renewals worked on at a time; the others wait.
pub(crate) const AT_A_TIME: usize = 32;
/// The longest pause before another try, when nothing can be issued.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);
/// How often what moved meanwhile is prepared anew.
const MAX_ATTEMPTS: usize = 4;

/// How a try ended.
enum Tried {
    /// It has its outcome, or is no longer wanted.
    Ended,
    /// What it rests on changed.
    Moved,
    /// For now nothing can be issued.
    Later,
}

impl HubService {
    /// Ends requests that a server before this one, or another one that is gone, took in, and forgets those
    /// whose time is over; for ever. Spawned by the program.
    pub async fn keep_renewals(self) {
        let mut age = Duration::ZERO;
        loop {
            if let Err(error) = self.tidy_renewals(age).await {
                warn!(
                    error = &error as &dyn std::error::Error,
                    "cannot go on with renewals"
                );
            }
            age = ABANDONED;
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Tells devices that nothing came of what they asked for in time, forgets what is over, and works on what has been pending for longer than this.
    pub(crate) async fn tidy_renewals(&self, age: Duration) -> Result<(), StoreError> {
        let now = self.now();
        self.time_out(now).await?;
        self.store().append(move |tx| tx.forget_renewals(now)).await?;
        let before = now.before(age);
        let abandoned = self
            .store()
            .read(move |tx: &ReadTx<'_>| tx.pending_renewals(before, CHUNK))
            .await?;
        for renewal in abandoned {
            let origin = AuditOrigin::system(&renewal.correlation_id);
            with_origin(origin, self.clone().finish_renewal(renewal)).await;
        }
        Ok(())
    }

    /// Ends requests that waited for as long as they count: whoever was told 202 is told an outcome.
    async fn time_out(&self, now: Timestamp) -> Result<(), StoreError> {
        let overdue = self
            .store()
            .read(move |tx: &ReadTx<'_>| tx.overdue_renewals(now, CHUNK))
            .await?;
        for mut renewal in overdue {
            renewal.expires_at = now.after(KEPT_AFTER);
            if self.fail(&renewal, failure::timed_out()).await? {
                warn!(hub = %renewal.hub, device = %renewal.device_id, "no certificate could be issued in time");
                self.tell(&renewal);
            }
        }
        Ok(())
    }

    /// Lets the device hear of an outcome, if it is here.
    fn tell(&self, renewal: &CertificateRenewal) {
        let id = IdentityId::from(renewal.device_id.clone());
        if let Some(link) = self.sessions().live(&renewal.hub, &id) {
            link.renewal_may_wait();
        }
    }

    fn count(&self, renewal: &CertificateRenewal, step: RenewalStep) {
        self.renewal_counters().add(&renewal.hub, step);
    }

    /// Works on a request until it has an outcome or has to wait, and tells the device.
    pub(super) async fn finish_renewal(self, renewal: CertificateRenewal) {
        let Ok(_turn) = self.renewal_turns().acquire().await else {
            return;
        };
        for _ in 0..MAX_ATTEMPTS {
            match self.try_renewal(&renewal).await {
                Ok(Tried::Moved) => {}
                Ok(Tried::Ended) => return self.tell(&renewal),
                Ok(Tried::Later) => break,
                Err(error) => {
                    let device = &renewal.device_id;
                    let error = &error as &dyn std::error::Error;
                    warn!(%device, error, "cannot renew a certificate now");
                    return;
                }
            }
        }
        if let Err(error) = self.put_off(&renewal).await {
            let error = &error as &dyn std::error::Error;
            warn!(device = %renewal.device_id, error, "cannot put a renewal off");
        }
    }

    /// Taken up again after a pause as long as it has been waiting: the pauses double.
    async fn put_off(&self, renewal: &CertificateRenewal) -> Result<(), StoreError> {
        let (late, now) = (renewal.clone(), self.now());
        let pause = now.since(renewal.asked_at).clamp(ABANDONED, LONGEST_PAUSE);
        // What is due is left for a while to whoever took it in.
        let due_at = now.after(pause.saturating_sub(ABANDONED));
        let put_off = self.store().append(move |tx| tx.put_off_renewal(&late, due_at));
        put_off.await?;
        self.count(renewal, RenewalStep::PutOff);
        Ok(())
    }

    async fn try_renewal(&self, renewal: &CertificateRenewal) -> Result<Tried, StoreError> {
        let (hub, device_id) = (renewal.hub.clone(), renewal.device_id.clone());
        let read = move |tx: &ReadTx<'_>| {
            let registry = tx.registry_identity(&hub, &device_id)?;
            Ok::<_, StoreError>((registry, tx.certificate_renewal(&hub, &device_id)?))
        };
        let (registry, kept) = self.store().read(read).await?;
        if kept.is_none() {
            self.count(renewal, RenewalStep::Cancelled);
        }
        let is_pending = kept.is_some_and(|kept| {
            kept.correlation_id == renewal.correlation_id && kept.state == RenewalState::Pending
        });
        if !is_pending {
            // Another one worked on it, or took its place, while it waited for its turn.
            return Ok(Tried::Ended);
        }
        let Some(name) = wanted(registry.as_ref(), renewal) else {
            // Revoked or deleted meanwhile: nothing of it counts.
            let gone = renewal.clone();
            let forget = self
                .store()
                .append(move |tx| tx.forget_certificate_renewal(&gone));
            forget.await?;
            self.count(renewal, RenewalStep::Cancelled);
            return Ok(Tried::Ended);
        };
        let Some(issuer) = self.issuer().get() else {
            return Ok(Tried::Later);
        };
        let request = CertificateRequest {
            device: name,
            device_id: renewal.device_id.clone(),
            by: RequestedBy::Renewal {
                hub: renewal.hub.clone(),
            },
            csr: renewal.csr.clone(),
        };
        match issuer.prepare(&request).await {
            Ok(prepared) => self.hand_out(renewal, prepared).await,
            Err(refusal) => self.refuse(renewal, &refusal).await,
        }
    }

    async fn hand_out(
        &self,
        renewal: &CertificateRenewal,
        prepared: provost_model::registry::PreparedCertificate,
    ) -> Result<Tried, StoreError> {
        let (service, counted) = (self.clone(), renewal);
        let renewal = renewal.clone();
        let write = move |tx: provost_store::WriteTx<'_>| {
            let registry = tx.registry_identity(&renewal.hub, &renewal.device_id)?;
            let is_wanted = wanted(registry.as_ref(), &renewal).is_some();
            if !is_wanted || !tx.end_certificate_renewal(&renewal, prepared.number)? {
                let tried = if is_wanted { Tried::Ended } else { Tried::Moved };
                return Ok(tx.unchanged((tried, false)));
            }
            let at = Assignment {
                hub: renewal.hub.clone(),
                device_id: renewal.device_id.clone(),
            };
            let Some(issuer) = service.issuer().get() else {
                return Ok(tx.unchanged((Tried::Later, false)));
            };
            match issuer.complete(&tx, &prepared, &at)? {
                Completion::Issued => {}
                // Prepared anew: a refusal is told then.
                Completion::Moved | Completion::Refused(_) => return Ok(tx.unchanged((Tried::Moved, false))),
            }
            let event = AuditEvent::new(
                Actor::Device(renewal.device_id.clone()),
                Action::Create,
                "certificate",
                renewal.hub.as_str(),
                renewal.device_id.as_str(),
            );
            tx.record(&event.with_detail("renewed"), (Tried::Ended, true))
        };
        let (tried, is_issued) = self.store().write(write).await?;
        if is_issued {
            self.count(counted, RenewalStep::Issued);
        }
        Ok(tried)
    }

    async fn refuse(
        &self,
        renewal: &CertificateRenewal,
        refusal: &CertificateRefusal,
    ) -> Result<Tried, StoreError> {
        let Some(error) = of_refusal(refusal, self.measured_renewal_codes()) else {
            return Ok(Tried::Later);
        };
        info!(
            hub = %renewal.hub,
            device = %renewal.device_id,
            reason = refusal.reason(),
            refusal = refusal as &dyn std::error::Error,
            "no certificate is issued"
        );
        self.fail(renewal, error).await.map(|_| Tried::Ended)
    }

    /// Whether it was still pending.
    async fn fail(&self, renewal: &CertificateRenewal, error: RenewalError) -> Result<bool, StoreError> {
        let (failing, code) = (renewal.clone(), error.code);
        let write = self
            .store()
            .append(move |tx| tx.fail_certificate_renewal(&failing, &error));
        let has_failed = write.await?;
        if has_failed {
            self.count(renewal, RenewalStep::Failed(code));
        }
        Ok(has_failed)
    }
}

/// The device's name in the registry, while it is the one that asked.
fn wanted(registry: Option<&RegistryIdentity>, renewal: &CertificateRenewal) -> Option<RegistryDeviceName> {
    let registry = registry.filter(|device| device.identifier == renewal.identifier)?;
    Some(registry.name.clone())
}
