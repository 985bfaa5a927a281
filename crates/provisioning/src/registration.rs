//! The device side: register, poll, look up.

use provost_attestation::sas::SasError;
use provost_model::{OperationId, RegistrationFailure, RegistrationId, RegistrationState, Timestamp};
use provost_wire::dps::device::RegisterRequest;

use crate::decide::Proof;
use crate::issuing::is_refusal;
use crate::lookup::{has_revoked_leaf, still_stands};
use crate::operation::{mint, recognise};
use crate::outcome::Written;
use crate::plan::Known;
use crate::records::RegistrationOutcome;
use crate::{Noun, ProvisioningError, ProvisioningService, Refusal, Refused, RegistrationCaller, Trace};

mod still_refused;

/// How often a run is decided anew because what it rests on changed meanwhile.
const MAX_ATTEMPTS: usize = 4;

/// A device's run through provisioning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What the device polls for.
    pub operation: OperationId,
    /// How it ended. For counting: the device learns it from its poll.
    pub state: RegistrationState,
}

impl Run {
    /// Whether it gave the device nothing that it asked for: it is disabled, or was refused a certificate.
    /// Who comes again and again for the same is charged for it.
    pub fn is_refused(&self) -> bool {
        match &self.state {
            RegistrationState::Disabled => true,
            RegistrationState::Failed(failure) => is_refusal(failure),
            RegistrationState::Assigned { .. } | RegistrationState::Assigning => false,
        }
    }
}

/// How one try ended.
enum Try {
    Ended(Run),
    /// What the decision rests on is no longer what it was.
    Moved,
    /// The certificate that was prepared is refused; nothing was written.
    Refused(RegistrationFailure),
}

impl ProvisioningService {
    /// Runs the device through provisioning. The outcome is on disk when this returns, and the device
    /// is told to poll for it all the same (dps-device-api.md 0.3 rule 1).
    ///
    /// A disabled entry ends the run with the outcome `disabled`, a missing hub with `failed`; both
    /// are accepted runs. One that needs a webhook or a hub elsewhere is written down as pending and
    /// goes on by itself ([`Self::run_pending`]). What the decision rests on is checked again inside
    /// the transaction, and when it changed, or the caller's decision is older than
    /// [`crate::ProvisioningOptions::decision_ttl`], it is made anew. A disabled device that comes
    /// again, and one that is refused a certificate for the same reason again, gets the run that is recorded
    /// already: nothing is written for it.
    ///
    /// A device that sends a signing request is issued a certificate by the policy its entry names, which
    /// becomes its credential in the hub. Without a policy, or with one that cannot issue, the run ends
    /// `failed` (certificate-management.md 3.1).
    ///
    /// # Errors
    /// 400213 when the signing request cannot be read or does not pass verification, 400004 when the body names another device, [`ProvisioningError::Refused`] when the device is
    /// no longer admitted, [`ProvisioningError::Moving`], 403102 when the device has no record and as
    /// many exist as there may be.
    pub async fn register(
        &self,
        caller: &RegistrationCaller,
        request: &RegisterRequest,
    ) -> Result<Run, ProvisioningError> {
        check_identity(request, caller.registration_id())?;
        let age = self.now().since(caller.judged_at());
        let is_fresh = age <= self.options().decision_ttl && self.check_expiry(caller).is_ok();
        let mut caller = if is_fresh {
            caller.clone()
        } else {
            self.authenticate_again(caller).await?
        };
        let mut refused = None;
        for _ in 0..MAX_ATTEMPTS {
            let known = match refused.take() {
                Some(failure) => Known::failed(failure),
                None if caller.is_disabled() => Known::default(),
                None => self.begin_issuing(&caller, request).await?,
            };
            if let Some(run) = self.still_refused(&caller, &known).await? {
                return Ok(run);
            }
            match self.run(&caller, request, known).await? {
                Try::Ended(run) => return Ok(run),
                Try::Moved => {}
                Try::Refused(failure) => refused = Some(failure),
            }
            caller = self.authenticate_again(&caller).await?;
        }
        Err(ProvisioningError::Moving)
    }

    /// The outcome of a run, for its device. Any genuine operation ID of the device is answered with
    /// the latest outcome; the device only has to prove itself, whatever became of its entry.
    ///
    /// # Errors
    /// 404201 for an operation ID that was not made for this device, or when the record was deleted.
    pub async fn operation_status(
        &self,
        caller: &RegistrationCaller,
        operation: &str,
    ) -> Result<(OperationId, RegistrationOutcome), ProvisioningError> {
        self.check_expiry(caller)?;
        let operation = recognise(operation, caller.instance(), caller.registration_id())?;
        let outcome = self.own_outcome(caller).await?;
        let outcome = outcome.ok_or(ProvisioningError::NotFound(Noun::Operation))?;
        Ok((operation, outcome))
    }

