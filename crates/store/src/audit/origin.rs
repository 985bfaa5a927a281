//! From where a write comes: told once where a request comes in, found again by every write it makes.

use std::future::Future;
use std::sync::Arc;

use provost_model::AuditOrigin;

tokio::task_local! {
    static ORIGIN: Arc<AuditOrigin>;
}

/// Runs a request; every write made in it says in its audit event that it came from there. Work that the
/// request leaves to a task of its own takes that along by [`in_same_origin`].
pub fn with_origin<F: Future>(origin: AuditOrigin, request: F) -> impl Future<Output = F::Output> {
    // Not async: an async function would keep its argument beside what it makes of it.
    ORIGIN.scope(Arc::new(origin), request)
}

/// The same work with the origin of the request at hand, wherever it runs: for what is spawned. Taken when
/// this is called.
pub fn in_same_origin<F: Future>(work: F) -> impl Future<Output = F::Output> {
    ORIGIN.scope(current().unwrap_or_default(), work)
}

/// One request of several that come over one connection: from the same address, with a tracking id of its
/// own. Taken when this is called.
pub fn with_tracking_id<F: Future>(
    tracking_id: &str,
    request: F,
) -> impl Future<Output = F::Output> + use<F> {
    let address = current().map(|origin| origin.address.clone()).unwrap_or_default();
    let origin = AuditOrigin {
        address,
        tracking_id: tracking_id.to_owned(),
    };
    with_origin(origin, request)
}

/// That of the request at hand.
pub(crate) fn current() -> Option<Arc<AuditOrigin>> {
    ORIGIN.try_with(Arc::clone).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told() -> (String, String) {
        let origin = current().unwrap_or_default();
        (origin.address.clone(), origin.tracking_id.clone())
    }

    fn pair(address: &str, tracking_id: &str) -> (String, String) {
        (address.to_owned(), tracking_id.to_owned())
    }

    #[tokio::test]
    async fn a_task_of_its_own_knows_the_origin_only_when_it_is_taken_along() {
        let origin = AuditOrigin {
            address: "192.0.2.7:1883".to_owned(),
            tracking_id: "t-1".to_owned(),
        };
        let (alone, along, numbered) = with_origin(origin, async {
            let alone = tokio::spawn(async { told() }).await;
            let along = tokio::spawn(in_same_origin(async { told() })).await;
            let numbered = tokio::spawn(with_tracking_id("t-2", async { told() })).await;
            (alone, along, numbered)
        })
        .await;
        assert_eq!(alone.unwrap(), pair("", ""));
        assert_eq!(along.unwrap(), pair("192.0.2.7:1883", "t-1"));
        assert_eq!(numbered.unwrap(), pair("192.0.2.7:1883", "t-2"));
    }

    #[tokio::test]
    async fn without_a_request_there_is_none() {
        assert_eq!(in_same_origin(async { told() }).await, pair("", ""));
    }
}
