use provost_model::JobId;

use super::HubOperation;
use crate::address::{Query, Routed, id, is};
use crate::hub::service::JobQuery;

/// What is below `/jobs`. `query` and `create` are words, not names of jobs.
pub(super) fn operation(method: &str, path: &[&str], query: Query<'_>) -> Routed<HubOperation> {
    match path {
        [] => match method {
            "GET" => Routed::To(HubOperation::ListTransfers),
            _ => Routed::MethodNotAllowed,
        },
        [v2, word] if is(v2, "v2") && is(word, "query") && method == "GET" => {
            JobQuery::read(query).map(HubOperation::QueryJobs).into()
        }
        [v2, job] if is(v2, "v2") => match method {
            "GET" => named(job, HubOperation::GetJob),
            "PUT" => named(job, HubOperation::PutJob),
            _ => Routed::MethodNotAllowed,
        },
        [v2, job, cancel] if is(v2, "v2") && is(cancel, "cancel") => match method {
            "POST" => named(job, HubOperation::CancelJob),
            _ => Routed::MethodNotAllowed,
        },
        [create] if is(create, "create") && method == "POST" => Routed::To(HubOperation::CreateTransfer),
        [job] => match method {
            "GET" | "DELETE" => named(job, HubOperation::GetTransfer),
            _ => Routed::MethodNotAllowed,
        },
        _ => Routed::NotFound,
    }
}

fn named(segment: &str, operation: fn(JobId) -> HubOperation) -> Routed<HubOperation> {
    id(segment, JobId::parse).map(operation).into()
}

#[cfg(test)]
mod tests {
    use super::super::parse_route;
    use super::*;
    use crate::hub::service::Sought;

    fn route(method: &str, path: &str) -> Routed<HubOperation> {
        parse_route(method, path, "api-version=2021-04-12").map(|route| route.operation)
    }

    #[test]
    fn jobs_and_words() {
        use HubOperation as Op;
        let job = || JobId::parse("j#1").unwrap();
        let all = JobQuery {
            kind: Sought::Any,
            status: Sought::Any,
        };
        for (method, path, expected) in [
            ("GET", "/jobs/v2/j%231", Op::GetJob(job())),
            ("PUT", "/jobs/v2/j%231", Op::PutJob(job())),
            ("POST", "/jobs/v2/j%231/cancel", Op::CancelJob(job())),
            ("GET", "/jobs/v2/query", Op::QueryJobs(all)),
            ("GET", "/jobs", Op::ListTransfers),
            ("GET", "/jobs/j%231", Op::GetTransfer(job())),
            ("DELETE", "/jobs/j%231", Op::GetTransfer(job())),
            ("POST", "/jobs/create", Op::CreateTransfer),
        ] {
            assert_eq!(route(method, path), Routed::To(expected), "{method} {path}");
        }
        assert_eq!(route("DELETE", "/jobs/v2/j1"), Routed::MethodNotAllowed);
        assert_eq!(route("GET", "/jobs/v2/j1/cancel"), Routed::MethodNotAllowed);
        assert_eq!(route("GET", "/jobs/v2/j1/devices"), Routed::NotFound);
        let long = format!("/jobs/v2/{}", "a".repeat(257));
        assert!(matches!(route("GET", &long), Routed::Malformed(_)));
    }
}
