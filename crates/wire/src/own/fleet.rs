//! A fleet that is told to register anew, below `/provost/hubs/{hub}/fleet/reprovisions`.
//!
//! | request | answer |
//! |---|---|
//! | `POST` | [`ReprovisionView`], or [`ForecastView`] of a dry run |
//! | `GET` | [`ReprovisionView`]s |
//! | `GET {id}` | one |
//! | `POST {id}/pause`, `{id}/resume`, `{id}/cancel` | one |
//! | `GET {id}/devices?state=&after=&limit=` | [`ReprovisionDevicesView`] |

mod input;
mod operation;
mod view;

pub use self::input::{ReprovisionInput, ResumeInput};
pub(super) use self::operation::of_fleet;
pub use self::operation::{DevicesQuery, FleetOperation};
pub use self::view::{
    ForecastView, ReprovisionCountsView, ReprovisionDeviceView, ReprovisionDevicesView, ReprovisionView,
};
