use provost_model::{DeviceId, KeyPair, KeyRenewal};
use serde_json::{Value, json};

use super::{ItemError, MAX_BULK};
use crate::json::{self, BodyError, Members};

/// The body of `POST /devices/keys/regenerate`: `{"policyKey","devices":[…]}`
/// (iot-hub-service-api.md 17). A device is its ID, or an object with `id` or `deviceId`, and
/// `moduleId` for a module of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegenerateKeys {
    /// Which key.
    pub renewal: KeyRenewal,
    /// Of which devices, or of which module of one; one more than [`MAX_BULK`] at most, so that too
    /// many are visible.
    pub devices: Vec<(DeviceId, Option<String>)>,
}

impl RegenerateKeys {
    /// Reads the body.
    pub fn parse(body: &[u8]) -> Result<Self, BodyError> {
        let value = json::parse(body)?;
        let members = Members::root(&value)?;
        let renewal = members.required("policyKey", |text| {
            KeyRenewal::parse(text).ok_or("must be primary, secondary or swap")
        })?;
        let listed = members.list("devices")?;
        let listed = listed.ok_or_else(|| members.invalid("devices", "is required"))?;
        let read = |(index, item): (usize, &Value)| device(&members, index, item);
        let devices = listed.iter().take(MAX_BULK + 1).enumerate().map(read);
        Ok(Self {
            renewal,
            devices: devices.collect::<Result<_, _>>()?,
        })
    }
}

fn device(root: &Members<'_>, index: usize, item: &Value) -> Result<(DeviceId, Option<String>), BodyError> {
    let path = format!("devices[{index}]");
    if let Some(text) = item.as_str() {
        let id = DeviceId::parse(text);
        return Ok((id.map_err(|error| root.invalid(&path, error.to_string()))?, None));
    }
    let members = Members::of(&path, item)?;
    let name = if members.has("id") { "id" } else { "deviceId" };
    let module = members.text("moduleId")?.filter(|module| !module.is_empty());
    Ok((
        members.required(name, DeviceId::parse)?,
        module.map(str::to_owned),
    ))
}

/// The answer: `{"policyKey","rotatedKeys":[{"id","authentication"}],"errors":[…]}`.
#[derive(Debug)]
pub struct RegeneratedKeys {
    renewal: KeyRenewal,
    rotated: Vec<Value>,
    errors: Vec<ItemError>,
}

impl RegeneratedKeys {
    /// Nothing was done yet.
    pub fn new(renewal: KeyRenewal) -> Self {
        Self {
            renewal,
            rotated: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// A device has these keys now.
    pub fn rotated(&mut self, id: &DeviceId, keys: &KeyPair) {
        self.rotated.push(json!({
            "id": id.as_str(),
            "authentication": {
                "type": "sas",
                "symmetricKey": {
                    "primaryKey": keys.primary.to_base64(),
                    "secondaryKey": keys.secondary.to_base64(),
                },
            },
        }));
    }

    /// A device kept its keys.
    pub fn failed(&mut self, error: ItemError) {
        self.errors.push(error);
    }

    /// The bytes to send.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_bytes(&json!({
            "policyKey": self.renewal.as_str(),
            "rotatedKeys": self.rotated,
            "errors": self.errors,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_texts_or_objects() {
        let body = br#"{"policyKey":"Swap","devices":["a",{"id":"b"},{"deviceId":"c","moduleId":"m"}]}"#;
        let read = RegenerateKeys::parse(body).unwrap();
        assert_eq!(read.renewal, KeyRenewal::Swap);
        let devices: Vec<_> = read
            .devices
            .iter()
            .map(|(id, module)| (id.as_str(), module.as_deref()))
            .collect();
        assert_eq!(devices, [("a", None), ("b", None), ("c", Some("m"))]);
    }

    #[test]
    fn mistakes_are_named() {
        for (body, told) in [
            (r#"{"devices":["a"]}"#, "policyKey"),
            (
                r#"{"policyKey":"both","devices":["a"]}"#,
                "primary, secondary or swap",
            ),
            (r#"{"policyKey":"swap"}"#, "devices"),
            (r#"{"policyKey":"swap","devices":["a b"]}"#, "devices[0]"),
            (r#"{"policyKey":"swap","devices":[7]}"#, "devices[0]"),
        ] {
            let error = RegenerateKeys::parse(body.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
