//! Whether a device that was called is back.

use std::sync::{Arc, Weak};

use provost_model::{DeviceId, ReprovisionState, Timestamp};
use provost_store::ReprovisionNote;

use crate::auth::Admitted;
use crate::session::Link;

/// A device that was called and is not back.
#[derive(Debug)]
pub(super) struct Away {
    /// The session it was called through.
    pub(super) called: Called,
    /// The certificate it had, if it had one.
    pub(super) certificate: Option<[u8; 32]>,
    /// When it is given up.
    pub(super) until: Timestamp,
    /// It was seen to be gone.
    pub(super) has_left: bool,
    /// It was seen with the certificate it had.
    pub(super) is_unchanged: bool,
}

/// The session a device was called through.
#[derive(Debug)]
pub(super) enum Called {
    /// This one.
    Through(Weak<Link>),
    /// One that was there at this instant: the run was taken up again since.
    At(Timestamp),
}

impl Called {
    fn is_through(&self, link: &Arc<Link>) -> bool {
        match self {
            Self::Through(called) => Weak::ptr_eq(called, &Arc::downgrade(link)),
            Self::At(instant) => link.admitted().is_some_and(|admitted| admitted.at <= *instant),
        }
    }
}

/// What is seen of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// The session it was called through.
    Same,
    /// No session.
    Gone,
    /// Another session, which came with this certificate, if with any.
    Other(Option<[u8; 32]>),
}

impl Away {
    /// What is to be noted of the device now, if anything is.
    pub(super) fn look(
        &mut self,
        device: &DeviceId,
        live: Option<&Arc<Link>>,
        accept_same: bool,
        now: Timestamp,
    ) -> Option<ReprovisionNote> {
        let seen = match live {
            None => Seen::Gone,
            Some(link) if self.called.is_through(link) => Seen::Same,
            Some(link) => Seen::Other(link.admitted().and_then(Admitted::certificate)),
        };
        self.judge(device, seen, accept_same, now)
    }

    fn judge(
        &mut self,
        device: &DeviceId,
        seen: Seen,
        accept_same: bool,
        now: Timestamp,
    ) -> Option<ReprovisionNote> {
        let note = |state| ReprovisionNote::new(device.clone(), state);
        if let Seen::Other(certificate) = seen {
            // A device that proves itself with keys has the same ones afterwards.
            let is_new = self.certificate.is_none() || certificate != self.certificate;
            if is_new || accept_same {
                return Some(note(ReprovisionState::Returned));
            }
            self.is_unchanged = true;
        }
        if now >= self.until {
            return Some(note(ReprovisionState::NotReturned).because(self.reason(seen)));
        }
        if seen != Seen::Same && !self.has_left {
            self.has_left = true;
            return Some(note(ReprovisionState::Left));
        }
        None
    }

    fn reason(&self, seen: Seen) -> &'static str {
        match seen {
            Seen::Same => "it is still there: it did not leave to register",
            Seen::Other(_) => "it is back with the certificate it had",
            Seen::Gone if self.is_unchanged => "it was back with the certificate it had, and left again",
            Seen::Gone => "it did not come back",
        }
    }
}

#[cfg(test)]
mod tests {
    use provost_model::{HubName, IdentityId, SymmetricKey};

    use super::*;
    use crate::auth::AdmittedBy;

    const OLD: Option<[u8; 32]> = Some([1; 32]);
    const NEW: Option<[u8; 32]> = Some([2; 32]);

    fn away(certificate: Option<[u8; 32]>) -> Away {
        Away {
            called: Called::Through(Weak::new()),
            certificate,
            until: Timestamp::from_unix_seconds(100),
            has_left: false,
            is_unchanged: false,
        }
    }

    fn states(
        away: &mut Away,
        accept_same: bool,
        seen: &[(Seen, i64)],
    ) -> Vec<Option<(ReprovisionState, Option<String>)>> {
        let device = DeviceId::parse("d").unwrap();
        seen.iter()
            .map(|(seen, at)| {
                let note = away.judge(&device, *seen, accept_same, Timestamp::from_unix_seconds(*at));
                note.map(|note| (note.state, note.reason))
            })
            .collect()
    }

    #[test]
    fn a_device_leaves_and_is_back_with_another_certificate() {
        let seen = [
            (Seen::Same, 1),
            (Seen::Gone, 2),
            (Seen::Gone, 3),
            (Seen::Other(NEW), 4),
        ];
        let told = states(&mut away(OLD), false, &seen);
        let expected = [
            None,
            Some((ReprovisionState::Left, None)),
            None,
            Some((ReprovisionState::Returned, None)),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn the_certificate_it_had_is_not_enough_unless_it_is_accepted() {
        let seen = [
            (Seen::Other(OLD), 1),
            (Seen::Other(OLD), 2),
            (Seen::Other(OLD), 100),
        ];
        let told = states(&mut away(OLD), false, &seen);
        assert_eq!(told[..2], [Some((ReprovisionState::Left, None)), None]);
        let (state, reason) = told[2].clone().unwrap();
        assert_eq!(state, ReprovisionState::NotReturned);
        assert!(reason.unwrap().contains("the certificate it had"));
        let told = states(&mut away(OLD), true, &seen[..1]);
        assert_eq!(told, [Some((ReprovisionState::Returned, None))]);
        // With a key instead: another credential.
        let told = states(&mut away(OLD), false, &[(Seen::Other(None), 1)]);
        assert_eq!(told, [Some((ReprovisionState::Returned, None))]);
    }

    #[test]
    fn a_device_with_keys_is_back_with_its_next_session() {
        let told = states(&mut away(None), false, &[(Seen::Same, 1), (Seen::Other(None), 2)]);
        assert_eq!(told, [None, Some((ReprovisionState::Returned, None))]);
    }

    #[test]
    fn who_stays_or_stays_away_is_given_up_in_time() {
        for (seen, words) in [(Seen::Same, "did not leave"), (Seen::Gone, "did not come back")] {
            let told = states(&mut away(OLD), false, &[(seen, 99), (seen, 100)]);
            let (state, reason) = told[1].clone().unwrap();
            assert_eq!(state, ReprovisionState::NotReturned);
            assert!(reason.unwrap().contains(words));
        }
    }

    /// A session of a device with a key, judged at this second.
    fn session(at: i64) -> Arc<Link> {
        let hub = HubName::parse("factory").unwrap();
        let link = Link::new(hub, IdentityId::parse("d").unwrap(), false, None);
        let admitted = Admitted {
            by: AdmittedBy::DeviceKey(SymmetricKey::from_bytes(vec![1; 32]).unwrap()),
            generation_id: "1".to_owned(),
            at: Timestamp::from_unix_seconds(at),
            hub_made_at: Timestamp::from_unix_seconds(0),
            expires_at: None,
        };
        assert!(link.admit(admitted));
        Arc::new(link)
    }

    #[test]
    fn a_session_from_before_the_call_is_no_return_when_the_run_is_taken_up_again() {
        let mut away = Away {
            called: Called::At(Timestamp::from_unix_seconds(10)),
            ..away(None)
        };
        let device = DeviceId::parse("d").unwrap();
        let mut look = |link: &Arc<Link>| {
            let note = away.look(&device, Some(link), false, Timestamp::from_unix_seconds(20));
            note.map(|note| note.state)
        };
        assert_eq!(look(&session(10)), None);
        assert_eq!(look(&session(11)), Some(ReprovisionState::Returned));
    }
}
