use crate::{KeyPair, SymmetricKey};

/// Which of two keys gets another value (iot-hub-service-api.md 17: `renew-key`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyRenewal {
    /// A fresh primary key; the secondary stays.
    Primary,
    /// A fresh secondary key; the primary stays.
    Secondary,
    /// Both change places.
    Swap,
}

impl KeyRenewal {
    /// Reads the word clients send, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        let words = [Self::Primary, Self::Secondary, Self::Swap];
        words
            .into_iter()
            .find(|word| word.as_str().eq_ignore_ascii_case(text))
    }

    /// The word clients send.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Swap => "swap",
        }
    }

    /// The keys afterwards; a swap needs no fresh one.
    pub fn apply(self, keys: &KeyPair, fresh: SymmetricKey) -> KeyPair {
        let (primary, secondary) = match self {
            Self::Primary => (fresh, keys.secondary.clone()),
            Self::Secondary => (keys.primary.clone(), fresh),
            Self::Swap => (keys.secondary.clone(), keys.primary.clone()),
        };
        KeyPair { primary, secondary }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ambient::SystemRandom;

    #[test]
    fn one_key_is_fresh_or_both_change_places() {
        let keys = KeyPair {
            primary: SymmetricKey::generate(&SystemRandom),
            secondary: SymmetricKey::generate(&SystemRandom),
        };
        let fresh = || SymmetricKey::generate(&SystemRandom);
        let primary = KeyRenewal::Primary.apply(&keys, fresh());
        assert_ne!(primary.primary, keys.primary);
        assert_eq!(primary.secondary, keys.secondary);
        let secondary = KeyRenewal::Secondary.apply(&keys, fresh());
        assert_eq!(secondary.primary, keys.primary);
        assert_ne!(secondary.secondary, keys.secondary);
        let swapped = KeyRenewal::Swap.apply(&keys, fresh());
        assert_eq!(
            (swapped.primary, swapped.secondary),
            (keys.secondary, keys.primary)
        );
        assert_eq!(KeyRenewal::parse("Swap"), Some(KeyRenewal::Swap));
        assert_eq!(KeyRenewal::parse("both"), None);
    }
}
