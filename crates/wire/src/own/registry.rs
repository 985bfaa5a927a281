//! What the Device Registry has beside Azure's contract, under `/provost/namespaces/{namespace}/`.
//!
//! | request | answer |
//! |---|---|
//! | `GET …/certificates?…` | [`IssuedPageView`]: what was issued, see [`CertificateQuery`] |
//! | `GET …/certificates/{number}` | [`IssuedView`] with the certificate |
//! | `POST …/certificates/{number}/revoke` | it, put on the CRL and nothing else |
//! | `GET …/authorities`, `…/authorities/{ca}` | [`AuthorityView`]s with their certificates |
//! | `GET …/authorities/{ca}/crl[?shard=N]` | [`CrlView`] with the CRL itself |
//! | `POST …/devices/{device}/revoke[?dryRun=true]` | what it touches: [`TouchView`] |
//! | `POST …/devices/revoke[?dryRun=true]` | many devices: [`BulkRevokeInput`] |
//! | `POST …/policies/{policy}/revokeIssuer?dryRun=true` | [`TouchView`] |
//! | `DELETE …/policies/{policy}`, `DELETE …/credentials/default` | 204 |
//! | the same with `?force=true` or `?dryRun=true` | [`OrphansView`]: what is left without its policy |
//! | `GET …/operations[/{id}]` | long-running operations |
//! | `PUT …/offlineRoot` | makes the credential, its root kept offline: [`OfflineRootView`] |
//! | `GET …/offlineRoot` | what waits for that root |
//! | `POST …/offlineRoot/answers` | what it signed: [`OfflineAnswersInput`] |

mod input;
mod offline;
mod query;
mod route;
mod view;

pub use input::{BulkRevokeInput, NamespaceLinkBody, RevokeInput};
pub use offline::{
    OfflineAnswerView, OfflineAnswersInput, OfflineCrlView, OfflineImportView, OfflineRequestView,
    OfflineRevokedView, OfflineRootInput, OfflineRootView,
};
pub use query::CertificateQuery;
pub use route::{Deletion, NamespaceLinkAction, RegistryExtra};
pub use view::{
    AuthorityView, BulkRevokeView, CrlView, IssuedPageView, IssuedView, NamespaceLinkView, OperationView,
    OrphansView, RevokedDeviceView, TouchView,
};

pub(super) use route::{of_link, of_namespace};
