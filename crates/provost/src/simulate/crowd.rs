use std::future::Future;

use tokio::task::JoinSet;

/// Runs a task for each item, at most `concurrency` at a time, and collects the results in the
/// order they come. A task that panicked is missing from them.
pub(super) async fn crowd<I, F, T>(
    items: impl IntoIterator<Item = I>,
    concurrency: u32,
    start: impl Fn(I) -> F,
    mut done: impl FnMut(&T),
) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let limit = usize::try_from(concurrency).unwrap_or(usize::MAX).max(1);
    let mut running = JoinSet::new();
    let mut results = Vec::new();
    let mut collect = |result: Result<T, tokio::task::JoinError>| {
        if let Ok(result) = result {
            done(&result);
            results.push(result);
        }
    };
    for item in items {
        if running.len() >= limit
            && let Some(result) = running.join_next().await
        {
            collect(result);
        }
        running.spawn(start(item));
    }
    while let Some(result) = running.join_next().await {
        collect(result);
    }
    results
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn never_more_at_a_time_than_allowed() {
        let now = Arc::new(AtomicU32::new(0));
        let most = Arc::new(AtomicU32::new(0));
        let start = |item: u32| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
                item
            }
        };
        let mut seen = 0;
        let mut results = crowd(0..50, 4, start, |_| seen += 1).await;
        results.sort_unstable();
        assert_eq!(results, (0..50).collect::<Vec<_>>());
        assert_eq!(seen, 50);
        assert!(most.load(Ordering::SeqCst) <= 4);
    }
}
