//! Why a device gets in or not, for operators: the same decision as for the device, in words. The
//! device itself learns only a number.

mod answer;

use provost_model::{AccessRight, PageSize, RegistrationId};
use provost_pki::PresentedChain;
use provost_wire::own::{ExplainInput, Explanation};

pub(crate) use self::answer::refused;
use self::answer::{in_short, judged, reread, say_if_disabled_in_registry, unproven};
use crate::decide::Claim;
use crate::{Noun, ProvisioningError, ProvisioningService, ServiceCaller};

/// How many of the latest refusals stand beside an answer.
const RECENT: usize = 5;

impl ProvisioningService {
    /// Says what became of a device that was told a tracking id, or what would become of one now.
    ///
    /// Possession of keys cannot be shown here: a certificate is taken as if its key had been
    /// proven, and without one the answer says what the device would have to show.
    ///
    /// # Errors
    /// 404207 for a tracking id that is not known (any more); 400000 and 400004 for a chain that
    /// cannot be read or whose leaf names no device.
    pub async fn explain(
        &self,
        caller: &ServiceCaller,
        input: ExplainInput,
    ) -> Result<Explanation, ProvisioningError> {
        caller.require(AccessRight::EnrollmentRead)?;
        self.flush_refusals().await?;
        match input {
            ExplainInput::Refusal { tracking_id } => self.explain_refusal(caller, tracking_id).await,
            ExplainInput::Device {
                registration_id,
                certificates,
            } => {
                let chain = certificates.as_deref().map(chain_of).transpose()?;
                let id = match registration_id {
                    Some(id) => id,
                    None => named(chain.as_ref())?,
                };
                self.explain_device(caller, id, chain).await
            }
        }
    }

    async fn explain_refusal(
        &self,
        caller: &ServiceCaller,
        tracking_id: String,
    ) -> Result<Explanation, ProvisioningError> {
        let dps = caller.dps();
        self.store()
            .read(move |tx| {
                let stored = tx.refusal(&dps, &tracking_id)?;
                let stored = stored.ok_or(ProvisioningError::NotFound(Noun::Refusal))?;
                Ok(reread(tx, &dps, &stored)?)
            })
            .await
    }

    async fn explain_device(
        &self,
        caller: &ServiceCaller,
        id: RegistrationId,
        chain: Option<PresentedChain>,
    ) -> Result<Explanation, ProvisioningError> {
        let (service, instance, at) = (self.clone(), caller.instance().clone(), self.now());
        self.store()
            .read(move |tx| {
                let mut explanation = match &chain {
                    Some(chain) => {
                        let claim = Claim {
                            id_scope: &instance.id_scope,
                            registration_id: &id,
                            sas: None,
                            chain: Some(chain),
                            at,
                        };
                        judged(
                            tx,
                            &instance.name,
                            &claim,
                            &service.decide(tx, &instance, &claim)?,
                        )?
                    }
                    None => unproven(tx, &instance.name, &id, at)?,
                };
                say_if_disabled_in_registry(tx, &instance.name, &id, &mut explanation)?;
                let recent = PageSize::clamp(Some(RECENT), RECENT, RECENT);
                let refusals = tx.refusals_of(&instance.name, &id, recent)?;
                explanation.recent_refusals = refusals.iter().filter_map(in_short).collect();
                Ok(explanation)
            })
            .await
    }
}

fn chain_of(text: &str) -> Result<PresentedChain, ProvisioningError> {
    PresentedChain::from_pem(text).map_err(|error| ProvisioningError::Certificate {
        member: "certificates",
        error,
    })
}

/// The registration ID a leaf stands for: its common name (dps-device-api.md 1.4).
fn named(chain: Option<&PresentedChain>) -> Result<RegistrationId, ProvisioningError> {
    chain
        .and_then(|chain| chain.leaf().common_name())
        .and_then(|name| RegistrationId::parse(name).ok())
        .ok_or_else(|| {
            ProvisioningError::invalid(
                "the common name of the first certificate is no registration ID: give `registrationId` too",
            )
        })
}

#[cfg(test)]
mod tests;
