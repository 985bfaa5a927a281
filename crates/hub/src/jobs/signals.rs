use std::sync::OnceLock;

use provost_model::Random;
use tokio::sync::{Notify, watch};

/// What those who ask for jobs tell those who run them, inside the program. Others are found by
/// looking now and then.
#[derive(Debug)]
pub(crate) struct JobSignals {
    waiting: Notify,
    ended: watch::Sender<u64>,
    /// The name this node holds jobs by; never used before.
    holder: OnceLock<String>,
}

impl Default for JobSignals {
    fn default() -> Self {
        Self {
            waiting: Notify::new(),
            ended: watch::Sender::new(0),
            holder: OnceLock::new(),
        }
    }
}

impl JobSignals {
    /// The name this node holds jobs by.
    pub(crate) fn holder(&self, random: &dyn Random) -> &str {
        self.holder.get_or_init(|| random.hex(16))
    }

    /// There is a job to begin.
    pub(crate) fn wake(&self) {
        self.waiting.notify_one();
    }

    /// Waits for [`Self::wake`].
    pub(crate) async fn woken(&self) {
        self.waiting.notified().await;
    }

    /// A job was called off.
    pub(crate) fn ended(&self) {
        self.ended.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Hears [`Self::ended`].
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.ended.subscribe()
    }
}
