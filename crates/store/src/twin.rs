use provost_model::twin::{Twin, TwinSection};
use provost_model::{DeviceId, DeviceIdentity, HubName, IdentityId};

use crate::convert::{Place, json};
use crate::device::COLUMNS as DEVICE_COLUMNS;
use crate::identity_row::{is_row, key, table};
use crate::sql::{Row, params};
use crate::twin_query::with_twin;
use crate::{ReadTx, StoreError, WriteTx};

pub(crate) const COLUMNS: &str = "twin_version, twin_etag, model_id, desired_version, reported_version, tags, desired, \
    desired_metadata, reported, reported_metadata";

/// Which documents of a twin are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TwinParts {
    /// The tags.
    pub tags: bool,
    /// The desired properties.
    pub desired: bool,
    /// The reported properties.
    pub reported: bool,
}

impl TwinParts {
    /// All of them.
    pub const ALL: Self = Self {
        tags: true,
        desired: true,
        reported: true,
    };

    /// The columns of a twin, an empty document in place of what is not read.
    pub(crate) fn columns(self) -> String {
        let of = |is_read: bool, columns: &'static [&'static str]| {
            let read = move |column: &&'static str| if is_read { *column } else { "'{}'" };
            columns.iter().map(read)
        };
        let numbers = [
            "twin_version",
            "twin_etag",
            "model_id",
            "desired_version",
            "reported_version",
        ];
        let documents = of(self.tags, &["tags"])
            .chain(of(self.desired, &["desired", "desired_metadata"]))
            .chain(of(self.reported, &["reported", "reported_metadata"]));
        let columns: Vec<_> = numbers.into_iter().chain(documents).collect();
        columns.join(", ")
    }
}

/// The documents of a twin as stored text.
pub(crate) struct TwinColumns {
    pub(crate) tags: String,
    pub(crate) desired: String,
    pub(crate) desired_metadata: String,
    pub(crate) reported: String,
    pub(crate) reported_metadata: String,
}

impl TwinColumns {
    pub(crate) fn of(twin: &Twin) -> Self {
        Self {
            tags: json(&twin.tags),
            desired: json(&twin.desired.value),
            desired_metadata: json(&twin.desired.metadata),
            reported: json(&twin.reported.value),
            reported_metadata: json(&twin.reported.metadata),
        }
    }
}

impl ReadTx<'_> {
    /// The twin of a device or module.
    pub fn twin(&self, hub: &HubName, id: &IdentityId) -> Result<Option<Twin>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM {} WHERE {}", table(id), is_row(id, 1));
        self.find(&sql, &key(hub, id), |row| twin(row, 0, id))
    }

    /// The version of the desired properties of a device or module.
    pub fn desired_version(&self, hub: &HubName, id: &IdentityId) -> Result<Option<i64>, StoreError> {
        let sql = format!(
            "SELECT desired_version FROM {} WHERE {}",
            table(id),
            is_row(id, 1)
        );
        self.find(&sql, &key(hub, id), |row| row.int(0))
    }

    /// A device's identity together with its twin.
    pub fn device_with_twin(
        &self,
        hub: &HubName,
        id: &DeviceId,
    ) -> Result<Option<(DeviceIdentity, Twin)>, StoreError> {
        let sql = format!("SELECT {DEVICE_COLUMNS}, {COLUMNS} FROM device WHERE hub = ?1 AND device_id = ?2");
        self.find(&sql, params![hub.key(), id.as_str()], with_twin)
    }
}

impl WriteTx<'_> {
    /// Writes the twin of a device or module; the identity stays. `false` when there is none.
    pub fn update_twin(&self, hub: &HubName, id: &IdentityId, twin: &Twin) -> Result<bool, StoreError> {
        let sql = format!(
            "UPDATE {} SET twin_version = ?1, twin_etag = ?2, model_id = ?3, desired_version = ?4, \
             reported_version = ?5, tags = ?6, desired = ?7, desired_metadata = ?8, reported = ?9, \
             reported_metadata = ?10 WHERE {}",
            table(id),
            is_row(id, 11)
        );
        let columns = TwinColumns::of(twin);
        if id.is_device() {
            self.index_change(hub, &id.device_id, &twin.tags, &columns.tags)?;
        }
        let mut params = params![
            twin.version,
            twin.etag_counter,
            &twin.model_id,
            twin.desired.version,
            twin.reported.version,
            &columns.tags,
            &columns.desired,
            &columns.desired_metadata,
            &columns.reported,
            &columns.reported_metadata,
        ]
        .to_vec();
        params.extend(key(hub, id));
        Ok(self.execute(&sql, &params)? > 0)
    }
}

pub(crate) fn twin(row: &Row<'_>, first: usize, id: &IdentityId) -> Result<Twin, StoreError> {
    let text = id.to_string();
    let place = Place {
        table: table(id),
        key: &text,
    };
    let object = |column: usize, name| place.object(name, &row.text(first + column)?);
    Ok(Twin {
        version: row.int(first)?,
        etag_counter: row.int(first + 1)?,
        model_id: row.text(first + 2)?,
        tags: object(5, "tags")?,
        desired: TwinSection {
            version: row.int(first + 3)?,
            value: object(6, "desired")?,
            metadata: object(7, "desired_metadata")?,
        },
        reported: TwinSection {
            version: row.int(first + 4)?,
            value: object(8, "reported")?,
            metadata: object(9, "reported_metadata")?,
        },
    })
}
