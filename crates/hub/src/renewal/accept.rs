//! A device asks: what is answered at once.

use std::time::Duration;

use provost_model::Timestamp;
use provost_store::{
    AppendTx, CertificateRenewal, LeafStanding, ReadTx, RenewalState, StoreError, with_tracking_id,
};
use provost_wire::hub::device::{
    RenewalFailure, RenewalRequest, Replace, RequestId, accepted_body, renews_certificates,
};

use super::counts::RenewalStep;
use super::deliver::RenewalReply;
use super::{KEPT, failure};
use crate::HubError;
use crate::auth::Right;
use crate::session::{DeviceSession, Feature};

/// Seconds between two requests of a device that are worked on.
const SHORTEST_PAUSE: u32 = 2;

/// What a request comes to.
enum Verdict {
    /// It is written down and is to be worked on.
    New {
        renewal: CertificateRenewal,
        /// It took the place of one that was pending.
        is_replacing: bool,
    },
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
        let refused = |refused: RenewalFailure| {
            self.count_renewal(RenewalStep::Refused(refused.code));
            Some(self.refusal(rid, &refused))
        };
        if !renews_certificates(self.api_version()) {
            return Ok(refused(failure::old_version()));
        }
        let Some(request_id) = RequestId::parse(rid) else {
            return Ok(refused(failure::bad_request_id()));
        };
        let request = match RenewalRequest::parse(body, self.device_id().as_str()) {
            Ok(request) => request,
            Err(error) => return Ok(refused(failure::of_body(&error))),
        };
        match self.write_down(request_id, request).await {
            Ok(Verdict::New {
                renewal,
                is_replacing,
            }) => {
                self.count_renewal(RenewalStep::Accepted);
                if is_replacing {
                    self.count_renewal(RenewalStep::Replaced);
                }
                let accepted = accepted(rid, &renewal);
                // Not waited for: the answer comes as an event, after this one.
                let id = renewal.correlation_id.clone();
                let work = self.service().clone().finish_renewal(renewal);
                tokio::spawn(with_tracking_id(&id, work));
                Ok(Some(accepted))
            }
            Ok(Verdict::Again(renewal)) => {
                self.count_renewal(RenewalStep::Repeated);
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
            let before = unless_dead(&tx.read(), before)?;
            let is_replacing = before
                .as_ref()
                .is_some_and(|before| before.state == RenewalState::Pending);
            let verdict = judge(before.as_ref(), &id, &request, is_measured, now);
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
            Ok(Verdict::New {
                renewal,
                is_replacing,
            })
        };
        self.service().store().append(write).await
    }

