//! Consumer groups: readers that share how far they came.

use provost_model::{
    AccessRight, Action, AuditEvent, Checkpoint, ConsumerGroup, ConsumerGroupName, HubName, PartitionId,
};
use provost_store::ReadTx;

use super::page::no_partition;
use crate::service::HubService;
use crate::{HubError, ServiceCaller};

/// Groups of a hub, `$Default` among them (iot-hub-service-api.md 15).
pub const MAX_CONSUMER_GROUPS: usize = 20;

/// The group that every hub has.
const DEFAULT: &str = "$default";

/// A group and how far it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroupView {
    /// The group.
    pub group: ConsumerGroup,
    /// Its place in each partition where it has one.
    pub checkpoints: Vec<Checkpoint>,
}

impl HubService {
    /// The hub's groups. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::Store`].
    pub async fn consumer_groups(&self, caller: &ServiceCaller) -> Result<Vec<ConsumerGroup>, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let hub = caller.hub().clone();
        let made = self
            .store()
            .read(move |tx: &ReadTx<'_>| tx.consumer_groups(&hub))
            .await?;
        let mut groups = vec![default_group()?];
        groups.extend(made);
        Ok(groups)
    }

    /// One group and how far it came. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ConsumerGroupNotFound`], [`HubError::Store`].
    pub async fn consumer_group(
        &self,
        caller: &ServiceCaller,
        name: ConsumerGroupName,
    ) -> Result<ConsumerGroupView, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        let hub = caller.hub().clone();
        self.store()
            .read(move |tx| {
                Ok(ConsumerGroupView {
                    group: find_group(tx, &hub, &name)?,
                    checkpoints: tx.checkpoints(&hub, &name)?,
                })
            })
            .await
    }

    /// Makes a group; one that is there stays as it is. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`], [`HubError::TooManyConsumerGroups`],
    /// [`HubError::Store`].
    pub async fn put_consumer_group(
        &self,
        caller: &ServiceCaller,
        name: ConsumerGroupName,
    ) -> Result<ConsumerGroup, HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        if is_default(&name) {
            return default_group();
        }
        if name.as_str().contains('$') {
            let text = "only the consumer group `$Default` has a dollar sign";
            return Err(HubError::ArgumentInvalid(text.to_owned()));
        }
        let (hub, actor) = (caller.hub().clone(), caller.actor());
        self.store()
            .write(move |tx| {
                let there = tx.consumer_groups(&hub)?;
                if let Some(group) = there.iter().find(|group| group.name == name) {
                    let group = group.clone();
                    return Ok(tx.unchanged(group));
                }
                if there.len() + 1 >= MAX_CONSUMER_GROUPS {
                    return Err(HubError::TooManyConsumerGroups {
                        limit: MAX_CONSUMER_GROUPS,
                    });
                }
                tx.insert_consumer_group(&hub, &name)?;
                let event = event(actor, Action::Create, &hub, &name);
                let group = ConsumerGroup {
                    name,
                    created_at: Some(tx.now()),
                };
                Ok(tx.record(&event, group)?)
            })
            .await
    }

    /// Removes a group and what it remembers. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`] for `$Default`,
    /// [`HubError::ConsumerGroupNotFound`], [`HubError::Store`].
    pub async fn delete_consumer_group(
        &self,
        caller: &ServiceCaller,
        name: ConsumerGroupName,
    ) -> Result<(), HubError> {
        caller.require(AccessRight::ServiceConnect)?;
        if is_default(&name) {
            let text = "the consumer group `$Default` cannot be deleted";
            return Err(HubError::ArgumentInvalid(text.to_owned()));
        }
        let (hub, actor) = (caller.hub().clone(), caller.actor());
        self.store()
            .write(move |tx| {
                if !tx.delete_consumer_group(&hub, &name)? {
                    return Err(HubError::ConsumerGroupNotFound);
                }
                let event = event(actor, Action::Delete, &hub, &name);
                Ok(tx.record(&event, ())?)
            })
            .await
    }

    /// Remembers how far a group came in a partition, when it stood at `previous` so far: of two
    /// readers of one partition the second one hears of the first. A trace of reading, not a change:
    /// it leaves no audit event. Needs `ServiceConnect`.
    ///
    /// # Errors
    /// [`HubError::RightMissing`], [`HubError::ArgumentInvalid`] for a place that cannot be,
    /// [`HubError::ConsumerGroupNotFound`], [`HubError::PreconditionFailed`], [`HubError::Store`].
    pub async fn put_checkpoint(
        &self,
        caller: &ServiceCaller,
        name: ConsumerGroupName,
        partition: PartitionId,
        sequence_number: i64,
        previous: Option<i64>,
    ) -> Result<Checkpoint, HubError> {
        let partitions = self.telemetry_partitions_of(caller).await?;
        let known = partitions.iter().find(|known| known.id == partition);
        let known = known.ok_or_else(|| no_partition(partition))?;
        if sequence_number < 0 || sequence_number > known.next {
            let text = format!("partition {partition} has no message {sequence_number} yet");
            return Err(HubError::ArgumentInvalid(text));
        }
        let checkpoint = Checkpoint {
            partition,
            sequence_number,
            updated_at: self.now(),
        };
        let hub = caller.hub().clone();
        self.store()
            .append(move |tx| {
                if !is_default(&name) && !tx.has_consumer_group(&hub, &name)? {
                    return Err(HubError::ConsumerGroupNotFound);
                }
                if tx.put_checkpoint(&hub, &name, previous, &checkpoint)? {
                    Ok(checkpoint)
                } else {
                    Err(HubError::PreconditionFailed)
                }
            })
            .await
    }
}

/// The group, `$Default` included.
pub(super) fn find_group(
    tx: &ReadTx<'_>,
    hub: &HubName,
    name: &ConsumerGroupName,
) -> Result<ConsumerGroup, HubError> {
    if is_default(name) {
        return default_group();
    }
    tx.consumer_group(hub, name)?
        .ok_or(HubError::ConsumerGroupNotFound)
}

fn is_default(name: &ConsumerGroupName) -> bool {
    name.key() == DEFAULT
}

fn default_group() -> Result<ConsumerGroup, HubError> {
    let name = ConsumerGroupName::parse("$Default");
    Ok(ConsumerGroup {
        name: name.map_err(|error| HubError::ArgumentInvalid(error.to_string()))?,
        created_at: None,
    })
}

fn event(actor: provost_model::Actor, action: Action, hub: &HubName, name: &ConsumerGroupName) -> AuditEvent {
    AuditEvent::new(actor, action, "consumerGroup", hub.as_str(), name.as_str())
}
