//! The twin: a document with a service-owned and a device-owned part (iot-hub-service-api.md 7).
//!
//! | write | by | tags | desired | reported | `version` | etag |
//! |---|---|---|---|---|---|---|
//! | patch, replace | service | merged, replaced | merged, replaced, `$version` + 1 when touched | - | + 1 | + 1 |
//! | reported patch | device | - | - | merged, `$version` + 1 | + 1 | - |
//!
//! The JSON a client sees, with `$metadata` and `$version`, is put together in `provost-wire`.

mod difference;
mod limits;
mod merge;

use serde_json::{Map, Value};

pub use self::difference::{difference, unsettle};
pub use self::limits::{MAX_DESIRED, MAX_REPORTED, MAX_TAGS, TwinError};
use self::merge::{Stamp, merge, replace};
use crate::{Etag, InitialTwin, Timestamp};

/// Desired or reported properties with what is known of their changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TwinSection {
    /// The properties, without `$metadata` and `$version`.
    pub value: Map<String, Value>,
    /// Mirrors the properties: each level has `$lastUpdated` and, in desired, `$lastUpdatedVersion`.
    pub metadata: Map<String, Value>,
    /// Begins at 1, grows by one with every change.
    pub version: i64,
}

/// A twin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Twin {
    /// Seen by services only.
    pub tags: Map<String, Value>,
    /// Set by services, read by the device.
    pub desired: TwinSection,
    /// Set by the device, read by services.
    pub reported: TwinSection,
    /// Counts every change; the first value is 2.
    pub version: i64,
    /// Counts service-side writes; the source of the twin's etag.
    pub etag_counter: i64,
    /// The model the device announced, empty when none.
    pub model_id: String,
}

/// What a service writes; an absent part is left alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TwinWrite {
    /// Tags.
    pub tags: Option<Map<String, Value>>,
    /// Desired properties.
    pub desired: Option<Map<String, Value>>,
}

/// What a live device is told after a service's write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredNotification {
    /// The patch, with nulls for what was removed, without `$version`.
    pub patch: Map<String, Value>,
    /// The new `$version` of desired.
    pub version: i64,
}

impl Twin {
    /// The twin of a new device.
    pub fn new(initial: &InitialTwin, now: Timestamp, format: TimeFormat) -> Self {
        let mut twin = Self {
            tags: Map::new(),
            desired: TwinSection {
                value: Map::new(),
                metadata: Map::new(),
                version: 1,
            },
            reported: TwinSection {
                value: Map::new(),
                metadata: Map::new(),
                version: 1,
            },
            version: 2,
            etag_counter: 1,
            model_id: String::new(),
        };
        let stamp = Stamp {
            at: format(now),
            version: Some(1),
        };
        twin.tags = merge::without_nulls(&initial.tags);
        merge(
            &mut twin.desired.value,
            &mut twin.desired.metadata,
            &initial.desired,
            &stamp,
        );
        merge::stamp(&mut twin.desired.metadata, &stamp);
        merge::stamp(
            &mut twin.reported.metadata,
            &Stamp {
                at: format(now),
                version: None,
            },
        );
        twin
    }

    /// The etag services see.
    pub fn etag(&self) -> Etag {
        Etag::from_counter(self.etag_counter)
    }

    /// Merges a service's patch; `null` removes.
    ///
    /// Nothing is changed when a limit is broken.
    pub fn patch(
        &mut self,
        write: &TwinWrite,
        now: Timestamp,
        format: TimeFormat,
    ) -> Result<Option<DesiredNotification>, TwinError> {
        let mut next = self.clone();
        if let Some(tags) = &write.tags {
            limits::check_patch("tags", tags)?;
            merge::merge_plain(&mut next.tags, tags);
            limits::check_size("tags", &next.tags, MAX_TAGS)?;
        }
        let notification = match write.desired.as_ref().map(without_read_only) {
            Some(patch) if !patch.is_empty() => {
                limits::check_patch("desired", &patch)?;
                Some(next.change_desired(patch, now, format, merge)?)
            }
            _ => None,
        };
        next.count_service_write();
        *self = next;
        Ok(notification)
    }