    fn count_renewal(&self, step: RenewalStep) {
        self.service().renewal_counters().add(self.hub(), step);
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
/// Replacing one by its id that is not pending is 412. One that failed with a precondition, or because its
/// time was over, is in nobody's way, and is new when it is asked for again. What would be new within [`SHORTEST_PAUSE`] of the one before is 429,
/// or again when it is the same.
fn judge(
    before: Option<&CertificateRenewal>,
    id: &RequestId,
    request: &RenewalRequest,
    is_measured: bool,
    now: Timestamp,
) -> Option<Verdict> {
    let pause = Duration::from_secs(u64::from(SHORTEST_PAUSE));
    let is_soon = before.is_some_and(|before| now.since(before.asked_at) < pause);
    let is_same_id = before.is_some_and(|before| before.request_id == id.as_str());
    let is_free = before.is_some_and(may_be_tried_anew);
    if let Some(before) = before.filter(|before| is_same_id && before.csr == request.csr)
        && (is_soon || !is_free)
    {
        return Some(Verdict::Again(before.clone()));
    }
    let pending = before.filter(|before| before.state == RenewalState::Pending);
    if let Some(Replace::Request(wanted)) = &request.replace {
        return match pending {
            Some(pending) if pending.request_id == wanted.as_str() => too_soon(is_soon),
            _ => Some(Verdict::Refused(failure::not_pending(wanted.as_str()))),
        };
    }
    let stands_in_the_way = pending.or(before.filter(|_| is_same_id && !is_free));
    match (stands_in_the_way, &request.replace) {
        (Some(other), None) => Some(Verdict::Refused(failure::active(other, is_measured))),
        (None, _) | (Some(_), Some(_)) => too_soon(is_soon),
    }
}

fn too_soon(is_soon: bool) -> Option<Verdict> {
    is_soon.then(|| Verdict::Refused(failure::too_soon(SHORTEST_PAUSE)))
}

/// What was issued under a CA that was revoked since counts no more than one of an earlier identifier.
fn unless_dead(
    tx: &ReadTx<'_>,
    before: Option<CertificateRenewal>,
) -> Result<Option<CertificateRenewal>, StoreError> {
    let Some(before) = before else {
        return Ok(None);
    };
    let is_dead = match before.state {
        RenewalState::Issued(number) => tx.issued_standing(number)? == Some(LeafStanding::Revoked),
        RenewalState::Pending | RenewalState::Failed(_) => false,
    };
    Ok((!is_dead).then_some(before))
}

/// It failed for what may be mended meanwhile.
fn may_be_tried_anew(renewal: &CertificateRenewal) -> bool {
    let RenewalState::Failed(error) = &renewal.state else {
        return false;
    };
    matches!(error.code, failure::PRECONDITION | failure::TIMED_OUT)
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
    use provost_model::{DeviceId, HubName};
    use provost_store::RenewalError;

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
        verdict_at(60, before, id, csr, replace)
    }

    fn verdict_at(
        seconds: i64,
        before: Option<&CertificateRenewal>,
        id: &str,
        csr: &str,
        replace: Option<&str>,
    ) -> String {
        let now = Timestamp::from_unix_seconds(seconds);
        let request = RenewalRequest {
            csr: csr.to_owned(),
            replace: replace.map(|text| match RequestId::parse(text) {
                Some(id) => Replace::Request(id),
                None => Replace::Any,
            }),
        };
        match judge(before, &RequestId::parse(id).unwrap(), &request, false, now) {
            None => "new".to_owned(),
            Some(Verdict::Again(_)) => "again".to_owned(),
            Some(Verdict::Refused(failure)) => failure.code.to_string(),
            Some(Verdict::New { .. }) => "made".to_owned(),
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

    fn failed(code: u32) -> CertificateRenewal {
        before(RenewalState::Failed(RenewalError {
            code,
            message: String::new(),
            credential_error: None,
        }))
    }

    #[test]
    fn what_failed_with_a_precondition_is_new_when_it_is_asked_for_again() {
        for lacked in [failed(412_005), failed(429_003)] {
            for (id, csr) in [("first", "AAAA"), ("first", "BBBB"), ("other", "AAAA")] {
                assert_eq!(verdict(Some(&lacked), id, csr, None), "new", "{id} {csr}");
            }
        }
        let wrong = failed(400_040);
        assert_eq!(verdict(Some(&wrong), "first", "AAAA", None), "again");
        assert_eq!(verdict(Some(&wrong), "first", "BBBB", None), "409005");
    }

    #[test]
    fn a_device_that_asks_in_a_loop_waits_two_seconds() {
        let done = before(RenewalState::Issued(1));
        let pending = before(RenewalState::Pending);
        for (before, id, replace, soon) in [
            (&done, "other", None, "429002"),
            (&done, "first", Some("*"), "429002"),
            (&pending, "other", Some("*"), "429002"),
            (&pending, "other", Some("first"), "429002"),
            (&pending, "other", None, "409005"),
        ] {
            let at = |seconds| verdict_at(seconds, Some(before), id, "BBBB", replace);
            assert_eq!(at(1), soon, "{id} {replace:?}");
            assert_eq!(at(2) == "new", soon == "429002", "{id} {replace:?}");
        }
        let lacked = failed(412_005);
        assert_eq!(verdict_at(1, Some(&lacked), "first", "AAAA", None), "again");
        assert_eq!(verdict_at(2, Some(&lacked), "first", "AAAA", None), "new");
    }
}
