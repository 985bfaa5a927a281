use provost_model::{DeviceAuth, DeviceStatus, HubName, IdentityId};

use crate::convert::Place;
use crate::device::status;
use crate::identity_row::{auth, key};
use crate::sql::Row;
use crate::{ReadTx, StoreError};

/// What an identity is judged by when it connects. A module proves itself, and may connect as long
/// as its device may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its own; another one after delete and re-create.
    pub generation_id: String,
    /// Of the device.
    pub status: DeviceStatus,
    /// How it proves itself.
    pub auth: DeviceAuth,
}

const DEVICE: &str = "SELECT generation_id, status, auth, primary_key, secondary_key, primary_thumbprint, \
    secondary_thumbprint FROM device WHERE hub = ?1 AND device_id = ?2";
const MODULE: &str = "SELECT m.generation_id, d.status, m.auth, m.primary_key, m.secondary_key, \
    m.primary_thumbprint, m.secondary_thumbprint FROM module m JOIN device d ON d.hub = m.hub AND \
    d.device_id = m.device_id WHERE m.hub = ?1 AND m.device_id = ?2 AND m.module_id = ?3";

impl ReadTx<'_> {
    /// What a device or module is judged by.
    pub fn credential(&self, hub: &HubName, id: &IdentityId) -> Result<Option<Credential>, StoreError> {
        let sql = if id.is_device() { DEVICE } else { MODULE };
        self.find(sql, &key(hub, id), |row| credential(row, id))
    }
}

fn credential(row: &Row<'_>, id: &IdentityId) -> Result<Credential, StoreError> {
    let place = Place {
        table: "device",
        key: id.device_id.as_str(),
    };
    Ok(Credential {
        generation_id: row.text(0)?,
        status: status(&row.text(1)?, place)?,
        auth: auth(row, 2, place)?,
    })
}