    /// Replaces the parts a service sends as wholes.
    ///
    /// The device is told the new document with `null` for each top-level member that went.
    pub fn replace(
        &mut self,
        write: &TwinWrite,
        now: Timestamp,
        format: TimeFormat,
    ) -> Result<Option<DesiredNotification>, TwinError> {
        let mut next = self.clone();
        if let Some(tags) = &write.tags {
            limits::check_patch("tags", tags)?;
            next.tags = merge::without_nulls(tags);
            limits::check_size("tags", &next.tags, MAX_TAGS)?;
        }
        let notification = match write.desired.as_ref().map(without_read_only) {
            Some(desired) => {
                limits::check_patch("desired", &desired)?;
                let mut told = desired.clone();
                for gone in self
                    .desired
                    .value
                    .keys()
                    .filter(|key| !desired.contains_key(*key))
                {
                    told.insert(gone.clone(), Value::Null);
                }
                let mut notification = next.change_desired(desired, now, format, replace)?;
                notification.patch = told;
                Some(notification)
            }
            None => None,
        };
        next.count_service_write();
        *self = next;
        Ok(notification)
    }

    /// Merges the device's own patch into reported.
    ///
    /// `expected` is the `$version` the device built on, when it said so.
    pub fn patch_reported(
        &mut self,
        patch: &Map<String, Value>,
        expected: Option<i64>,
        now: Timestamp,
        format: TimeFormat,
    ) -> Result<i64, TwinError> {
        if expected.is_some_and(|version| version != self.reported.version) {
            return Err(TwinError::Version {
                current: self.reported.version,
            });
        }
        let patch = without_read_only(patch);
        limits::check_patch("reported", &patch)?;
        let stamp = Stamp {
            at: format(now),
            version: None,
        };
        let mut next = self.reported.clone();
        merge(&mut next.value, &mut next.metadata, &patch, &stamp);
        merge::stamp(&mut next.metadata, &stamp);
        limits::check_size("reported", &next.value, MAX_REPORTED)?;
        next.version += 1;
        self.version += 1;
        self.reported = next;
        Ok(self.reported.version)
    }

    fn change_desired(
        &mut self,
        patch: Map<String, Value>,
        now: Timestamp,
        format: TimeFormat,
        apply: merge::Apply,
    ) -> Result<DesiredNotification, TwinError> {
        let version = self.desired.version + 1;
        let stamp = Stamp {
            at: format(now),
            version: Some(version),
        };
        apply(
            &mut self.desired.value,
            &mut self.desired.metadata,
            &patch,
            &stamp,
        );
        merge::stamp(&mut self.desired.metadata, &stamp);
        limits::check_size("desired", &self.desired.value, MAX_DESIRED)?;
        self.desired.version = version;
        Ok(DesiredNotification { patch, version })
    }

    fn count_service_write(&mut self) {
        self.version += 1;
        self.etag_counter += 1;
    }
}

/// Judges a twin a device is to begin with, before anything is stored: the limits of a patch and of
/// the documents it makes.
pub fn check_initial(initial: &InitialTwin) -> Result<(), TwinError> {
    let desired = without_read_only(&initial.desired);
    limits::check_patch("tags", &initial.tags)?;
    limits::check_patch("desired", &desired)?;
    limits::check_size("tags", &initial.tags, MAX_TAGS)?;
    limits::check_size("desired", &desired, MAX_DESIRED)
}

/// How an instant is written inside `$metadata`; the wire knows.
pub type TimeFormat = fn(Timestamp) -> String;

/// `$metadata` and `$version` come back in documents clients read and send again.
fn without_read_only(section: &Map<String, Value>) -> Map<String, Value> {
    let read_only = |key: &str| key == "$metadata" || key == "$version";
    section
        .iter()
        .filter(|(key, _)| !read_only(key))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
