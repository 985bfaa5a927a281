//! Jobs (iot-hub-service-api.md 10).

use provost_hub::{HubError, JobPage, ServiceCaller};
use provost_model::{JobId, PageSize};
use provost_wire::hub::service::{
    HEADER_CONTINUATION, HEADER_ITEM_TYPE, HEADER_MAX_ITEM_COUNT, JobQuery, JobToken, Sought, job, parse_job,
    taken_in,
};
use serde_json::{Value, json};

use super::super::ApiParts;
use super::super::call::Call;
use super::super::reply::Answer;
use super::{Failure, value};

/// Most jobs of a page.
const MAX_PAGE: usize = 100;
/// How the only client names itself that takes a page as an object.
const PYTHON: &str = "azsdk-python-iot-hub";

pub(super) async fn get(parts: &ApiParts, caller: &ServiceCaller, id: &JobId) -> Result<Answer, Failure> {
    Ok(value(&job(&parts.hub.job(caller, id).await?)))
}

pub(super) async fn put(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    id: JobId,
) -> Result<Answer, Failure> {
    let new = parse_job(&call.body, id)?;
    Ok(value(&taken_in(&parts.hub.create_job(caller, new).await?)))
}

pub(super) async fn cancel(parts: &ApiParts, caller: &ServiceCaller, id: &JobId) -> Result<Answer, Failure> {
    Ok(value(&job(&parts.hub.cancel_job(caller, id).await?)))
}

pub(super) async fn query(
    parts: &ApiParts,
    call: &Call,
    caller: &ServiceCaller,
    query: JobQuery,
) -> Result<Answer, Failure> {
    let page = PageSize::clamp(call.number(HEADER_MAX_ITEM_COUNT), MAX_PAGE, MAX_PAGE);
    let before = before(call)?;
    let JobPage { jobs, next } = match (query.kind, query.status) {
        (Sought::Nothing, _) | (_, Sought::Nothing) => {
            // Who may not ask is refused all the same.
            parts.hub.jobs(caller, (None, None), before, page).await?;
            JobPage {
                jobs: Vec::new(),
                next: None,
            }
        }
        (kind, status) => {
            let narrowed = (only(kind), only(status));
            parts.hub.jobs(caller, narrowed, before, page).await?
        }
    };
    let items = Value::Array(jobs.iter().map(job).collect());
    let token = next.map(|number| JobToken(number).text());
    let shown = if takes_an_object(call) {
        json!({ "type": "jobResponse", "items": items, "continuationToken": token })
    } else {
        items
    };
    let answer = value(&shown).with_header(HEADER_ITEM_TYPE, "JobResponse");
    Ok(match token {
        Some(token) => answer.with_header(HEADER_CONTINUATION, token),
        None => answer,
    })
}

/// Devices are neither imported nor exported here: there are no jobs of that kind.
pub(super) fn list_transfers(parts: &ApiParts, caller: &ServiceCaller) -> Result<Answer, Failure> {
    parts.hub.check_transfers(caller)?;
    Ok(value(&json!([])))
}

pub(super) fn get_transfer(parts: &ApiParts, caller: &ServiceCaller) -> Result<Answer, Failure> {
    parts.hub.check_transfers(caller)?;
    Err(HubError::JobNotFound.into())
}

pub(super) fn create_transfer(parts: &ApiParts, caller: &ServiceCaller) -> Result<Answer, Failure> {
    parts.hub.check_transfers(caller)?;
    Err(HubError::NotOffered("import and export of devices").into())
}

fn before(call: &Call) -> Result<Option<i64>, HubError> {
    let Some(text) = call.header(HEADER_CONTINUATION).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let token = JobToken::parse(text);
    let token =
        token.ok_or_else(|| HubError::ArgumentInvalid("the continuation token is not valid".into()))?;
    Ok(Some(token.0))
}

fn only<T>(sought: Sought<T>) -> Option<T> {
    match sought {
        Sought::Only(wanted) => Some(wanted),
        Sought::Any | Sought::Nothing => None,
    }
}

/// Python's SDK takes the object of the published definition and nothing else; all others take an
/// array (iot-hub-service-api.md 10.2). It never asks for a page size.
fn takes_an_object(call: &Call) -> bool {
    let agent = call.header("user-agent").unwrap_or_default();
    call.header(HEADER_MAX_ITEM_COUNT).is_none() && agent.contains(PYTHON)
}
