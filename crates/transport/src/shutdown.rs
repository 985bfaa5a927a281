//! Telling every task that the process wants to end.

use tokio::sync::watch;

/// Asks for the end; held by whoever orders shutdown.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

impl ShutdownTrigger {
    /// A trigger and the first token; more tokens are clones of it.
    pub fn new() -> (Self, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Shutdown(receiver))
    }

    /// Asks every holder of a token to end. A dropped trigger asks, too.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

/// A token that says when to end.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Waits until the end is asked for. Cancel-safe, returns again at once afterwards.
    pub async fn requested(&mut self) {
        // An error means that the trigger is gone.
        let _ = self.0.wait_for(|is_requested| *is_requested).await;
    }

    /// True once the end was asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}
