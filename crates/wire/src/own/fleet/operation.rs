use provost_model::{DeviceId, JobId, PageSize, ReprovisionState};

use crate::address::{Query, RouteError, Routed, id, is};

/// Which devices of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicesQuery {
    /// In this state alone.
    pub state: Option<ReprovisionState>,
    /// Those after this one.
    pub after: Option<DeviceId>,
    /// At most so many; 100 when the caller names none.
    pub limit: PageSize,
}

/// An operation below `/provost/hubs/{hub}/fleet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FleetOperation {
    /// The latest runs.
    List,
    /// Begin one, or count whom it would call.
    Create,
    /// One.
    Get(JobId),
    /// Call nobody for now.
    Pause(JobId),
    /// Go on.
    Resume(JobId),
    /// Call it off.
    Cancel(JobId),
    /// What became of its devices.
    Devices(JobId, DevicesQuery),
}

pub(in crate::own) fn of_fleet(method: &str, path: &[&str], query: Query<'_>) -> Routed<FleetOperation> {
    match path {
        [word] if is(word, "reprovisions") => match method {
            "GET" => Routed::To(FleetOperation::List),
            "POST" => Routed::To(FleetOperation::Create),
            _ => Routed::MethodNotAllowed,
        },
        [word, run] if is(word, "reprovisions") => match method {
            "GET" => named(run, FleetOperation::Get),
            _ => Routed::MethodNotAllowed,
        },
        [word, run, what] if is(word, "reprovisions") => {
            let (expected, operation): (&str, fn(JobId) -> FleetOperation) = match *what {
                what if is(what, "pause") => ("POST", FleetOperation::Pause),
                what if is(what, "resume") => ("POST", FleetOperation::Resume),
                what if is(what, "cancel") => ("POST", FleetOperation::Cancel),
                what if is(what, "devices") && method == "GET" => return devices(run, query).into(),
                what if is(what, "devices") => return Routed::MethodNotAllowed,
                _ => return Routed::NotFound,
            };
            if method == expected {
                named(run, operation)
            } else {
                Routed::MethodNotAllowed
            }
        }
        _ => Routed::NotFound,
    }
}

fn named(segment: &str, operation: fn(JobId) -> FleetOperation) -> Routed<FleetOperation> {
    id(segment, JobId::parse).map(operation).into()
}

fn devices(run: &str, query: Query<'_>) -> Result<FleetOperation, RouteError> {
    let state = match query.get("state").filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => {
            let found = ReprovisionState::ALL
                .into_iter()
                .find(|state| state.as_str().eq_ignore_ascii_case(&text));
            Some(found.ok_or(RouteError::Parameter("state"))?)
        }
    };
    let after = match query.get("after").filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(DeviceId::parse(&text)?),
    };
    let limit = query
        .number("limit")?
        .map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let query = DevicesQuery {
        state,
        after,
        limit: PageSize::clamp(limit, 100, 1000),
    };
    Ok(FleetOperation::Devices(id(run, JobId::parse)?, query))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(method: &str, path: &str, query: &str) -> Routed<FleetOperation> {
        let path: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        of_fleet(method, &path, Query::new(query))
    }

    #[test]
    fn every_operation() {
        use FleetOperation as Op;
        let run = || JobId::parse("r1").unwrap();
        for (method, path, expected) in [
            ("GET", "reprovisions", Op::List),
            ("POST", "reprovisions", Op::Create),
            ("GET", "reprovisions/r1", Op::Get(run())),
            ("POST", "reprovisions/r1/pause", Op::Pause(run())),
            ("POST", "reprovisions/r1/resume", Op::Resume(run())),
            ("POST", "reprovisions/r1/cancel", Op::Cancel(run())),
        ] {
            assert_eq!(route(method, path, ""), Routed::To(expected), "{method} {path}");
        }
        let query = DevicesQuery {
            state: Some(ReprovisionState::NotReturned),
            after: DeviceId::parse("d#1").ok(),
            limit: PageSize::clamp(Some(5), 100, 1000),
        };
        let asked = route(
            "GET",
            "reprovisions/r1/devices",
            "state=notreturned&after=d%231&limit=5",
        );
        assert_eq!(asked, Routed::To(Op::Devices(run(), query)));
        assert_eq!(route("DELETE", "reprovisions/r1", ""), Routed::MethodNotAllowed);
        assert_eq!(
            route("GET", "reprovisions/r1/pause", ""),
            Routed::MethodNotAllowed
        );
        assert_eq!(
            route("POST", "reprovisions/r1/devices", ""),
            Routed::MethodNotAllowed
        );
        assert_eq!(route("GET", "reprovisions/r1/other", ""), Routed::NotFound);
        let wrong = route("GET", "reprovisions/r1/devices", "state=away");
        assert_eq!(wrong, Routed::Malformed(RouteError::Parameter("state")));
    }
}
