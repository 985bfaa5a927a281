use std::time::Duration;

use provost_device::hub::HubSession;
use provost_model::SymmetricKey;
use provost_model::ambient::SystemRandom;
use provost_testkit::{Device, Enrollment, TestServer, Via, assigned};

/// A server under attack, and a device that was there before.
pub(super) struct Witness {
    pub(super) server: TestServer,
    group_key: SymmetricKey,
    session: HubSession,
    seen: u32,
}

impl Witness {
    /// Timeouts are short, so that waiting for them is.
    pub(super) async fn new() -> Self {
        let server = TestServer::start_configured(|config| {
            config.limits.handshake_timeout = Duration::from_secs(2);
            config.limits.http_idle_timeout = Duration::from_secs(2);
        })
        .await;
        let group_key = SymmetricKey::generate(&SystemRandom);
        server
            .dps_api()
            .put_enrollment(&Enrollment::group("line").keys(Some(&group_key), None))
            .await;
        let device = Device::of_group("witness", &group_key);
        assigned(device.register(&server, Via::Mqtt).await);
        let mut session = device.connect(&server).await.expect("the witness connects");
        session.subscribe().await.expect("the witness subscribes");
        Self {
            server,
            group_key,
            session,
            seen: 0,
        }
    }

    /// The session that was there still works, and a new device gets in on every transport.
    pub(super) async fn is_unharmed(&mut self) {
        self.session
            .send_telemetry(b"{}", &[])
            .await
            .expect("the session lives");
        self.session.twin_get().await.expect("the session is served");
        self.seen += 1;
        for via in Via::ALL {
            let device = Device::of_group(&format!("good-{}-{via:?}", self.seen), &self.group_key);
            assigned(device.register(&self.server, via).await);
            device
                .connect_over(&self.server, via != Via::Mqtt)
                .await
                .expect("a good device connects");
        }
    }

    /// The key the keys of its group are derived from.
    pub(super) fn group_key(&self) -> &SymmetricKey {
        &self.group_key
    }
}
