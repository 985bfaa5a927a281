use std::collections::BTreeMap;

use provost_model::PartitionId;
use provost_wire::own::{ConsumerGroupView, parse_cursor};
use serde_json::json;

use crate::cli::input::segment;
use crate::client::{ApiClient, ClientError};

/// How far a consumer group came, as the server knows it.
pub(super) struct Checkpoints {
    path: String,
    stored: BTreeMap<PartitionId, i64>,
}

impl Checkpoints {
    pub(super) async fn read(client: &mut ApiClient, base: &str, group: &str) -> Result<Self, ClientError> {
        let path = format!("{base}/consumerGroups/{}", segment(group));
        let view: ConsumerGroupView = serde_json::from_value(client.get(&path).await?)
            .map_err(|_| ClientError::Unexpected("this is no consumer group"))?;
        let places = view.checkpoints.unwrap_or_default().into_iter();
        let stored = places.filter_map(|place| {
            let partition = PartitionId::parse(&place.partition_id)?;
            Some((partition, place.sequence_number))
        });
        Ok(Self {
            path,
            stored: stored.collect(),
        })
    }

    /// Remembers where the next page begins. Another reader of the group that was faster is an error:
    /// the two would hide messages from each other.
    pub(super) async fn advance(&mut self, client: &mut ApiClient, next: &str) -> Result<(), ClientError> {
        let cursor = parse_cursor(next).ok_or(ClientError::Unexpected("this is no place in telemetry"))?;
        for (partition, next) in cursor.places() {
            let previous = self.stored.get(partition).copied();
            if previous == Some(*next) {
                continue;
            }
            let path = format!("{}/partitions/{partition}/checkpoint", self.path);
            let body = json!({ "sequenceNumber": next, "previous": previous });
            client.put(&path, &body, None).await?;
            self.stored.insert(*partition, *next);
        }
        Ok(())
    }
}
