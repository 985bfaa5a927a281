//! The process dies without a warning while it makes a CA: whatever it had made by then, no key is left that nobody
//! has, in files as in a token, and no CA is without its key.

use std::path::{Path, PathBuf};
use std::time::Instant;

use provost_model::registry::KeyRef;
use provost_store::{Store, StoreError};
use provost_testkit::{ChildServer, DEADLINE, Endpoints, eventually, program};
use serde_json::{Value, json};
use tokio::process::Command;

use super::issuer_revocation_cut::{open, set_up};
use super::signer::token;

const POLICY: &str = "/subscriptions/s1/resourceGroups/g1/providers/Microsoft.DeviceRegistry/namespaces/plant\
                      /credentials/default/policies/line-7";
const VERSION: &str = "?api-version=2026-03-01-preview";

/// When the process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is written down which key is going to be made.
    Named,
    /// The key is there.
    Made,
    /// The CA is written down.
    Done,
}

struct Plant {
    data: PathBuf,
    toml: String,
    environment: Vec<(&'static str, PathBuf)>,
}

impl Plant {
    async fn start(&self) -> ChildServer {
        let environment: Vec<_> = self
            .environment
            .iter()
            .map(|(name, path)| (*name, path.as_path()))
            .collect();
        ChildServer::start_in(&self.data, &self.toml, &environment).await
    }

    /// What `provost keys unused` lists.
    async fn unused(&self) -> Vec<Value> {
        let listed = Command::new(program())
            .args(["keys", "unused", "-o", "json", "--data"])
            .arg(&self.data)
            .arg("--config")
            .arg(self.data.with_extension("toml"))
            .envs(self.environment.iter().map(|(name, path)| (name, path)))
            .output()
            .await
            .unwrap();
        assert!(
            listed.status.success(),
            "{}",
            String::from_utf8_lossy(&listed.stderr)
        );
        serde_json::from_slice(&listed.stdout).unwrap()
    }

    fn files(&self) -> usize {
        let entries = std::fs::read_dir(self.data.join("keys")).into_iter().flatten();
        entries.count()
    }

    async fn dies_at_every_step(&self, steps: &[Step]) {
        let server = self.start().await;
        set_up(&server).await;
        server.kill().await;
        let store = open(&self.data).await;
        for &step in steps {
            let server = self.start().await;
            let (before, files) = (in_use(&store).await, self.files());
            let endpoints = Endpoints::clone(&server);
            let asked = tokio::spawn(async move {
                // The answer may never come.
                endpoints
                    .own_api()
                    .post(&format!("{POLICY}/revokeIssuer{VERSION}"), &json!({}))
                    .await;
            });
            let deadline = Instant::now() + DEADLINE;
            // Without a pause: the steps are milliseconds apart.
            loop {
                let is_there = match step {
                    Step::Named => in_use(&store).await != before,
                    Step::Made => self.files() != files,
                    Step::Done => running(&store).await == 0 && in_use(&store).await != before,
                };
                if is_there {
                    break;
                }
                assert!(Instant::now() < deadline, "{step:?}");
                tokio::task::yield_now().await;
            }
            server.kill().await;
            asked.abort();
            let server = self.start().await;
            eventually("the operation ends", async || {
                (running(&store).await == 0).then_some(())
            })
            .await;
            // The signer may have made it after its server was gone.
            let look = async || self.unused().await.is_empty().then_some(());
            eventually(&format!("no key is left over by {step:?}"), look).await;
            // Root and issuing CA have theirs.
            let path = format!("{POLICY}/revokeIssuer{VERSION}");
            let answer = server.own_api().post(&path, &json!({})).await;
            assert_eq!(answer.status, 202, "{step:?}: {}", answer.body);
            assert_eq!(running(&store).await, 0, "{step:?}");
            server.kill().await;
        }
    }
}

async fn in_use(store: &Store) -> Vec<KeyRef> {
    let read: Result<_, StoreError> = store.read(|tx| tx.keys_in_use()).await;
    read.unwrap()
}

async fn running(store: &Store) -> usize {
    let read: Result<_, StoreError> = store.read(|tx| tx.running_registry_operations()).await;
    read.unwrap().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_it_makes_a_ca_leaves_no_key_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let plant = Plant {
        data: folder.path().join("data"),
        toml: String::new(),
        environment: Vec::new(),
    };
    plant
        .dies_at_every_step(&[Step::Named, Step::Made, Step::Done, Step::Named, Step::Made])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_it_makes_a_ca_leaves_no_key_in_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = provost_softhsm::make_token(folder.path()).unwrap();
    let pin = token::pin_file(folder.path());
    let plant = Plant {
        data: folder.path().join("data"),
        toml: token::toml(Path::new(&pin)),
        environment: vec![(provost_softhsm::CONFIGURATION_VARIABLE, configuration)],
    };
    plant
        .dies_at_every_step(&[Step::Named, Step::Done, Step::Named, Step::Named])
        .await;
}
