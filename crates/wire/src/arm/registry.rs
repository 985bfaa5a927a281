//! The Device Registry's shapes (certificate-management.md 1): namespaces, credentials, policies,
//! devices, and the long-running operations on them.

mod credential;
mod device;
mod endpoints;
mod hub;
mod members;
mod namespace;
mod operation;
mod policy;
mod resource_id;
mod route;
mod version;

pub use credential::{CredentialInput, CredentialPatch, credential};
pub use device::{
    DevicePatch, DeviceRevokeInput, DeviceView, PolicyMember, RegistryDeviceInput, registry_device,
};
pub use hub::{HubResourceView, NamespaceLinkInput, hub_resource};
pub use members::{PatchForm, TagsPatch};
pub use namespace::{NamespaceInput, NamespacePatch, namespace};
pub use operation::{OperationAddress, operation_location, operation_result, operation_status};
pub use policy::{ActivateInput, PolicyPatch, PolicyView, RegistryPolicyInput, policy};
pub use resource_id::{NamespaceId, PolicyId};
pub use route::RegistryAction;
pub use version::{API_VERSION, RegistryVersion, SUPPORTED_VERSIONS};

pub(super) use resource_id::{namespace_id, policy_id};
pub(super) use route::parse as parse_action;
