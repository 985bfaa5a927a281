use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Runs futures side by side and gives their results in the order of the futures. For a bounded
/// few: each wake-up polls all that are left.
pub(crate) async fn join_all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<Running<F>> = futures
        .into_iter()
        .map(|future| Running::Yet(Box::pin(future)))
        .collect();
    poll_fn(|context| {
        let mut is_ready = true;
        for slot in &mut running {
            if let Running::Yet(future) = slot {
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => *slot = Running::Done(output),
                    Poll::Pending => is_ready = false,
                }
            }
        }
        if is_ready { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(Running::output).collect()
}

enum Running<F: Future> {
    Yet(Pin<Box<F>>),
    Done(F::Output),
}

// The output is never pinned.
impl<F: Future> Unpin for Running<F> {}

impl<F: Future> Running<F> {
    fn output(self) -> Option<F::Output> {
        match self {
            Self::Done(output) => Some(output),
            Self::Yet(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::join_all;

    #[tokio::test(start_paused = true)]
    async fn results_keep_the_order_of_the_futures() {
        let delays = [3_u64, 1, 2];
        let begin = tokio::time::Instant::now();
        let results = join_all(delays.iter().map(|delay| async move {
            tokio::time::sleep(Duration::from_secs(*delay)).await;
            *delay
        }))
        .await;
        assert_eq!(results, delays);
        assert_eq!(begin.elapsed(), Duration::from_secs(3));
    }
}
