use provost_model::registry::KeyRef;

use super::fields::{Reader, Writer};
use crate::{KeyAlgorithm, KeyProviderError, KeyPurpose};

/// Version of the messages. Both sides are one program; another one is there only when a signer was started by something else.
pub const PROTOCOL_VERSION: u16 = 2;

/// Why bytes are not a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the other side said what is no message")]
pub struct MessageError;

/// The first frame, to the signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// That of who sends it.
    pub version: u16,
    /// Where the keys are and what opens them, without a secret; read by who opens them.
    pub settings: Vec<u8>,
}

/// The first frame back: whether the keys could be opened, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened(pub Result<(), NotOpened>);

/// Why keys could not be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOpened {
    /// Another attempt ends the same way, or does harm: a token locks itself after a few wrong PINs.
    pub is_final: bool,
    /// The reason, for people, without a secret.
    pub reason: String,
}

/// A question to the signer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Tells the answer from others; no two of one connection are the same.
    pub id: u64,
    /// What is wanted.
    pub task: Task,
}

/// What is wanted of the signer; see [`KeyProvider`](crate::KeyProvider).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// Choose a place for a key.
    Reserve(KeyPurpose),
    /// Make the key there.
    Make(KeyRef, KeyPurpose),
    /// Tell the public half.
    Public(KeyRef),
    /// Sign this digest.
    Sign(KeyRef, Vec<u8>),
    /// Destroy the key.
    Destroy(KeyRef),
    /// Say whether keys can be used.
    Health,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Made, destroyed, or healthy.
    Done,
    /// The place that was chosen.
    Key(KeyRef),
    /// The public half, DER, and the kind.
    Public(Vec<u8>, KeyAlgorithm),
    /// The signature, DER.
    Signature(Vec<u8>),
    /// Not done.
    Failed(KeyProviderError),
}

impl Opening {
    /// The frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.version.to_be_bytes().to_vec();
        bytes.extend(&self.settings);
        bytes
    }

    /// Reads the frame.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let (version, settings) = bytes.split_first_chunk().ok_or(MessageError)?;
        Ok(Self {
            version: u16::from_be_bytes(*version),
            settings: settings.to_vec(),
        })
    }
}

impl Opened {
    /// The frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.0 {
            Ok(()) => vec![0],
            Err(failed) => {
                let mut out = Writer::default();
                out.byte(if failed.is_final { 2 } else { 1 });
                out.text(&failed.reason);
                out.into_bytes()
            }
        }
    }

    /// Reads the frame.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut from = Reader::new(bytes);
        let opened = match from.byte()? {
            0 => Ok(()),
            kind @ (1 | 2) => Err(NotOpened {
                is_final: kind == 2,
                reason: from.text()?,
            }),
            _ => return Err(MessageError),
        };
        from.end(Self(opened))
    }
}

impl Request {
    /// The frame.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Writer::of(self.id);
        match &self.task {
            Task::Make(key, purpose) => {
                out.byte(1).algorithm(purpose.algorithm);
                out.text(&purpose.label);
                out.text(&key.0);
            }
            Task::Public(key) => out.byte(2).text(&key.0),
            Task::Sign(key, digest) => {
                out.byte(3).text(&key.0);
                out.field(digest);
            }
            Task::Destroy(key) => out.byte(4).text(&key.0),
            Task::Health => {
                out.byte(5);
            }
            Task::Reserve(purpose) => {
                out.byte(6).algorithm(purpose.algorithm);
                out.text(&purpose.label);
            }
        }
        out.into_bytes()
    }

    /// Reads the frame.
    pub fn parse(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut from = Reader::new(bytes);
        let id = from.number()?;
        let task = match from.byte()? {
            1 => {
                let algorithm = from.algorithm()?;
                let label = from.text()?;
                Task::Make(KeyRef(from.text()?), KeyPurpose { label, algorithm })
            }
            2 => Task::Public(KeyRef(from.text()?)),
            3 => Task::Sign(KeyRef(from.text()?), from.field()?.to_vec()),
            4 => Task::Destroy(KeyRef(from.text()?)),
            5 => Task::Health,
            6 => {
                let algorithm = from.algorithm()?;
                let label = from.text()?;
                Task::Reserve(KeyPurpose { label, algorithm })
            }
            _ => return Err(MessageError),
        };
        from.end(Self { id, task })
    }
}

impl Answer {
    /// The frame that answers the request with this id.
    pub fn to_bytes(&self, id: u64) -> Vec<u8> {
        let mut out = Writer::of(id);
        match self {
            Self::Done => {
                out.byte(0);
            }
            Self::Key(key) => out.byte(1).text(&key.0),
            Self::Public(der, algorithm) => {
                out.byte(2).algorithm(*algorithm);
                out.field(der);
            }
            Self::Signature(der) => out.byte(3).field(der),
            Self::Failed(KeyProviderError::NotFound(key)) => out.byte(16).text(key),
            Self::Failed(KeyProviderError::Unusable { key, reason }) => {
                out.byte(17).text(key);
                out.text(reason);
            }
            Self::Failed(KeyProviderError::Unavailable(reason)) => out.byte(18).text(reason),
            Self::Failed(KeyProviderError::Refused(reason)) => out.byte(19).text(reason),
        }
        out.into_bytes()
    }

