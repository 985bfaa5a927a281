//! One device that stays: connects, sends, answers, and comes back by itself.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;

use provost_device::DeviceError;
use provost_device::hub::HubSession;
use provost_model::Timestamp;
use provost_model::ambient::SystemRandom;
use provost_transport::mqtt::codec::ConnectReturnCode;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::backoff::Backoff;
use super::schedule::Schedule;
use super::tally::{Tally, one_more};
use crate::simulate::arguments::Misbehaviour;
use crate::simulate::attestation::{Attestation, Proof};
use crate::simulate::network::Network;
use crate::simulate::registering::{Manner, Provisioned, again};
use crate::simulate::{reason, sending};

/// The longest pause before a device connects again; what the SDKs of Azure keep to.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The same before it registers again.
const LONGEST_REGISTER_PAUSE: Duration = Duration::from_mins(1);
/// After this long at its hub a device comes back at once when it is dropped.
const SETTLED: Duration = Duration::from_secs(2);
/// How often a device that was told to register again tries, before it goes back with what it has.
const REGISTER_ATTEMPTS: u32 = 3;

/// What all devices share.
pub(super) struct Crew {
    pub(super) network: Network,
    pub(super) attestation: Attestation,
    pub(super) reprovision_method: String,
    pub(super) manner: Manner,
    /// Hundredths of a certificate's lifetime after which it is renewed.
    pub(super) renew_at: u32,
    pub(super) tally: Tally,
    /// So many register or connect at a time.
    pub(super) turns: Semaphore,
    /// Becomes true when devices shall send what is left and leave.
    pub(super) stop: watch::Receiver<bool>,
    /// What is left is given up.
    pub(super) is_over: AtomicBool,
}

/// One device.
pub(super) struct Life {
    pub(super) crew: Arc<Crew>,
    pub(super) device: Provisioned,
    pub(super) schedule: Schedule,
    pub(super) misbehaviour: Option<Misbehaviour>,
    /// Credentials it has had.
    pub(super) generation: u32,
    pub(super) connects: u32,
    /// Not before this instant it asks again for a certificate that was refused.
    pub(super) renew_again_at: Option<Timestamp>,
}

/// How a device ended.
pub(super) struct Ended {
    pub(super) registration_id: String,
    pub(super) produced: u64,
    pub(super) acknowledged: u64,
    /// At its hub at the end.
    pub(super) is_there: bool,
    pub(super) is_misbehaving: bool,
}

/// Why a device is not at its hub any more.
pub(super) enum Left {
    /// It is the end.
    Stopped,
    /// It was told to register again.
    Asked,
    /// It has another certificate and comes back with it.
    Renewed,
    /// Its hub does not know it, or not this credential (iot-hub-device-api.md 4.2, code 5).
    Refused(DeviceError),
    /// The connection broke, or the hub is not able to serve now.
    Lost(DeviceError),
}

impl Life {
    /// Lives until it is told to stop.
    pub(super) async fn run(mut self) -> Ended {
        let mut pause = Backoff::new(LONGEST_PAUSE);
        let mut refused = Backoff::new(LONGEST_REGISTER_PAUSE);
        loop {
            let (connects, began) = (self.connects, Instant::now());
            let left = Box::pin(self.visit()).await;
            // Who lets a device in and drops it at once is not to be run down.
            if self.connects > connects && began.elapsed() > SETTLED {
                pause.reset();
                refused.reset();
            }
            match left {
                Left::Stopped => return self.ended(true),
                Left::Asked if self.misbehaviour == Some(Misbehaviour::Vanish) => {
                    self.schedule.end(Instant::now());
                    return self.ended(false);
                }
                Left::Asked if self.misbehaviour == Some(Misbehaviour::OldCertificate) => {}
                Left::Asked => Box::pin(self.reprovision()).await,
                Left::Renewed => {}
                Left::Refused(error) => {
                    self.interrupted("hub", &reason::of_device_error(&error));
                    self.wait(refused.next(&SystemRandom)).await;
                    Box::pin(self.register_as_it_is()).await;
                }
                Left::Lost(error) => {
                    self.interrupted("hub", &reason::of_device_error(&error));
                    self.wait(pause.next(&SystemRandom)).await;
                }
            }
            if self.is_over() {
                return self.ended(false);
            }
        }
    }

