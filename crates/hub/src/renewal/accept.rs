//! A device asks: what is answered at once.

use provost_store::{AppendTx, CertificateRenewal, RenewalState};
use provost_wire::hub::device::{RenewalFailure, RenewalRequest, Replace, RequestId, accepted_body};

use super::deliver::RenewalReply;
use super::{KEPT, failure};
use crate::HubError;
use crate::auth::Right;
use crate::session::{DeviceSession, Feature};

/// What a request comes to.
enum Verdict {
    /// It is written down and is to be worked on.
    New(CertificateRenewal),
    /// It was asked for before: what became of it is told again.
    Again(CertificateRenewal),
    /// Nothing was changed.
    Refused(RenewalFailure),
}

impl DeviceSession {
    /// The device asks for another certificate. Answered while it listens for answers, and not otherwise:
    /// then nothing is done. The outcome follows as [`crate::SessionEvent::Renewal`].
    ///
    /// # Errors
    /// [`HubError::SessionClosed`].
    pub async fn renew(&self, rid: &str, body: &[u8]) -> Result<Option<RenewalReply>, HubError> {
        if !self.is_subscribed(Feature::CredentialResponses) {
            return Ok(None);
        }
        let refused = |refused: RenewalFailure| Some(self.refusal(rid, &refused));
        let Some(request_id) = RequestId::parse(rid) else {
            return Ok(refused(failure::bad_request_id()));
        };
        let request = match RenewalRequest::parse(body, self.device_id().as_str()) {
            Ok(request) => request,
            Err(error) => return Ok(refused(failure::of_body(&error))),
        };
        match self.write_down(request_id, request).await {
            Ok(Verdict::New(renewal)) => {
                let accepted = accepted(rid, &renewal);
                // Not waited for: the answer comes as an event, after this one.
                tokio::spawn(self.service().clone().finish_renewal(renewal));
                Ok(Some(accepted))
            }
            Ok(Verdict::Again(renewal)) => {
                self.link().renewal_may_wait();
                Ok(Some(accepted(rid, &renewal)))
            }
            Ok(Verdict::Refused(why)) => Ok(refused(why)),
            Err(HubError::SessionClosed) => Err(HubError::SessionClosed),
            Err(HubError::Store(error)) => Ok(refused(failure::of_store(&error))),
            Err(other) => Err(other),
        }
    }

    async fn write_down(&self, id: RequestId, request: RenewalRequest) -> Result<Verdict, HubError> {
        let right = Right::of(self.link()).ok_or(HubError::SessionClosed)?;
        let (hub, device_id, now) = (self.hub().clone(), self.device_id().clone(), self.service().now());
        let correlation_id = self.service().random().uuid();
        let is_measured = self.service().measured_renewal_codes();
        let has_issuer = self.service().issuer().get().is_some();
        let write = move |tx: &AppendTx<'_>| {
            right.check(&tx.read())?;
            let registry = tx.read().registry_identity(&hub, &device_id)?;
            let Some(registry) = registry.filter(|device| device.has_policy && has_issuer) else {
                let why = failure::not_ready("The certificates of this device come from no policy.");
                return Ok::<_, HubError>(Verdict::Refused(why));
            };
            let before = tx.read().certificate_renewal(&hub, &device_id)?;
            let before =
                before.filter(|before| before.expires_at > now && before.identifier == registry.identifier);
            let verdict = judge(before.as_ref(), &id, &request, is_measured);
            let renewal = match verdict {
                Some(Verdict::Again(renewal)) => {
                    tx.note_renewal_delivered(&renewal, false)?;
                    return Ok(Verdict::Again(renewal));
                }
                Some(refused) => return Ok(refused),
                None => CertificateRenewal {
                    hub: hub.clone(),
                    device_id: device_id.clone(),
                    request_id: id.as_str().to_owned(),
                    correlation_id: correlation_id.clone(),
                    csr: request.csr.clone(),
                    identifier: registry.identifier,
                    state: RenewalState::Pending,
                    is_delivered: false,
                    asked_at: now,
                    expires_at: now.after(KEPT),
                },
            };
            tx.put_certificate_renewal(&renewal)?;
            Ok(Verdict::New(renewal))
        };
        self.service().store().append(write).await
    }
}

