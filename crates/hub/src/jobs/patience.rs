use std::time::Duration;

use provost_store::{AppendTx, Store, StoreError};
use tokio::time::{Instant, sleep};

/// The first pause before a write is tried again; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(50);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(2);
/// How long a store may be busy before what is under way is taken up anew.
const PATIENCE: Duration = Duration::from_secs(8);

/// Writes what must not be lost, however long the store cannot take it. Only for writes that do
/// nothing the second time: nobody knows of a failure whether it came after the commit.
pub(crate) async fn write_at_last<T, F>(store: &Store, write: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&AppendTx<'_>) -> Result<T, StoreError> + Clone + Send + 'static,
{
    until(
        None,
        |error| !matches!(error, StoreError::Closed),
        || store.append(write.clone()),
    )
    .await
}

/// Writes as soon as the store is not too busy; it was not begun until then.
pub(crate) async fn write<T, F>(store: &Store, write: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&AppendTx<'_>) -> Result<T, StoreError> + Clone + Send + 'static,
{
    until(
        Some(PATIENCE),
        |error| matches!(error, StoreError::Busy),
        || store.append(write.clone()),
    )
    .await
}

async fn until<T, A: Future<Output = Result<T, StoreError>>>(
    patience: Option<Duration>,
    passes: impl Fn(&StoreError) -> bool,
    attempt: impl Fn() -> A,
) -> Result<T, StoreError> {
    let (began, mut pause) = (Instant::now(), FIRST);
    loop {
        match attempt().await {
            Err(error) if passes(&error) && patience.is_none_or(|patience| began.elapsed() < patience) => {}
            done => return done,
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_is_tried_until_it_is_taken() {
        let left = Cell::new(20);
        let attempt = || {
            left.set(left.get() - 1);
            let is_taken = left.get() == 0;
            async move { is_taken.then_some(7).ok_or(StoreError::Busy) }
        };
        let taken = until(None, |_| true, attempt).await;
        assert_eq!((taken.unwrap(), left.get()), (7, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_what_does_not_pass_ends_it_at_once() {
        let began = Instant::now();
        let busy = || async { Err::<(), _>(StoreError::Busy) };
        let is_busy = |error: &StoreError| matches!(error, StoreError::Busy);
        assert!(until(Some(PATIENCE), is_busy, busy).await.is_err());
        assert!(began.elapsed() >= PATIENCE && began.elapsed() <= PATIENCE + LONGEST);
        let began = Instant::now();
        let closed = || async { Err::<(), _>(StoreError::Closed) };
        assert!(until(None, is_busy, closed).await.is_err());
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
