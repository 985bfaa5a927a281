//! Threads that sign leaves: as many as there is something to gain by, so that under load a signature finds
//! one that is awake, whose memory is warm.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use provost_ca::CaError;
use provost_store::StoreError;
use tokio::sync::oneshot;
use tracing::error;

use crate::RegistryError;

type Job = Box<dyn FnOnce() + Send>;

/// The threads; they start when they are needed and end with it.
pub(crate) struct SigningThreads {
    shared: Arc<Shared>,
    most: usize,
}

struct Shared {
    state: Mutex<State>,
    /// Told of jobs and of the end.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    /// Threads that wait for a job.
    idle: usize,
    is_closed: bool,
}

impl SigningThreads {
    /// At most so many.
    pub(crate) fn new(most: usize) -> Self {
        let shared = Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
        };
        Self {
            shared: Arc::new(shared),
            most: most.max(1),
        }
    }

    /// Runs something that may wait for keys.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, CaError> + Send + 'static,
    ) -> Result<T, RegistryError> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move || {
            // Whoever asked may be gone.
            let _ = answer.send(work());
        });
        self.submit(job)?;
        Ok(answered.await.map_err(|_| StoreError::Stopped)??)
    }

    fn submit(&self, job: Job) -> Result<(), RegistryError> {
        let mut state = self.shared.lock();
        state.jobs.push_back(job);
        if state.idle > 0 {
            self.shared.changed.notify_one();
        }
        // One that was woken for the job before may still count as idle.
        if state.jobs.len() > state.idle && state.threads < self.most {
            let shared = Arc::clone(&self.shared);
            let started = thread::Builder::new()
                .name("signing".to_owned())
                .spawn(move || shared.work());
            match started {
                Ok(_) => state.threads += 1,
                Err(error) if state.threads == 0 => {
                    error!(
                        error = &error as &dyn std::error::Error,
                        "no thread can be had to sign"
                    );
                    state.jobs.clear();
                    return Err(StoreError::Stopped.into());
                }
                Err(_) => {}
            }
        }
        Ok(())
    }
}

impl Drop for SigningThreads {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that may panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            if catch_unwind(AssertUnwindSafe(job)).is_err() {
                // Its channel is dropped with it, which tells who waits.
                error!("a signature panicked");
            }
        }
    }

    /// The next job; `None` when nobody can ask any more.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.is_closed {
                return None;
            }
            state.idle += 1;
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_threads_than_allowed_and_all_of_them_when_needed() {
        let threads = Arc::new(SigningThreads::new(2));
        let (both, seen) = (Arc::new(Barrier::new(2)), Arc::new(Mutex::new(HashSet::new())));
        let mut all = Vec::new();
        // Two meet at the barrier: with one thread this would never end.
        for _ in 0..20 {
            let (threads, both, seen) = (Arc::clone(&threads), Arc::clone(&both), Arc::clone(&seen));
            all.push(tokio::spawn(async move {
                let work = move || {
                    both.wait();
                    seen.lock().unwrap().insert(thread::current().id());
                    Ok(())
                };
                threads.run(work).await.unwrap();
            }));
        }
        for one in all {
            one.await.unwrap();
        }
        assert_eq!(seen.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn who_waits_for_one_that_panics_is_told_and_the_thread_lives_on() {
        let threads = SigningThreads::new(1);
        let failed: Result<(), _> = threads.run(|| panic!("for the test")).await;
        assert!(failed.is_err());
        assert_eq!(threads.run(|| Ok(7)).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn threads_end_with_their_owner() {
        let threads = SigningThreads::new(1);
        threads.run(|| Ok(())).await.unwrap();
        let shared = Arc::downgrade(&threads.shared);
        drop(threads);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while shared.strong_count() > 0 {
            assert!(std::time::Instant::now() < deadline, "a thread is still there");
            tokio::task::yield_now().await;
        }
    }
}
