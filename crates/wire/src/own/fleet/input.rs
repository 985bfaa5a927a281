use std::time::Duration;

use provost_model::{FailureLimit, JobId, Pace, ReprovisionPlan};

use crate::hub::service::method_name;
use crate::json::{self, BodyError, Members};

/// Longest times that can be asked for.
const MAX_WITHIN: u64 = 30 * 24 * 3600;
const MAX_CONDITION: usize = 8192;

/// The body of `POST …/fleet/reprovisions`: `{"id","query","method","payload",
/// "responseTimeoutInSeconds","pace","pauseOnFailure","returnWithinSeconds","connectWithinSeconds",
/// "atMostAway","acceptSameCredential","dryRun"}`; only `query` is required.
#[derive(Debug, Clone, PartialEq)]
pub struct ReprovisionInput {
    /// The run's name; when absent, the server chooses.
    pub id: Option<JobId>,
    /// What is done.
    pub plan: ReprovisionPlan,
    /// Only say whom it would call.
    pub dry_run: bool,
}

impl ReprovisionInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let condition = members.required_text("query")?.trim().to_owned();
        if condition.len() > MAX_CONDITION {
            return Err(members.invalid("query", format!("must have at most {MAX_CONDITION} characters")));
        }
        let at_most_away = match members.integer("atMostAway")? {
            None => None,
            Some(count) => Some(
                u32::try_from(count)
                    .ok()
                    .filter(|count| *count > 0)
                    .ok_or_else(|| members.invalid("atMostAway", "must be a positive number"))?,
            ),
        };
        let plan = ReprovisionPlan {
            condition,
            method: members
                .parsed("method", method_name)?
                .unwrap_or_else(|| "reprovision".to_owned()),
            payload: members.value("payload").cloned(),
            response_timeout: seconds(&members, "responseTimeoutInSeconds", 30, 5..=300)?,
            pace: match members.parsed("pace", Pace::parse)? {
                Some(pace) => pace,
                None => Pace::parse("50/s").map_err(|error| members.invalid("pace", error.to_string()))?,
            },
            return_within: seconds(&members, "returnWithinSeconds", 120, 1..=MAX_WITHIN)?,
            connect_within: seconds(&members, "connectWithinSeconds", 300, 0..=MAX_WITHIN)?,
            at_most_away,
            pause_on: members.parsed("pauseOnFailure", FailureLimit::parse)?,
            accept_same_credential: members.flag("acceptSameCredential")?.unwrap_or_default(),
        };
        Ok(Self {
            id: members.parsed("id", JobId::parse)?,
            plan,
            dry_run: members.flag("dryRun")?.unwrap_or_default(),
        })
    }
}

/// The body of `POST …/resume`: `{"pauseOnFailure","retryFailed"}`; may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResumeInput {
    /// Takes the place of the limit before.
    pub pause_on: Option<FailureLimit>,
    /// Those that failed, did not return or were skipped have another turn.
    pub retry_failed: bool,
}

impl ResumeInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        if value.is_null() {
            return Ok(Self::default());
        }
        let members = Members::root(&value)?;
        Ok(Self {
            pause_on: members.parsed("pauseOnFailure", FailureLimit::parse)?,
            retry_failed: members.flag("retryFailed")?.unwrap_or_default(),
        })
    }
}

fn seconds(
    members: &Members<'_>,
    name: &str,
    default: u64,
    range: std::ops::RangeInclusive<u64>,
) -> Result<Duration, BodyError> {
    let asked = match members.integer(name)? {
        None => return Ok(Duration::from_secs(default)),
        Some(asked) => u64::try_from(asked).ok(),
    };
    asked
        .filter(|seconds| range.contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            members.invalid(
                name,
                format!("must be between {} and {}", range.start(), range.end()),
            )
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn parse(body: &Value) -> Result<ReprovisionInput, BodyError> {
        ReprovisionInput::parse(body.to_string().as_bytes())
    }

    #[test]
    fn defaults_and_everything_said() {
        let input = parse(&json!({"query": "*"})).unwrap();
        let plan = &input.plan;
        assert_eq!(
            (plan.method.as_str(), plan.pace.to_string().as_str()),
            ("reprovision", "50/s")
        );
        assert_eq!(
            (plan.return_within.as_secs(), plan.connect_within.as_secs()),
            (120, 300)
        );
        assert_eq!(
            (plan.pause_on, plan.at_most_away, input.id, input.dry_run),
            (None, None, None, false)
        );
        let input = parse(&json!({"id": "r1", "query": "tags.a = 1", "method": "renew", "payload": [1],
            "responseTimeoutInSeconds": 5, "pace": "3000/min", "pauseOnFailure": "5%", "returnWithinSeconds": 1,
            "connectWithinSeconds": 0, "atMostAway": 7, "acceptSameCredential": true, "dryRun": true}))
        .unwrap();
        let plan = &input.plan;
        assert_eq!(
            (plan.method.as_str(), plan.payload.clone()),
            ("renew", Some(json!([1])))
        );
        assert_eq!(
            (plan.pause_on, plan.at_most_away),
            (FailureLimit::parse("5%").ok(), Some(7))
        );
        assert!(plan.accept_same_credential && input.dry_run);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, member) in [
            (json!({}), "query"),
            (json!({"query": "*", "pace": "fast"}), "pace"),
            (json!({"query": "*", "pauseOnFailure": "200%"}), "pauseOnFailure"),
            (json!({"query": "*", "method": "a b"}), "method"),
            (
                json!({"query": "*", "returnWithinSeconds": 0}),
                "returnWithinSeconds",
            ),
            (json!({"query": "*", "atMostAway": 0}), "atMostAway"),
            (json!({"query": "*", "id": "a/b"}), "id"),
        ] {
            let error = parse(&body).unwrap_err();
            assert!(error.to_string().contains(&format!("`{member}`")), "{error}");
        }
    }

    #[test]
    fn resuming_needs_no_body() {
        assert_eq!(ResumeInput::parse(b""), Ok(ResumeInput::default()));
        let input = ResumeInput::parse(br#"{"pauseOnFailure":"10","retryFailed":true}"#).unwrap();
        assert_eq!(
            (input.pause_on, input.retry_failed),
            (Some(FailureLimit::Count(10)), true)
        );
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = ReprovisionInput::parse(&bytes);
            let _ = ResumeInput::parse(&bytes);
        }
    }
}
