//! Sessions held in this process.

use std::sync::Arc;

use anyhow::Result;
use provost_device::hub::HubSession;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::client::Crowd;

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
