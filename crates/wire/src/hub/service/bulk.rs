use provost_model::twin::TwinWrite;
use provost_model::{Etag, IdentityId};
use serde::Serialize;
use serde_json::Value;

use super::MAX_BULK;
use super::device_input::DeviceInput;
use super::module::ModuleInput;
use super::twin_input::read_patch;
use crate::hub::error;
use crate::json::{self, BodyError, Members};

/// What a bulk item does (iot-hub-service-api.md 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportMode {
    /// Fails when the device exists.
    Create,
    /// Fails when it does not.
    Update,
    /// The same with the item's `eTag`.
    UpdateIfMatchEtag,
    /// Either.
    CreateOrUpdate,
    /// Either, with the item's `eTag`.
    CreateOrUpdateIfMatchEtag,
    /// Removes it.
    Delete,
    /// The same with the item's `eTag`.
    DeleteIfMatchEtag,
    /// Merges tags and desired properties.
    UpdateTwin,
    /// The same with the item's `twinETag`.
    UpdateTwinIfMatchEtag,
}

const MODES: [(&str, ImportMode); 9] = [
    ("create", ImportMode::Create),
    ("update", ImportMode::Update),
    ("updateIfMatchETag", ImportMode::UpdateIfMatchEtag),
    ("createOrUpdate", ImportMode::CreateOrUpdate),
    ("createOrUpdateIfMatchETag", ImportMode::CreateOrUpdateIfMatchEtag),
    ("delete", ImportMode::Delete),
    ("deleteIfMatchETag", ImportMode::DeleteIfMatchEtag),
    ("updateTwin", ImportMode::UpdateTwin),
    ("updateTwinIfMatchETag", ImportMode::UpdateTwinIfMatchEtag),
];

/// One item of `POST /devices`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkItem {
    /// What to do; absent means create, as the oldest clients mean it.
    pub mode: ImportMode,
    /// With which device; its id is always there.
    pub device: DeviceInput,
    /// Set when the item is about a module of the device.
    pub module: Option<ModuleInput>,
    /// Tags and desired properties.
    pub twin: TwinWrite,
    /// The state of the twin the caller has seen.
    pub twin_etag: Option<Etag>,
}

/// Reads the array. More than 100 items are 413002, see [`ItemError`] for single failures.
pub fn parse_bulk(body: &[u8]) -> Result<Vec<BulkItem>, BodyError> {
    let value = json::parse(body)?;
    let Value::Array(items) = &value else {
        return Err(BodyError::Shape {
            path: "body".to_owned(),
            reason: "must be an array".to_owned(),
        });
    };
    // One more than allowed is enough for the caller to see that there are too many.
    items
        .iter()
        .take(MAX_BULK + 1)
        .enumerate()
        .map(|(position, item)| read(&Members::of(&format!("[{position}]"), item)?))
        .collect()
}

fn read(item: &Members<'_>) -> Result<BulkItem, BodyError> {
    let device = DeviceInput::read(item, "id", "eTag")?;
    if device.device_id.is_none() {
        return Err(item.shape("id", "is required"));
    }
    let text = |name: &str| -> Result<Option<&str>, BodyError> {
        Ok(item.text(name)?.filter(|text| !text.is_empty()))
    };
    Ok(BulkItem {
        mode: item.word("importMode", &MODES)?.unwrap_or(ImportMode::Create),
        device,
        module: match text("moduleId")? {
            Some(_) => Some(ModuleInput::read(item, "id", "eTag")?),
            None => None,
        },
        twin: read_patch(item)?,
        twin_etag: text("twinETag")?.map(Etag::from_text),
    })
}

/// The answer of a bulk request: HTTP 200 when all is done, 400 in the same shape when some failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkResult {
    is_successful: bool,
    errors: Vec<ItemError>,
    warnings: Vec<BulkWarning>,
}

/// One failed item; its code is a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemError {
    device_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    module_id: Option<String>,
    error_code: &'static str,
    error_status: String,
}

/// Something noteworthy about an item that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BulkWarning {
    device_id: String,
    warning_code: &'static str,
    warning_status: String,
}

impl ItemError {
    /// A device or module that failed with this number.
    pub fn new(id: &IdentityId, code: u32, status: impl Into<String>) -> Self {
        Self {
            device_id: id.device_id.to_string(),
            module_id: id.module_id.as_ref().map(ToString::to_string),
            error_code: error::name(code),
            error_status: status.into(),
        }
    }
}

impl BulkWarning {
    /// The identity was made, its twin was refused.
    pub fn without_twin(device_id: &str, status: impl Into<String>) -> Self {
        Self {
            device_id: device_id.to_owned(),
            warning_code: "DeviceRegisteredWithoutTwin",
            warning_status: status.into(),
        }
    }
}

impl BulkResult {
    /// Successful when no item failed.
    pub fn new(errors: Vec<ItemError>, warnings: Vec<BulkWarning>) -> Self {
        Self {
            is_successful: errors.is_empty(),
            errors,
            warnings,
        }
    }

    /// 200 or 400.
    pub fn http_status(&self) -> u16 {
        if self.is_successful { 200 } else { 400 }
    }

    /// The bytes to send.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provost_model::DeviceStatus;

    use super::*;

    #[test]
    fn items_are_read_with_their_own_spelling() {
        let body = br#"[{"id":"a","eTag":"\"e\"","importMode":"UpdateIfMatchETag","status":"disabled"},
            {"id":"b","importMode":"updateTwin","twinETag":"t","tags":{"x":1},"properties":{"desired":{"y":null}}},{"id":"c"}]"#;
        let items = parse_bulk(body).unwrap();
        let modes: Vec<ImportMode> = items.iter().map(|item| item.mode).collect();
        assert_eq!(
            modes,
            [
                ImportMode::UpdateIfMatchEtag,
                ImportMode::UpdateTwin,
                ImportMode::Create
            ]
        );
        assert_eq!(items[0].device.etag.as_ref().unwrap().as_str(), "e");
        assert_eq!(items[0].device.status, Some(DeviceStatus::Disabled));
        assert!(items[1].module.is_none());
        assert_eq!(items[1].twin_etag.as_ref().unwrap().as_str(), "t");
        assert!(items[1].twin.tags.is_some() && items[1].twin.desired.is_some());
    }

    #[test]
    fn too_many_items_are_visible_and_errors_name_the_item() {
        let body = format!("[{}]", vec![r#"{"id":"a"}"#; 150].join(","));
        assert_eq!(parse_bulk(body.as_bytes()).unwrap().len(), MAX_BULK + 1);
        let error = parse_bulk(br#"[{"id":"a"},{"importMode":"create"}]"#).unwrap_err();
        assert_eq!(error.to_string(), "`[1].id` is required");
        assert!(parse_bulk(b"{}").is_err());
    }

    #[test]
    fn result_shape() {
        let errors = vec![ItemError::new(
            &IdentityId::parse("a").unwrap(),
            409_001,
            "exists",
        )];
        let result = BulkResult::new(errors, vec![BulkWarning::without_twin("b", "too large")]);
        assert_eq!(result.http_status(), 400);
        assert_eq!(
            String::from_utf8(result.to_json()).unwrap(),
            concat!(
                r#"{"isSuccessful":false,"errors":[{"deviceId":"a","errorCode":"DeviceAlreadyExists","errorStatus":"exists"}],"#,
                r#""warnings":[{"deviceId":"b","warningCode":"DeviceRegisteredWithoutTwin","warningStatus":"too large"}]}"#
            )
        );
        assert_eq!(BulkResult::new(Vec::new(), Vec::new()).http_status(), 200);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_bulk(&bytes);
        }
    }
}
