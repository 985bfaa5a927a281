use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use provost_model::Timestamp;
use provost_model::registry::{CaId, SerialNumber};
use provost_pki::ocsp::CertStatus;

/// Answers of one generation; there are two.
const GENERATION: usize = 4_096;
/// The longest identifier an answer is kept for, in bytes; with SHA-256 and 20 bytes of serial number it has
/// about 110.
const LONGEST_ID: usize = 160;

/// Names a certificate the way one client does: the CA, and the identifier as it came, hash algorithm and
/// all, for the answer repeats it.
pub(super) type AnswerKey = (CaId, Vec<u8>);

/// An answer that was signed without a nonce.
#[derive(Debug, Clone)]
pub(super) struct KeptAnswer {
    pub(super) der: Arc<[u8]>,
    pub(super) status: CertStatus,
    /// Whose signature it is.
    pub(super) responder: SerialNumber,
    pub(super) this_update: Timestamp,
    pub(super) next_update: Timestamp,
}

/// Answers that are kept so that nobody signs twice what has not changed. Holds a bounded number: when the
/// young are too many they become the old, and the old are forgotten unless somebody asked again.
///
/// What is kept is a signature, never a decision: it is used only for the status the store tells now.
#[derive(Debug, Default)]
pub(super) struct KeptAnswers {
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<AnswerKey, KeptAnswer>,
    old: HashMap<AnswerKey, KeptAnswer>,
}

impl KeptAnswers {
    /// The answer that says this, signed by this responder, in the first half of its life.
    pub(super) fn find(
        &self,
        key: &AnswerKey,
        status: CertStatus,
        responder: &SerialNumber,
        now: Timestamp,
    ) -> Option<KeptAnswer> {
        let mut generations = self.lock();
        let kept = if let Some(kept) = generations.young.get(key) {
            kept.clone()
        } else {
            let kept = generations.old.remove(key)?;
            generations.keep(key.clone(), kept.clone());
            kept
        };
        let life = kept.next_update.since(kept.this_update);
        let is_fresh = kept.this_update <= now && now < kept.this_update.after(life / 2);
        (kept.status == status && kept.responder == *responder && is_fresh).then_some(kept)
    }

    /// Keeps an answer in the place of the one before it.
    pub(super) fn keep(&self, key: AnswerKey, answer: KeptAnswer) {
        if key.1.len() <= LONGEST_ID {
            self.lock().keep(key, answer);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn keep(&mut self, key: AnswerKey, answer: KeptAnswer) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn serial(number: u8) -> SerialNumber {
        SerialNumber::from_bytes(&[number]).unwrap()
    }

    fn key(number: u32) -> AnswerKey {
        (
            CaId::parse(&"0a".repeat(16)).unwrap(),
            number.to_be_bytes().to_vec(),
        )
    }

    fn answer() -> KeptAnswer {
        KeptAnswer {
            der: Arc::from([1, 2, 3]),
            status: CertStatus::Good,
            responder: serial(7),
            this_update: at(100),
            next_update: at(200),
        }
    }

    #[test]
    fn an_answer_is_used_only_while_everything_is_as_it_was() {
        let kept = KeptAnswers::default();
        kept.keep(key(1), answer());
        let is_found =
            |status, responder, now| kept.find(&key(1), status, &serial(responder), at(now)).is_some();
        assert!(is_found(CertStatus::Good, 7, 100) && is_found(CertStatus::Good, 7, 149));
        assert!(!is_found(CertStatus::Good, 7, 150), "half of its life is over");
        assert!(!is_found(CertStatus::Good, 7, 99), "the clock was put back");
        assert!(!is_found(CertStatus::Unknown, 7, 100), "another status");
        assert!(!is_found(CertStatus::Good, 8, 100), "another responder");
        assert!(
            kept.find(&key(2), CertStatus::Good, &serial(7), at(100))
                .is_none()
        );
    }

    #[test]
    fn the_number_of_answers_is_bounded_and_those_asked_for_stay() {
        let kept = KeptAnswers::default();
        let rounds = u32::try_from(GENERATION).unwrap();
        for number in 0..rounds * 3 {
            kept.keep(key(number), answer());
            assert!(
                kept.find(&key(0), CertStatus::Good, &serial(7), at(100))
                    .is_some()
            );
        }
        let generations = kept.lock();
        assert!(generations.young.len() + generations.old.len() <= GENERATION * 2);
        drop(generations);
        assert!(
            kept.find(&key(1), CertStatus::Good, &serial(7), at(100))
                .is_none()
        );
    }

    #[test]
    fn an_identifier_longer_than_any_client_writes_is_not_kept() {
        let kept = KeptAnswers::default();
        let long = (key(1).0, vec![0; LONGEST_ID + 1]);
        kept.keep(long.clone(), answer());
        assert!(kept.find(&long, CertStatus::Good, &serial(7), at(100)).is_none());
    }
}