    /// Reads the frame; says which request it answers.
    pub fn parse(bytes: &[u8]) -> Result<(u64, Self), MessageError> {
        let mut from = Reader::new(bytes);
        let id = from.number()?;
        let answer = match from.byte()? {
            0 => Self::Done,
            1 => Self::Key(KeyRef(from.text()?)),
            2 => {
                let algorithm = from.algorithm()?;
                Self::Public(from.field()?.to_vec(), algorithm)
            }
            3 => Self::Signature(from.field()?.to_vec()),
            16 => Self::Failed(KeyProviderError::NotFound(from.text()?)),
            17 => {
                let key = from.text()?;
                let reason = from.text()?;
                Self::Failed(KeyProviderError::Unusable { key, reason })
            }
            18 => Self::Failed(KeyProviderError::Unavailable(from.text()?)),
            19 => Self::Failed(KeyProviderError::Refused(from.text()?)),
            _ => return Err(MessageError),
        };
        from.end((id, answer))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fields::MAX_FIELD_BYTES;
    use super::*;

    fn algorithm() -> impl Strategy<Value = KeyAlgorithm> {
        prop_oneof![Just(KeyAlgorithm::P256), Just(KeyAlgorithm::P384)]
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(any::<u8>(), 0..200)
    }

    fn key() -> impl Strategy<Value = KeyRef> {
        ".{0,80}".prop_map(KeyRef)
    }

    fn task() -> impl Strategy<Value = Task> {
        prop_oneof![
            (".{0,80}", algorithm())
                .prop_map(|(label, algorithm)| Task::Reserve(KeyPurpose { label, algorithm })),
            (key(), ".{0,80}", algorithm())
                .prop_map(|(key, label, algorithm)| Task::Make(key, KeyPurpose { label, algorithm })),
            key().prop_map(Task::Public),
            (key(), bytes()).prop_map(|(key, digest)| Task::Sign(key, digest)),
            key().prop_map(Task::Destroy),
            Just(Task::Health),
        ]
    }

    fn answer() -> impl Strategy<Value = Answer> {
        prop_oneof![
            Just(Answer::Done),
            key().prop_map(Answer::Key),
            (bytes(), algorithm()).prop_map(|(der, algorithm)| Answer::Public(der, algorithm)),
            bytes().prop_map(Answer::Signature),
            ".{0,80}".prop_map(|key| Answer::Failed(KeyProviderError::NotFound(key))),
            (".{0,80}", ".{0,80}")
                .prop_map(|(key, reason)| Answer::Failed(KeyProviderError::Unusable { key, reason })),
            ".{0,80}".prop_map(|reason| Answer::Failed(KeyProviderError::Unavailable(reason))),
            ".{0,80}".prop_map(|reason| Answer::Failed(KeyProviderError::Refused(reason))),
        ]
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in(id: u64, task in task(), answer in answer(), version: u16, settings in bytes()) {
            let request = Request { id, task };
            prop_assert_eq!(Request::parse(&request.to_bytes()), Ok(request));
            prop_assert_eq!(Answer::parse(&answer.to_bytes(id)), Ok((id, answer)));
            let opening = Opening { version, settings };
            prop_assert_eq!(Opening::parse(&opening.to_bytes()), Ok(opening));
        }

        #[test]
        fn a_message_with_too_little_or_too_much_is_refused(id: u64, task in task(), answer in answer()) {
            let request = Request { id, task }.to_bytes();
            let answer = answer.to_bytes(id);
            prop_assert!(Request::parse(&request[..request.len() - 1]).is_err());
            prop_assert!(Answer::parse(&answer[..answer.len() - 1]).is_err());
            prop_assert!(Request::parse(&[request.as_slice(), &[0]].concat()).is_err());
            prop_assert!(Answer::parse(&[answer.as_slice(), &[0]].concat()).is_err());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in bytes()) {
            let _ = (Request::parse(&bytes), Answer::parse(&bytes), Opened::parse(&bytes), Opening::parse(&bytes));
        }
    }

    #[test]
    fn the_first_answer_says_why_keys_were_not_opened() {
        let failed = |is_final| NotOpened {
            is_final,
            reason: "wrong passphrase".to_owned(),
        };
        for opened in [Ok(()), Err(failed(true)), Err(failed(false))].map(Opened) {
            assert_eq!(Opened::parse(&opened.to_bytes()), Ok(opened));
        }
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let long = "ü".repeat(MAX_FIELD_BYTES);
        let bytes = Answer::Failed(KeyProviderError::Refused(long.clone())).to_bytes(7);
        let Ok((7, Answer::Failed(KeyProviderError::Refused(cut)))) = Answer::parse(&bytes) else {
            panic!("not the answer");
        };
        assert!(cut.len() > MAX_FIELD_BYTES - 2 && long.starts_with(&cut));
    }
}
