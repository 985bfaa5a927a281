//! What the rows of devices and of their modules have in common: the key, the credential, the signs
//! of life.

use provost_model::{DeviceAuth, DeviceAuthKind, HubName, IdentityId, ModuleId, Slots, Timestamp};

use crate::convert::Place;
use crate::sql::{Param, Row, params};
use crate::{AppendTx, StoreError};

/// The table an identity stands in.
pub(crate) fn table(id: &IdentityId) -> &'static str {
    if id.is_device() { "device" } else { "module" }
}

/// The condition that names its row; its parameters are those of [`key`], counted from `first`.
pub(crate) fn is_row(id: &IdentityId, first: usize) -> String {
    let second = first + 1;
    let device = format!("hub = ?{first} AND device_id = ?{second}");
    if id.is_device() {
        return device;
    }
    let third = first + 2;
    format!("{device} AND module_id = ?{third}")
}

/// The parameters of [`is_row`].
pub(crate) fn key<'a>(hub: &'a HubName, id: &'a IdentityId) -> Vec<Param<'a>> {
    let device = [hub.key(), id.device_id.as_str()];
    let module = id.module_id.as_ref().map(ModuleId::as_str);
    device.into_iter().chain(module).map(Param::from).collect()
}

impl AppendTx<'_> {
    /// Notes signs of life, coarsely; a device or module that is gone is passed over.
    pub fn touch_identity(
        &self,
        hub: &HubName,
        id: &IdentityId,
        connection_updated_at: Option<Timestamp>,
        last_activity_at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = format!(
            "UPDATE {} SET connection_updated_at = COALESCE(?1, connection_updated_at), \
             last_activity_at = ?2 WHERE {}",
            table(id),
            is_row(id, 3)
        );
        let connection = connection_updated_at.map(Timestamp::as_micros);
        let mut params = params![connection, last_activity_at.as_micros()].to_vec();
        params.extend(key(hub, id));
        self.execute(&sql, &params).map(|_| ())
    }
}

pub(crate) struct AuthColumns<'a> {
    pub(crate) word: &'static str,
    pub(crate) primary_key: Option<&'a [u8]>,
    pub(crate) secondary_key: Option<&'a [u8]>,
    pub(crate) primary_thumbprint: Option<&'a str>,
    pub(crate) secondary_thumbprint: Option<&'a str>,
}

impl<'a> AuthColumns<'a> {
    pub(crate) fn of(auth: &'a DeviceAuth) -> Self {
        let empty = Self {
            word: auth_word(auth.kind()),
            primary_key: None,
            secondary_key: None,
            primary_thumbprint: None,
            secondary_thumbprint: None,
        };
        match auth {
            DeviceAuth::Sas(keys) => Self {
                primary_key: Some(keys.primary.as_bytes()),
                secondary_key: Some(keys.secondary.as_bytes()),
                ..empty
            },
            DeviceAuth::SelfSigned(slots) => Self {
                primary_thumbprint: slots.primary.as_deref(),
                secondary_thumbprint: slots.secondary.as_deref(),
                ..empty
            },
            DeviceAuth::CertificateAuthority | DeviceAuth::None => empty,
        }
    }
}

fn auth_word(kind: DeviceAuthKind) -> &'static str {
    match kind {
        DeviceAuthKind::Sas => "sas",
        DeviceAuthKind::SelfSigned => "selfSigned",
        DeviceAuthKind::CertificateAuthority => "certificateAuthority",
        DeviceAuthKind::None => "none",
    }
}

/// Reads the five columns of a credential, beginning with its word.
pub(crate) fn auth(row: &Row<'_>, first: usize, place: Place<'_>) -> Result<DeviceAuth, StoreError> {
    Ok(match row.text(first)?.as_str() {
        "sas" => DeviceAuth::Sas(place.key_pair(row.opt_blob(first + 1)?, row.opt_blob(first + 2)?)?),
        "selfSigned" => DeviceAuth::SelfSigned(Slots {
            primary: row.opt_text(first + 3)?,
            secondary: row.opt_text(first + 4)?,
        }),
        "certificateAuthority" => DeviceAuth::CertificateAuthority,
        "none" => DeviceAuth::None,
        _ => return Err(place.inconsistent("auth")),
    })
}
