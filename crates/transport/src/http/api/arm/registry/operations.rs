//! Long-running operations (certificate-management.md 1.6).

use provost_model::registry::{OperationState, RegistryOperation};
use provost_wire::arm::ArmScope;
use provost_wire::arm::registry::{operation_location, operation_result, operation_status};
use provost_wire::json;

use super::{Answered, RegistryRequest, shown};
use crate::http::api::reply::Answer;

impl RegistryRequest<'_> {
    /// 202: where to look after it.
    pub(super) fn accepted(&self, operation: &RegistryOperation) -> Answer {
        accepted(&self.call.host, self.scope, self.api_version, operation)
    }

    pub(super) async fn operation_status(&self, id: &str) -> Answered {
        let operation = self.registry().operation_named(self.admin, id).await?;
        let answer = shown(&operation_status(self.scope, &self.call.path, &operation));
        Ok(match operation.state {
            OperationState::Running => answer.with_header("retry-after", "1"),
            OperationState::Succeeded | OperationState::Failed(_) => answer,
        })
    }

    /// 202 while it runs, then 204, or the error it ended with.
    pub(super) async fn operation_result(&self, id: &str) -> Answered {
        let operation = self.registry().operation_named(self.admin, id).await?;
        Ok(match (&operation.state, operation_result(&operation)) {
            (OperationState::Running, _) => self.accepted(&operation),
            (_, Some(failed)) => Answer::json(409, json::to_bytes(&failed)),
            (_, None) => Answer::no_content(),
        })
    }
}

/// 202 with the addresses of an operation, as absolute URLs.
pub(in crate::http::api) fn accepted(
    host: &str,
    scope: &ArmScope,
    api_version: &str,
    operation: &RegistryOperation,
) -> Answer {
    let address = operation_location(host, scope, api_version, &operation.id);
    Answer::json(202, Vec::new())
        .with_header("location", address.result)
        .with_header("azure-asyncoperation", address.status)
        .with_header("retry-after", address.retry_after.to_string())
}
