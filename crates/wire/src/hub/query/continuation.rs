use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use provost_model::{DeviceId, IdentityId, ModuleId};

/// How far the pages of a query have come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Position {
    /// Rows given so far.
    pub seen: u64,
    /// The last device or module looked at.
    pub after: Option<IdentityId>,
    /// Groups given so far.
    pub group: u64,
    /// Where to go on in what jobs did.
    pub job: Option<String>,
}

/// Longest text of a position; two IDs and two numbers fit.
const MAX_TEXT: usize = 1024;
const VERSION: &str = "1";

impl Position {
    /// The value of `x-ms-continuation`, of use for the same query only.
    pub fn to_text(&self, query: &str) -> String {
        let device = self.after.as_ref().map_or("", |after| after.device_id.as_str());
        let module = self.after.as_ref().and_then(|after| after.module_id.as_ref());
        let module = module.map_or("", ModuleId::as_str);
        let job = self.job.as_deref().unwrap_or_default();
        let (seen, group, mark) = (self.seen, self.group, mark(query));
        // No ID has a slash, and a job's place comes last.
        let text = format!("{VERSION}/{mark:016x}/{seen}/{group}/{device}/{module}/{job}");
        URL_SAFE_NO_PAD.encode(text)
    }

    /// Reads it back; `None` for anything but a text of this query.
    pub fn parse(text: &str, query: &str) -> Option<Self> {
        if text.len() > MAX_TEXT {
            return None;
        }
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let mut parts = text.splitn(7, '/');
        let mut next = || parts.next();
        if next()? != VERSION || next()? != format!("{:016x}", mark(query)) {
            return None;
        }
        let (seen, group) = (next()?.parse().ok()?, next()?.parse().ok()?);
        let after = match (next()?, next()?) {
            ("", "") => None,
            (device, "") => Some(IdentityId::device(DeviceId::parse(device).ok()?)),
            (device, module) => Some(IdentityId::module(
                DeviceId::parse(device).ok()?,
                ModuleId::parse(module).ok()?,
            )),
        };
        let job = next()?;
        Some(Self {
            seen,
            after,
            group,
            job: (!job.is_empty()).then(|| job.to_owned()),
        })
    }
}

/// FNV-1a: tells texts apart that were mixed up, and means no more than that. A position grants
/// nothing its caller does not have anyway.
fn mark(query: &str) -> u64 {
    query.bytes().fold(0xcbf2_9ce4_8422_2325, |mark, byte| {
        (mark ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn positions_are_read_back_for_their_query_only() {
        let device = DeviceId::parse("d#1").unwrap();
        let after = [
            None,
            Some(IdentityId::device(device.clone())),
            Some(IdentityId::module(device, ModuleId::parse("m").unwrap())),
        ];
        for after in after {
            let position = Position {
                seen: 7,
                after,
                group: 3,
                job: Some("a/b".to_owned()),
            };
            let text = position.to_text("SELECT 1");
            assert_eq!(Position::parse(&text, "SELECT 1"), Some(position));
            assert_eq!(Position::parse(&text, "SELECT 2"), None);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_position_or_none(text in any::<String>(), at in 0..40_usize, with in any::<u8>()) {
            let _ = Position::parse(&text, "q");
            let mut changed = Position::default().to_text("q").into_bytes();
            if let Some(byte) = changed.get_mut(at) {
                *byte = with;
            }
            let _ = Position::parse(&String::from_utf8_lossy(&changed), "q");
        }
    }
}
