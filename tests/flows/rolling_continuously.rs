//! certificate-management.md 5.5, R-096: devices register without pause while their certificates
//! roll, and not one registration is refused.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use provost_device::provisioning::RegistrationStatus;
use provost_testkit::{
    Device, Endpoints, Enrollment, FixtureAuthority, Leaf, TestServer, Via, authority_slots, clients,
    eventually, signers,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Devices for each transport.
const DEVICES: usize = 2;

/// A device that registers again and again with what it holds.
struct Runner {
    holds: Mutex<Device>,
    via: Via,
    rounds: AtomicU64,
}

/// Devices on every transport, and what went wrong for any of them.
struct Fleet {
    runners: Vec<Arc<Runner>>,
    refused: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    running: JoinSet<()>,
}

impl Fleet {
    /// Starts registering; `holding` gives the n-th device.
    fn start(endpoints: &Endpoints, holding: impl Fn(usize) -> Device) -> Self {
        let transports = Via::ALL.into_iter().cycle().take(DEVICES * Via::ALL.len());
        let runners = transports.enumerate().map(|(n, via)| {
            Arc::new(Runner {
                holds: Mutex::new(holding(n)),
                via,
                rounds: AtomicU64::new(0),
            })
        });
        let mut fleet = Self {
            runners: runners.collect(),
            refused: Arc::default(),
            stop: Arc::default(),
            running: JoinSet::new(),
        };
        for runner in &fleet.runners {
            let (runner, endpoints) = (Arc::clone(runner), endpoints.clone());
            let (refused, stop) = (Arc::clone(&fleet.refused), Arc::clone(&fleet.stop));
            fleet.running.spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let device = runner.holds.lock().unwrap().clone();
                    let answer = device.register(&endpoints, runner.via).await;
                    let status = answer.as_ref().map(|outcome| outcome.status);
                    if status.ok() != Some(RegistrationStatus::Assigned) {
                        let told = format!("{} over {:?}: {answer:?}", device.id, runner.via);
                        refused.lock().unwrap().push(told);
                    }
                    runner.rounds.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        fleet
    }

    /// Waits until every device has begun and ended a registration since this was called: the one
    /// that is under way may have begun before, so two must end.
    async fn round(&self) {
        let counts = || {
            self.runners
                .iter()
                .map(|runner| runner.rounds.load(Ordering::SeqCst))
        };
        let goals: Vec<u64> = counts().map(|count| count + 2).collect();
        let all_ended = async || {
            counts()
                .zip(&goals)
                .all(|(count, goal)| count >= *goal)
                .then_some(())
        };
        eventually("a round of registrations", all_ended).await;
    }

    /// Gives the devices new certificates: first one half, then the other.
    async fn renew(&self, holding: impl Fn(usize) -> Device) {
        for half in 0..2 {
            let numbered = self.runners.iter().enumerate();
            for (n, runner) in numbered.filter(|(n, _)| (n / Via::ALL.len()) % 2 == half) {
                *runner.holds.lock().unwrap() = holding(n);
            }
            self.round().await;
        }
    }

    /// Ends, and gives how many registrations there were; every one of them went through.
    async fn end(mut self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        while let Some(ended) = self.running.join_next().await {
            ended.unwrap();
        }
        let refused = self.refused.lock().unwrap();
        assert!(refused.is_empty(), "{refused:?}");
        self.runners
            .iter()
            .map(|runner| runner.rounds.load(Ordering::SeqCst))
            .sum()
    }
}

/// Rolls from the primary slot to the secondary and back: add, renew the devices, take the old away.
/// `contents` are the certificates that follow the first, `holding` a device of the n-th certificate;
/// `retire` is told of each certificate that no slot holds any more.
async fn rotate(
    server: &TestServer,
    entries: &[Enrollment],
    contents: [&dyn Fn(usize) -> Value; 2],
    holding: impl Fn(usize, usize) -> Device,
    retire: impl AsyncFn(usize),
) {
    let fleet = Fleet::start(server, |n| holding(n, 0));
    fleet.round().await;
    for (turn, (free, taken)) in [("secondary", "primary"), ("primary", "secondary")]
        .into_iter()
        .enumerate()
    {
        for (n, entry) in entries.iter().enumerate() {
            server.dps_api().fill(entry, free, Some(contents[turn](n))).await;
        }
        fleet.round().await;
        fleet.renew(|n| holding(n, turn + 1)).await;
        for entry in entries {
            server.dps_api().fill(entry, taken, None).await;
        }
        retire(turn).await;
        fleet.round().await;
    }
    let fewest = fleet.runners.len() as u64 * 18;
    assert!(fleet.end().await >= fewest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_096_individual_certificates_rotate_without_a_refused_registration() {
    let count = DEVICES * Via::ALL.len();
    let leaves: Vec<[Leaf; 3]> = (0..count)
        .map(|n| std::array::from_fn(|_| Leaf::self_signed(&format!("press-{n}"))))
        .collect();
    let server = TestServer::start().await;
    let mut entries = Vec::new();
    for (n, [first, ..]) in leaves.iter().enumerate() {
        let entry = Enrollment::individual(&format!("press-{n}")).x509(&clients(first, None));
        server.dps_api().put_enrollment(&entry).await;
        entries.push(entry);
    }
    let second = |n: usize| leaves[n][1].slot();
    let third = |n: usize| leaves[n][2].slot();
    let holding = |n: usize, turn: usize| Device::with_leaf(&leaves[n][turn]);
    rotate(&server, &entries, [&second, &third], holding, async |_| {}).await;
    for [first, second, _] in &leaves {
        Device::with_leaf(first).is_unauthorized(&server, Via::Mqtt).await;
        Device::with_leaf(second)
            .is_unauthorized(&server, Via::Https)
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_096_signing_certificates_rotate_without_a_refused_registration() {
    let root = FixtureAuthority::root("Root");
    let authorities = ["CA 1", "CA 2", "CA 3"].map(|name| root.intermediate(name));
    let group = Enrollment::group("line").x509(&signers(&authorities[0]));
    let server = TestServer::with_entry(&group).await;
    let holding = |n: usize, turn: usize| Device::with_leaf(&authorities[turn].leaf(&format!("press-{n}")));
    let contents: [&dyn Fn(usize) -> Value; 2] = [&|_| authorities[1].slot(), &|_| authorities[2].slot()];
    rotate(&server, &[group], contents, holding, async |_| {}).await;
    for turn in [0, 1] {
        holding(0, turn).is_unauthorized(&server, Via::Mqtt).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r_096_ca_references_rotate_without_a_refused_registration() {
    let roots = ["root-1", "root-2", "root-3"].map(FixtureAuthority::root);
    let server = TestServer::start().await;
    for (n, root) in roots.iter().enumerate() {
        server.trust(&format!("root-{}", n + 1), root).await;
    }
    let group = Enrollment::group("line").x509(&authority_slots(Some("root-1"), None));
    server.dps_api().put_enrollment(&group).await;
    let holding = |n: usize, turn: usize| {
        Device::with_leaf(&roots[turn].intermediate("Line CA").leaf(&format!("press-{n}")))
    };
    let contents: [&dyn Fn(usize) -> Value; 2] = [&|_| json!("root-2"), &|_| json!("root-3")];
    let retire = async |turn: usize| server.distrust(&format!("root-{}", turn + 1)).await;
    rotate(&server, &[group], contents, holding, retire).await;
    for turn in [0, 1] {
        holding(0, turn).is_unauthorized(&server, Via::Mqtt).await;
    }
}
