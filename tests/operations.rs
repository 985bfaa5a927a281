//! Every operation of every API once, in an order in which each succeeds: what [`crate::access`] and
//! [`crate::audit`] go through.

mod catalogue;
mod device_registry;
mod name;
mod world;

use provost_access::Permission;
use provost_model::AccessRight;
use serde_json::Value;

pub(crate) use self::catalogue::catalogue;
pub(crate) use self::name::{NAMES, name};
pub(crate) use self::world::World;

/// Who may call an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Anyone.
    Open,
    /// A policy of the provisioning service with this right.
    Dps(AccessRight),
    /// A policy of the hub with this right.
    Hub(AccessRight),
    /// The holder of an admin token, who is answered in the shape of the management plane.
    Management,
    /// The holder of an admin token, who is answered in the shape of our own addresses.
    Own,
    /// The holder of an admin token, where a policy may do a part of it.
    DpsAndAdmin,
    /// The device itself.
    Device,
    /// The device `dev-1` of the hub itself.
    HubDevice,
}

/// One operation as it is called.
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    pub(crate) door: Door,
    /// What an administrator's roles must allow, all of it.
    pub(crate) needs: Vec<Permission>,
    /// The namespace it is about, for roles that count in one.
    pub(crate) namespace: Option<&'static str>,
    /// The status when everything is right.
    pub(crate) status: u16,
    /// Action, kind and key of the audit event it leaves, if it leaves one.
    pub(crate) event: Option<(&'static str, &'static str, String)>,
    /// It leaves the event twice: where it begins and where it has ended.
    pub(crate) goes_on: bool,
}

impl Operation {
    fn new(door: Door, method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            body: None,
            door,
            needs: Vec::new(),
            namespace: None,
            status: 200,
            event: None,
            goes_on: false,
        }
    }

    fn body(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }

    fn goes_on(self) -> Self {
        Self {
            goes_on: true,
            ..self
        }
    }

    fn needs(self, permissions: &[Permission]) -> Self {
        Self {
            needs: permissions.to_vec(),
            ..self
        }
    }

    fn of(self, namespace: &'static str) -> Self {
        Self {
            namespace: Some(namespace),
            ..self
        }
    }

    fn status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn leaves(self, action: &'static str, kind: &'static str, key: &str) -> Self {
        Self {
            event: Some((action, kind, key.to_owned())),
            ..self
        }
    }

    /// What it is, for messages.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
