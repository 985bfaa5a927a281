//! Devices with tags, as a back end that sorts its fleet leaves them.

use anyhow::Result;
use provost_model::twin::Twin;
use provost_model::{HubName, InitialTwin};
use provost_store::{StoreError, WriteTx};
use serde_json::{Map, Value, json};

use super::{line, site};

/// A device of the line with tags.
pub(super) struct TaggedDevice {
    hub: HubName,
    index: u32,
}

impl TaggedDevice {
    pub(super) fn new(hub: &HubName, index: u32) -> Self {
        Self {
            hub: hub.clone(),
            index,
        }
    }

    pub(super) fn put(&self, tx: &WriteTx<'_>) -> Result<(), StoreError> {
        let index = self.index;
        let initial = InitialTwin {
            tags: object(
                &json!({ "site": site(index), "line": index % 7, "place": { "floor": index % 4, "hall": "h" } }),
            ),
            desired: object(&json!({ "period": 60, "firmware": { "version": "1.2.0" } })),
        };
        let twin = Twin::new(&initial, tx.now(), |_| "2026-01-01T00:00:00.0000000Z".to_owned());
        let identity = line::identity(index).map_err(|_| StoreError::Stopped)?;
        tx.insert_device(&self.hub, &identity, &twin)
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