    /// The device's latest outcome without a new run (dps-device-api.md 2.1).
    ///
    /// # Errors
    /// 404202 before the first run; 400004 when the body names another device or carries a
    /// certificate request.
    pub async fn status_lookup(
        &self,
        caller: &RegistrationCaller,
        request: &RegisterRequest,
    ) -> Result<RegistrationOutcome, ProvisioningError> {
        check_identity(request, caller.registration_id())?;
        if request.csr.is_some() {
            return Err(ProvisioningError::invalid(
                "a status lookup takes no certificate request",
            ));
        }
        self.check_expiry(caller)?;
        let outcome = self.own_outcome(caller).await?;
        outcome.ok_or(ProvisioningError::NotFound(Noun::Registration))
    }

    /// One try.
    async fn run(
        &self,
        caller: &RegistrationCaller,
        request: &RegisterRequest,
        known: Known,
    ) -> Result<Try, ProvisioningError> {
        let operation = mint(caller.instance(), caller.registration_id(), self.random());
        let (service, caller, request) = (self.clone(), caller.clone(), request.clone());
        self.store()
            .write(move |tx| {
                if !still_stands(&tx, &caller)? {
                    return Ok::<_, ProvisioningError>(tx.unchanged(Try::Moved));
                }
                let written = service.write_outcome(&tx, &caller, operation.clone(), &request, &known)?;
                match written {
                    Written::Ended(event, state) => {
                        Ok(tx.record(&event, Try::Ended(Run { operation, state }))?)
                    }
                    Written::Repeated(operation, state) => {
                        Ok(tx.unchanged(Try::Ended(Run { operation, state })))
                    }
                    Written::Moved => Ok(tx.unchanged(Try::Moved)),
                    Written::Refused(failure) => Ok(tx.unchanged(Try::Refused(failure))),
                }
            })
            .await
    }

    async fn own_outcome(
        &self,
        caller: &RegistrationCaller,
    ) -> Result<Option<RegistrationOutcome>, ProvisioningError> {
        let (caller, now) = (caller.clone(), self.now());
        self.store()
            .read(move |tx| {
                // A connection may outlive the certificate it was opened with in this way, too.
                if has_revoked_leaf(tx, &caller)? {
                    return Err(refused(&caller, Refusal::RevokedLeaf, now));
                }
                let outcome =
                    RegistrationOutcome::find(tx, &caller.instance().name, caller.registration_id())?;
                outcome.map(|outcome| outcome.with_chain(tx)).transpose()
            })
            .await
    }

    async fn authenticate_again(
        &self,
        caller: &RegistrationCaller,
    ) -> Result<RegistrationCaller, ProvisioningError> {
        let proven = self.authenticate_shared(caller.proof().clone()).await?;
        Ok(proven.with_origin(caller.origin()))
    }

    /// A connection may outlive the proof it was opened with.
    fn check_expiry(&self, caller: &RegistrationCaller) -> Result<(), ProvisioningError> {
        let (proof, now) = (&caller.found().proof, self.now());
        if now < proof.valid_until() {
            return Ok(());
        }
        let refusal = match proof {
            Proof::Key { token, .. } => Refusal::Sas(SasError::Expired {
                expired_at: token.expires_at(),
                now,
            }),
            // The last second of a certificate counts in full.
            Proof::Pinned(_) | Proof::Chain(_) => match first_expired(proof, now) {
                Some(error) => Refusal::Chain(error),
                None => return Ok(()),
            },
        };
        Err(refused(caller, refusal, now))
    }
}

/// A device that proved itself before, and would not now.
fn refused(caller: &RegistrationCaller, refusal: Refusal, at: Timestamp) -> ProvisioningError {
    ProvisioningError::Refused(Box::new(Refused {
        refusal,
        trace: Trace::default(),
        dps: caller.instance().name.clone(),
        registration_id: caller.registration_id().clone(),
        chain: caller.proof().chain.clone(),
        at,
    }))
}

fn first_expired(proof: &Proof, now: Timestamp) -> Option<provost_pki::ChainError> {
    let issuers = match proof {
        Proof::Chain(chain) => chain.issuers(),
        Proof::Pinned(_) | Proof::Key { .. } => &[],
    };
    proof
        .leaf()
        .into_iter()
        .chain(issuers)
        .find_map(|certificate| certificate.check_validity(now).err())
}

/// The identity comes from the address; a copy in the body must agree (dps-device-api.md 2.3).
fn check_identity(request: &RegisterRequest, id: &RegistrationId) -> Result<(), ProvisioningError> {
    if request.agrees_with(id) {
        Ok(())
    } else {
        Err(ProvisioningError::invalid("Invalid RegistrationId"))
    }
}

#[cfg(test)]
mod tests;
