//! The hash chain of the audit log: each event's hash covers the event and the hash before it, so that
//! whoever noted a hash notices every later change of what came before.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

use crate::StoredAuditEvent;

/// The hash of an event and, through the hash before it, of everything that happened earlier. Shown as 64
/// lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AuditHash([u8; 32]);

impl AuditHash {
    /// What the first event follows.
    pub const START: Self = Self([0; 32]);

    /// Takes 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits of any case.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != 64 || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for AuditHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// What is hashed begins with this, so that a hash of something else is never taken for one of ours.
const DOMAIN: &[u8] = b"provost audit event, version 1\0";

/// What an event says, in the order in which it is hashed.
pub(crate) struct Facts<'a> {
    pub(crate) number: i64,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    pub(crate) texts: [&'a str; 11],
}

impl Facts<'_> {
    /// SHA-256 over domain, hash before, number, instant, and each text behind its length in bytes.
    pub(crate) fn hash(&self, before: &AuditHash) -> AuditHash {
        let mut context = Context::new(&SHA256);
        context.update(DOMAIN);
        context.update(&before.0);
        context.update(&self.number.to_be_bytes());
        context.update(&self.at.to_be_bytes());
        for text in self.texts {
            context.update(&(text.len() as u64).to_be_bytes());
            context.update(text.as_bytes());
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        AuditHash(hash)
    }
}

/// Follows a log event by event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditChain {
    head: AuditHash,
    number: i64,
    count: u64,
}

/// An event that is not what was written, or not where it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// Its number does not follow the one before it.
    #[error("event {number} does not come after event {before}: the order was changed")]
    Order {
        /// Its number.
        number: i64,
        /// The number before it.
        before: i64,
    },
    /// It carries no hash.
    #[error("event {number} carries no hash")]
    NoHash {
        /// Its number.
        number: i64,
    },
    /// Its hash is another one than what it says and what came before it give.
    #[error("event {number} was changed, or something before it was removed")]
    Hash {
        /// Its number.
        number: i64,
    },
}

impl AuditChain {
    /// A log from its beginning.
    pub fn new() -> Self {
        Self::after(AuditHash::START)
    }

    /// A piece of a log: `head` is the hash of the event before it.
    pub fn after(head: AuditHash) -> Self {
        Self {
            head,
            number: i64::MIN,
            count: 0,
        }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// What is wrong with it; the chain stays where it was.
    pub fn follow(&mut self, event: &StoredAuditEvent) -> Result<(), BrokenChain> {
        let number = event.number;
        if number <= self.number {
            return Err(BrokenChain::Order {
                number,
                before: self.number,
            });
        }
        let hash = event.hash.ok_or(BrokenChain::NoHash { number })?;
        if event.facts().hash(&self.head) != hash {
            return Err(BrokenChain::Hash { number });
        }
        *self = Self {
            head: hash,
            number,
            count: self.count + 1,
        };
        Ok(())
    }

    /// The hash of the last event taken: note it, and a later log must hold it.
    pub fn head(&self) -> AuditHash {
        self.head
    }

    /// The number of the last event taken.
    pub fn last(&self) -> Option<i64> {
        (self.count > 0).then_some(self.number)
    }

    /// How many events were taken.
    pub fn count(&self) -> u64 {
        self.count
    }
}

impl Default for AuditChain {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_read_back() {
        let hash = AuditHash([0xa5; 32]);
        assert_eq!(AuditHash::parse(&hash.to_string()), Some(hash));
        assert_eq!(AuditHash::parse(&hash.to_string().to_uppercase()), Some(hash));
        for text in ["", "a5", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(AuditHash::parse(text), None, "{text}");
        }
    }

    #[test]
    fn no_text_can_be_moved_to_its_neighbour() {
        let facts = |texts| Facts {
            number: 1,
            at: 2,
            texts,
        };
        let rest = [""; 9];
        let with = |a, b| {
            let mut texts = [""; 11];
            texts[..2].copy_from_slice(&[a, b]);
            texts[2..].copy_from_slice(&rest);
            facts(texts).hash(&AuditHash::START)
        };
        assert_ne!(with("ab", "c"), with("a", "bc"));
        assert_ne!(with("ab", ""), with("", "ab"));
        assert_eq!(with("a", "b"), with("a", "b"));
    }
}
