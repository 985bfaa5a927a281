//! Devices that registered for the rounds before, connected to their hub and held there.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use provost_device::hub::HubSession;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Amounts;
use crate::client::Crowd;
use crate::protocol::{Devices, Plan, Work};
use crate::server::Server;

/// What devices `first` to `first + count` of a file do at the hub of this server.
pub(super) fn plan(
    server: &Server,
    amounts: &Amounts,
    work: Work,
    (file, first, count): (&Path, u32, u32),
) -> Result<Plan> {
    Ok(Plan {
        work,
        devices: Devices::Certified {
            file: file.to_owned(),
            first,
            count,
        },
        times: 1,
        at_once: amounts.at_once,
        per_second: None,
        port: server.ready.mqtt_port()?,
        root_ca: server.ready.root_ca.clone(),
        id_scope: server.ready.id_scope.clone(),
        hub: server.ready.hub.clone(),
    })
}

/// Connects all devices of a crowd, some at a time; each with its position.
pub(super) async fn connect_all(crowd: &Arc<Crowd>, at_once: u32) -> Result<Vec<(usize, HubSession)>> {
    let turns = Arc::new(Semaphore::new(at_once as usize));
    let mut connecting = JoinSet::new();
    for index in 0..crowd.len() {
        let (crowd, turns) = (Arc::clone(crowd), Arc::clone(&turns));
        connecting.spawn(async move {
            let _turn = turns.acquire().await?;
            anyhow::Ok((index, crowd.connect_one(index).await?))
        });
    }
    let mut sessions = Vec::new();
    while let Some(connected) = connecting.join_next().await {
        sessions.push(connected??);
    }
    Ok(sessions)
}
