//! A hub's telemetry as back ends read it, below `/provost/hubs/{hub}/`.
//!
//! | request | answer |
//! |---|---|
//! | `GET telemetry` | [`TelemetryPageView`] |
//! | `GET telemetry/events` | the same messages as server-sent events |
//! | `GET telemetry/partitions` | [`PartitionView`]s |
//! | `GET consumerGroups` | [`ConsumerGroupView`]s |
//! | `GET`, `PUT`, `DELETE consumerGroups/{group}` | one |
//! | `PUT consumerGroups/{group}/partitions/{partition}/checkpoint` | [`CheckpointView`] |

mod consumer;
mod cursor;
mod event;
mod item;
mod operation;
mod page;

pub use self::consumer::{CheckpointInput, CheckpointView, ConsumerGroupView};
pub use self::cursor::{format_cursor, parse_cursor};
pub use self::event::{COMMENT, EVENT_STREAM, lost_event, message_event};
pub use self::item::TelemetryItem;
pub use self::operation::{MAX_WAIT, TelemetryOperation, TelemetryQuery};
pub(super) use self::operation::{of_groups, of_telemetry};
pub use self::page::{LostView, PartitionView, TelemetryPageView};
