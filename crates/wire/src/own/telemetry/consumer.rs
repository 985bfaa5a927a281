use provost_model::{Checkpoint, ConsumerGroup};
use serde::{Deserialize, Serialize};

use crate::json::{self, BodyError, Members};
use crate::time;

/// A consumer group, with its checkpoints when one group is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerGroupView {
    /// Its name.
    pub name: String,
    /// When it was made; null for `$Default`.
    pub created_time_utc: Option<String>,
    /// How far it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<Vec<CheckpointView>>,
}

/// How far a group came in a partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckpointView {
    /// The partition.
    pub partition_id: String,
    /// The next message to read.
    pub sequence_number: i64,
    /// When it was stored.
    pub updated_time_utc: String,
}

impl ConsumerGroupView {
    /// A group by itself, or with how far it came.
    pub fn new(group: &ConsumerGroup, checkpoints: Option<&[Checkpoint]>) -> Self {
        Self {
            name: group.name.as_str().to_owned(),
            created_time_utc: group.created_at.map(time::iso),
            checkpoints: checkpoints.map(|all| all.iter().map(CheckpointView::from).collect()),
        }
    }
}

impl From<&Checkpoint> for CheckpointView {
    fn from(checkpoint: &Checkpoint) -> Self {
        Self {
            partition_id: checkpoint.partition.to_string(),
            sequence_number: checkpoint.sequence_number,
            updated_time_utc: time::iso(checkpoint.updated_at),
        }
    }
}

/// The body of `PUT …/checkpoint`: `{"sequenceNumber":17,"previous":12}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckpointInput {
    /// The next message to read.
    pub sequence_number: i64,
    /// What stood there so far, as the caller knows it; absent or null for nothing.
    pub previous: Option<i64>,
}

impl CheckpointInput {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let sequence_number = members.integer("sequenceNumber")?;
        let missing = || BodyError::Shape {
            path: "sequenceNumber".to_owned(),
            reason: "is required".to_owned(),
        };
        Ok(Self {
            sequence_number: sequence_number.ok_or_else(missing)?,
            previous: members.integer("previous")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_names_its_number_and_may_name_the_one_before() {
        let read = |text: &str| CheckpointInput::parse(text.as_bytes());
        let input = |previous| CheckpointInput {
            sequence_number: 17,
            previous,
        };
        assert_eq!(
            read(r#"{"sequenceNumber":17,"previous":12}"#).unwrap(),
            input(Some(12))
        );
        assert_eq!(
            read(r#"{"sequenceNumber":17,"previous":null}"#).unwrap(),
            input(None)
        );
        for text in [
            "{}",
            r#"{"sequenceNumber":"17"}"#,
            r#"{"sequenceNumber":1,"previous":"a"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
