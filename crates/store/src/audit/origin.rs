//! From where a write comes: told once where a request comes in, found again by every write it makes.

use std::future::Future;
use std::sync::Arc;

use provost_model::AuditOrigin;

tokio::task_local! {
    static ORIGIN: Arc<AuditOrigin>;
}

/// Runs a request; every write made in it says in its audit event that it came from there. What the request
/// leaves to other tasks does not.
pub async fn with_origin<F: Future>(origin: AuditOrigin, request: F) -> F::Output {
    ORIGIN.scope(Arc::new(origin), request).await
}

/// That of the request at hand.
pub(crate) fn current() -> Option<Arc<AuditOrigin>> {
    ORIGIN.try_with(Arc::clone).ok()
}