    /// Connects and stays for as long as it goes.
    async fn visit(&mut self) -> Left {
        let session = self.connect().await;
        let left = match session {
            Ok(session) => {
                self.connects += 1;
                if self.connects > 1 {
                    one_more(&self.crew.tally.reconnects);
                }
                let crew = Arc::clone(&self.crew);
                let _there = crew.tally.at_hub();
                Box::pin(self.serve(session)).await
            }
            Err(error) => Err(error),
        };
        match left {
            Ok(left) => left,
            Err(error) if is_refusal(&error) => Left::Refused(error),
            Err(error) => Left::Lost(error),
        }
    }

    async fn connect(&self) -> Result<HubSession, DeviceError> {
        let _turn = self.crew.turns.acquire().await;
        Box::pin(sending::connect(&self.crew.network, &self.device)).await
    }

    /// As the method asked: a new certificate, a new registration. A device that is refused with the
    /// new one goes back with the one it has, which its hub still knows.
    async fn reprovision(&mut self) {
        let mut pause = Backoff::new(LONGEST_PAUSE);
        while pause.attempts() < REGISTER_ATTEMPTS && !self.is_over() {
            self.wait(pause.next(&SystemRandom)).await;
            let (attestation, network) = (&self.crew.attestation, &self.crew.network);
            let proof = attestation.device(network, &self.device.registration_id).await;
            let proof = match proof {
                Ok(proof) => proof,
                Err(error) => {
                    self.interrupted("certificate", &error.to_string());
                    continue;
                }
            };
            if self.register(proof).await {
                self.generation += 1;
                one_more(&self.crew.tally.reprovisioned);
                return;
            }
        }
    }

    /// The hub refused it: perhaps it was moved, or deleted and may come back.
    async fn register_as_it_is(&mut self) {
        let proof = self.device.proof.clone();
        if self.register(proof).await {
            one_more(&self.crew.tally.registered_again);
        }
    }

    async fn register(&mut self, proof: Proof) -> bool {
        let crew = &self.crew;
        let registered = {
            let _turn = crew.turns.acquire().await;
            let id = &self.device.registration_id;
            Box::pin(again(&crew.network, proof, id, crew.manner)).await
        };
        match registered {
            Ok(device) => {
                self.device = device;
                true
            }
            Err(reason) => {
                self.interrupted("register", &reason);
                false
            }
        }
    }

    fn interrupted(&self, phase: &str, reason: &str) {
        self.crew.tally.interrupted(&format!("{phase}: {reason}"));
    }

    /// Waits, but not beyond the word to stop.
    async fn wait(&self, pause: Duration) {
        let mut stop = self.crew.stop.clone();
        if *stop.borrow() {
            // The way out is short: try again soon.
            let _ = timeout(
                pause.min(Duration::from_millis(500)),
                std::future::pending::<()>(),
            )
            .await;
            return;
        }
        let _ = timeout(pause, stop.changed()).await;
    }

    /// Whether there is nothing left to come back for.
    fn is_over(&mut self) -> bool {
        if !*self.crew.stop.borrow() {
            return false;
        }
        let now = Instant::now();
        self.schedule.end(now);
        self.crew.is_over.load(Ordering::Relaxed) || self.schedule.due(now).is_none()
    }

    fn ended(self, is_there: bool) -> Ended {
        Ended {
            produced: self.schedule.produced(Instant::now()),
            acknowledged: self.schedule.acknowledged(),
            is_there,
            is_misbehaving: self.misbehaviour.is_some(),
            registration_id: self.device.registration_id,
        }
    }
}

/// Codes after which the SDKs tell the application instead of coming back by themselves.
fn is_refusal(error: &DeviceError) -> bool {
    use ConnectReturnCode as Code;
    matches!(
        error,
        DeviceError::Refused(Code::NotAuthorized | Code::BadUserNameOrPassword | Code::IdentifierRejected)
    )
}
