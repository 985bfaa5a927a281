use provost_attestation::sas::{CLOCK_SKEW, SasToken};
use provost_attestation::x509::{check_registration_id, verify_registered};
use provost_model::{CertificateName, IndividualEnrollment, IndividualMechanism, Slots};
use provost_pki::{Certificate, PresentedChain, verify_chain};

use super::{Entry, Judge, Match, Proof, Refusal, Snapshot, Step, Stop};

/// The policy name devices put into a token (dps-device-api.md 5.2).
const DEVICE_POLICY: &str = "registration";

impl<S: Snapshot> Judge<'_, S> {
    /// The device's own enrollment decides alone.
    pub(super) fn individual(&mut self, entry: IndividualEnrollment) -> Result<Match, Stop> {
        let proof = match &entry.mechanism {
            IndividualMechanism::ClientCertificates(slots) => {
                let chain = self.named_chain()?;
                let pinned = verify_registered(chain.leaf(), slots.iter(), self.claim.at)?;
                Proof::Pinned(pinned)
            }
            IndividualMechanism::CaReferences(names) => self.referenced(names)?,
            IndividualMechanism::SymmetricKey(keys) => {
                let token = self.token()?;
                let token = token.verify(&[&keys.primary, &keys.secondary], self.claim.at, CLOCK_SKEW)?;
                let keys = keys.clone();
                Proof::Key { token, keys }
            }
        };
        Ok(Match::new(Entry::Individual(entry), proof, self.claim.chain))
    }

    /// The chain, whose leaf must carry the registration ID as its common name
    /// (dps-device-api.md 1.4).
    pub(super) fn named_chain(&self) -> Result<&PresentedChain, Stop> {
        let chain = self.claim.chain.ok_or(Refusal::WrongProof {
            expected: "client certificate",
        })?;
        check_registration_id(chain.leaf(), self.claim.registration_id)?;
        Ok(chain)
    }

    /// The token, which must be made for this scope and device. Not yet verified.
    pub(super) fn token(&self) -> Result<SasToken, Stop> {
        let text = self.claim.sas.ok_or(Refusal::WrongProof {
            expected: "SAS token",
        })?;
        let token = SasToken::parse(text)?;
        let audience = provost_wire::dps::device::sas_audience(
            self.claim.id_scope.as_str(),
            self.claim.registration_id.as_str(),
        );
        if !token.resource().eq_ignore_ascii_case(&audience) {
            return Err(Refusal::SasResource.into());
        }
        if token.policy().is_some_and(|name| name != DEVICE_POLICY) {
            return Err(Refusal::SasPolicy.into());
        }
        Ok(token)
    }

    /// A path to one of the CA certificates the enrollment names.
    fn referenced(&mut self, names: &Slots<CertificateName>) -> Result<Proof, Stop> {
        let mut anchors: Vec<Certificate> = Vec::new();
        let mut unverified = None;
        for name in names.iter() {
            let Some(authority) = self.snapshot.authority(name).map_err(Stop::Store)? else {
                self.trace.push(Step::AuthorityGone { name: name.clone() });
                continue;
            };
            self.trace.push(Step::Authority {
                name: authority.name.clone(),
                is_verified: authority.is_verified,
            });
            if !authority.is_verified {
                unverified = Some(authority.name);
                continue;
            }
            anchors.extend(self.parsed(&authority.certificate));
        }
        let chain = self.named_chain()?;
        let verified = verify_chain(chain, &anchors, self.rules.memo, self.claim.at).map_err(|error| {
            let refusal = Self::chain_refusal(error);
            match (refusal, unverified) {
                (Refusal::AuthorityMissing { .. }, Some(name)) => Refusal::AuthorityUnverified { name },
                (refusal, _) => refusal,
            }
        })?;
        Ok(Proof::Chain(verified))
    }
}