/// Judges a request by the one before; `None` when it takes its place.
///
/// | before | same id, same request | same id, another request | another id |
/// |---|---|---|---|
/// | none, `replace` none or `*` | new | new | new |
/// | pending | again | new when it replaces, else 409 | new when it replaces, else 409 |
/// | done | again | new when it replaces, else 409 | new |
///
/// Replacing one by its id that is not pending is 412.
fn judge(
    before: Option<&CertificateRenewal>,
    id: &RequestId,
    request: &RenewalRequest,
    is_measured: bool,
) -> Option<Verdict> {
    let is_same_id = before.is_some_and(|before| before.request_id == id.as_str());
    if let Some(before) = before.filter(|before| is_same_id && before.csr == request.csr) {
        return Some(Verdict::Again(before.clone()));
    }
    let pending = before.filter(|before| before.state == RenewalState::Pending);
    if let Some(Replace::Request(wanted)) = &request.replace {
        return match pending {
            Some(pending) if pending.request_id == wanted.as_str() => None,
            _ => Some(Verdict::Refused(failure::not_pending(wanted.as_str()))),
        };
    }
    let stands_in_the_way = pending.or(before.filter(|_| is_same_id));
    match (stands_in_the_way, &request.replace) {
        (Some(other), None) => Some(Verdict::Refused(failure::active(other, is_measured))),
        (None, _) | (Some(_), Some(_)) => None,
    }
}

fn accepted(rid: &str, renewal: &CertificateRenewal) -> RenewalReply {
    RenewalReply {
        status: 202,
        rid: rid.to_owned(),
        body: accepted_body(&renewal.correlation_id, renewal.expires_at),
    }
}

#[cfg(test)]
mod tests {
    use provost_model::ambient::SystemRandom;
    use provost_model::registry::DeviceIdentifier;
    use provost_model::{DeviceId, HubName, Timestamp};

    use super::*;

    fn before(state: RenewalState) -> CertificateRenewal {
        CertificateRenewal {
            hub: HubName::parse("hub").unwrap(),
            device_id: DeviceId::parse("d").unwrap(),
            request_id: "first".to_owned(),
            correlation_id: "c".to_owned(),
            csr: "AAAA".to_owned(),
            identifier: DeviceIdentifier::generate(&SystemRandom),
            state,
            is_delivered: false,
            asked_at: Timestamp::from_unix_seconds(0),
            expires_at: Timestamp::from_unix_seconds(1),
        }
    }

    /// `new`, `again`, or the number.
    fn verdict(before: Option<&CertificateRenewal>, id: &str, csr: &str, replace: Option<&str>) -> String {
        let request = RenewalRequest {
            csr: csr.to_owned(),
            replace: replace.map(|text| match RequestId::parse(text) {
                Some(id) => Replace::Request(id),
                None => Replace::Any,
            }),
        };
        match judge(before, &RequestId::parse(id).unwrap(), &request, false) {
            None => "new".to_owned(),
            Some(Verdict::Again(_)) => "again".to_owned(),
            Some(Verdict::Refused(failure)) => failure.code.to_string(),
            Some(Verdict::New(_)) => "made".to_owned(),
        }
    }

    #[test]
    fn every_request_against_every_state() {
        let done = || Some(before(RenewalState::Issued(1)));
        let pending = || Some(before(RenewalState::Pending));
        for (state, id, csr, replace, expected) in [
            (None, "first", "AAAA", None, "new"),
            (None, "first", "AAAA", Some("*"), "new"),
            (None, "first", "AAAA", Some("gone"), "412001"),
            (pending(), "first", "AAAA", None, "again"),
            (pending(), "first", "AAAA", Some("*"), "again"),
            (pending(), "first", "BBBB", None, "409005"),
            (pending(), "first", "BBBB", Some("first"), "new"),
            (pending(), "other", "BBBB", None, "409005"),
            (pending(), "other", "AAAA", None, "409005"),
            (pending(), "other", "BBBB", Some("*"), "new"),
            (pending(), "other", "BBBB", Some("first"), "new"),
            (pending(), "other", "BBBB", Some("gone"), "412001"),
            (done(), "first", "AAAA", None, "again"),
            (done(), "first", "BBBB", None, "409005"),
            (done(), "first", "BBBB", Some("*"), "new"),
            (done(), "other", "BBBB", None, "new"),
            (done(), "other", "BBBB", Some("*"), "new"),
            (done(), "other", "BBBB", Some("first"), "412001"),
        ] {
            let words = format!("{state:?} {id} {csr} {replace:?}");
            assert_eq!(verdict(state.as_ref(), id, csr, replace), expected, "{words}");
        }
    }
}
