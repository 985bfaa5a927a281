use provost_model::registry::{CaId, SerialNumber};
use provost_model::{PageSize, RegistryDeviceName, Timestamp};

use crate::address::{Query, RouteError};
use crate::time;

const DEFAULT_TOP: usize = 100;
const MAX_TOP: usize = 1000;
const MAX_DAYS: u64 = 3650;

/// Which issued certificates of a namespace are asked for; all conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateQuery {
    /// `device`: those of this device.
    pub device: Option<RegistryDeviceName>,
    /// `serial`: hexadecimal digits, colons allowed.
    pub serial: Option<SerialNumber>,
    /// `thumbprint`: SHA-1 or SHA-256, told apart by length.
    pub thumbprint: Option<Vec<u8>>,
    /// `expiresBefore`: those that expire before this instant, the soonest first.
    pub expires_before: Option<Timestamp>,
    /// `expiringWithinDays`: the same, counted from now; expired ones are left out.
    pub expiring_within_days: Option<u32>,
    /// `standingOf`: those this CA signed that are neither revoked nor expired, the soonest to expire first.
    pub standing_of: Option<CaId>,
    /// `top`.
    pub top: PageSize,
    /// `continuation` of the page before.
    pub continuation: Option<String>,
}

impl CertificateQuery {
    pub(super) fn parse(query: Query<'_>) -> Result<Self, RouteError> {
        let text = |name: &str| query.get(name).filter(|text| !text.is_empty());
        let days = query.number("expiringWithinDays")?;
        let days = days.map(|days| match u32::try_from(days) {
            Ok(number) if days <= MAX_DAYS => Ok(number),
            _ => Err(RouteError::Parameter("expiringWithinDays")),
        });
        Ok(Self {
            device: text("device")
                .map(|text| RegistryDeviceName::parse(&text))
                .transpose()?,
            serial: read(text("serial"), "serial", SerialNumber::parse)?,
            thumbprint: read(text("thumbprint"), "thumbprint", thumbprint)?,
            expires_before: read(text("expiresBefore"), "expiresBefore", time::parse_iso)?,
            expiring_within_days: days.transpose()?,
            standing_of: read(text("standingOf"), "standingOf", CaId::parse)?,
            top: PageSize::clamp(
                match query.number("top")? {
                    Some(0) => return Err(RouteError::Parameter("top")),
                    top => top.map(|top| usize::try_from(top).unwrap_or(MAX_TOP)),
                },
                DEFAULT_TOP,
                MAX_TOP,
            ),
            continuation: text("continuation"),
        })
    }
}

fn read<T>(
    text: Option<String>,
    name: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, RouteError> {
    text.map(|text| parse(&text).ok_or(RouteError::Parameter(name)))
        .transpose()
}

/// 40 or 64 hexadecimal digits of any case, colons between pairs are allowed.
fn thumbprint(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    if !matches!(digits.len(), 40 | 64) {
        return None;
    }
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<CertificateQuery, RouteError> {
        CertificateQuery::parse(Query::new(text))
    }

    #[test]
    fn every_condition() {
        let digits = "0A".repeat(20);
        let query = parse(&format!(
            "device=press-1&serial=0a:ff&thumbprint={digits}&expiresBefore=2026-12-01T00:00:00Z&expiringWithinDays=14&top=5&continuation=x"
        ))
        .unwrap();
        assert_eq!(query.serial.unwrap().to_string(), "0AFF");
        assert_eq!(query.thumbprint, Some(vec![10; 20]));
        assert_eq!((query.expiring_within_days, query.top.get()), (Some(14), 5));
        assert!(query.expires_before.is_some() && query.device.is_some());
    }

    #[test]
    fn odd_values_are_named() {
        for name in [
            "serial",
            "thumbprint",
            "expiresBefore",
            "expiringWithinDays",
            "top",
        ] {
            assert_eq!(parse(&format!("{name}=x")), Err(RouteError::Parameter(name)));
        }
        assert_eq!(parse("top=0"), Err(RouteError::Parameter("top")));
        assert_eq!(parse("").unwrap().top.get(), 100);
    }

    proptest! {
        #[test]
        fn never_panics(value in any::<String>()) {
            for name in ["device", "serial", "thumbprint", "expiresBefore"] {
                let _ = parse(&format!("{name}={value}"));
            }
        }
    }
}
