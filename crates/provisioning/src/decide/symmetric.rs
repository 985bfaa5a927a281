use provost_attestation::sas::{CLOCK_SKEW, SasError, SasToken, VerifiedSas};
use provost_attestation::symmetric::derive_device_key;
use provost_model::{KeyPair, ProvisioningStatus, SymmetricKey};

use super::{AnchorKind, Entry, Judge, Match, Proof, Refusal, Snapshot, Step, Stop};

impl<S: Snapshot> Judge<'_, S> {
    /// The symmetric key groups, oldest first: nothing but the signature says which one it is.
    pub(super) fn symmetric_group(&mut self) -> Result<Match, Stop> {
        let token = self.token()?;
        let groups = self.snapshot.symmetric_groups().map_err(Stop::Store)?;
        let mut found = None;
        for (index, (_, _, keys)) in groups.iter().enumerate() {
            if let Some((token, derived)) = self.derived(&token, keys)? {
                found = Some((index, keys, token, derived));
                break;
            }
        }
        let tried = found.as_ref().map_or(groups.len(), |(index, ..)| index + 1);
        self.trace.push(Step::SymmetricGroups { tried });
        let Some((index, keys, token, derived)) = found else {
            return Err(Refusal::NoEntry.into());
        };
        // Groups that share the key match as well; their keys tell so without deriving again.
        let signer = keys.get(token.key_index() % 2);
        let mut decides = None;
        for (key, status, _) in groups
            .iter()
            .skip(index)
            .filter(|(_, _, other)| signer.is_some_and(|signer| other.contains(signer)))
        {
            self.trace.push(Step::Group {
                key: key.clone(),
                by: AnchorKind::SymmetricKey,
                status: *status,
            });
            let is_disabled = *status == ProvisioningStatus::Disabled;
            if decides.is_none() || is_disabled {
                decides = Some(key);
            }
            if is_disabled {
                break;
            }
        }
        let entry = self.decided(decides.map_or("", String::as_str))?;
        Ok(Match::new(entry, Proof::Key { token, keys: derived }, None))
    }

    /// Tries the keys derived from a group's keys with the registration ID as written, then in lower
    /// case (dps-device-api.md 1.3).
    fn derived(
        &self,
        token: &SasToken,
        group: &[SymmetricKey; 2],
    ) -> Result<Option<(VerifiedSas, KeyPair)>, Stop> {
        let id = self.claim.registration_id;
        let lower = (id.as_str() != id.key()).then(|| id.key());
        for spelling in std::iter::once(id.as_str()).chain(lower) {
            let [primary, secondary] = group.each_ref().map(|key| derive_device_key(key, spelling));
            match token.verify(&[&primary, &secondary], self.claim.at, CLOCK_SKEW) {
                Ok(verified) => return Ok(Some((verified, KeyPair { primary, secondary }))),
                Err(SasError::BadSignature) => {}
                Err(other) => return Err(other.into()),
            }
        }
        Ok(None)
    }

    /// Loads the group that decides.
    pub(super) fn decided(&mut self, key: &str) -> Result<Entry, Stop> {
        let group = self.snapshot.group(key).map_err(Stop::Store)?;
        self.trace.push(Step::Decided { key: key.to_owned() });
        // Within one snapshot a group that was listed is there.
        group.map(Entry::Group).ok_or_else(|| Refusal::NoEntry.into())
    }
}
