use std::time::Duration;

use provost_store::{ReadTx, StoreError};
use tracing::warn;

use super::Mailbox;
use super::mailbox::Queue;
use crate::service::HubService;

/// How often messages whose time is over are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Looks between two at the feedback nobody read.
const FEEDBACK_EVERY: u32 = 15;
/// Queues tidied between two looks.
const CHUNK: usize = 200;
/// Most rounds of one look; what is left waits for the next.
const ROUNDS: usize = 50;

impl HubService {
    /// Ends messages whose time is over, and forgets feedback nobody reads, for ever. Spawned by the
    /// program. Deliveries do not depend on it: they look at the time themselves.
    pub async fn keep_messages(self) {
        let mut look = 0_u32;
        loop {
            if let Err(error) = self.tidy_messages_now().await {
                warn!(error = &error as &dyn std::error::Error, "cannot end messages");
            }
            if look.is_multiple_of(FEEDBACK_EVERY)
                && let Err(error) = self.cut_feedback_now().await
            {
                warn!(error = &error as &dyn std::error::Error, "cannot cut feedback");
            }
            look = look.wrapping_add(1);
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Ends what is over now, in every queue.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn tidy_messages_now(&self) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let now = self.now();
            let due = self
                .store()
                .read(move |tx| tx.devices_with_due_messages(now, CHUNK))
                .await?;
            if due.is_empty() {
                break;
            }
            for (hub, device_id, generation_id) in due {
                let mailbox = Mailbox {
                    hub,
                    device_id,
                    generation_id,
                };
                self.tidy(mailbox).await?;
            }
        }
        Ok(())
    }

    async fn tidy(&self, mailbox: Mailbox) -> Result<(), StoreError> {
        let (limits, now) = (self.queue_limits(), self.now());
        let of = mailbox.clone();
        let came_back = self
            .store()
            .append(move |tx| {
                let queue = Queue {
                    queues: tx.messages(),
                    mailbox: &of,
                    limits,
                    now,
                };
                queue.tidy()
            })
            .await?;
        if came_back {
            self.wake_receiver(&mailbox.hub, &mailbox.device_id);
        }
        Ok(())
    }

    async fn cut_feedback_now(&self) -> Result<(), StoreError> {
        let (now, keep) = (self.now(), self.queue_limits().max_feedback);
        if self.store().read(move |tx| tx.has_old_feedback(now)).await? {
            self.store().append(move |tx| tx.prune_feedback(now)).await?;
        }
        for hub in self.store().read(|tx: &ReadTx<'_>| tx.hubs()).await? {
            let name = hub.name.clone();
            let beyond = self
                .store()
                .scan(move |tx| tx.feedback_beyond(&name, keep))
                .await?;
            if let Some(last) = beyond {
                self.store()
                    .append(move |tx| tx.cut_feedback(&hub.name, last))
                    .await?;
            }
        }
        Ok(())
    }
}
