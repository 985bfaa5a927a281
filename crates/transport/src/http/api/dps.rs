//! The provisioning service's service side (dps-service-api.md 2).

use std::time::Duration;

use provost_model::{EnrollmentGroupId, RegistrationId};
use provost_provisioning::{
    Page, PageRequest, ProvisioningError, ServiceCaller, ServiceCredential, ShownEnrollment, ShownGroup,
};
use provost_wire::dps::device::RegistrationStateView;
use provost_wire::dps::service::{
    EnrollmentInput, GroupInput, HEADER_CONTINUATION, HEADER_ITEM_TYPE, HEADER_MAX_ITEM_COUNT,
    ITEM_DEVICE_REGISTRATION, ITEM_ENROLLMENT, ITEM_ENROLLMENT_GROUP, KeyVisibility, ServiceOperation,
    ServiceRoute, ViewOptions, enrollment, enrollment_group, group_attestation, individual_attestation,
    parse_bulk_enrollments, parse_bulk_groups, parse_query,
};
use provost_wire::{ApiVersion, BodyError, json};
use serde_json::Value;

use super::ApiParts;
use super::call::Call;
use super::reply::Answer;

/// Answers one operation.
pub(super) async fn answer(parts: &ApiParts, call: &Call, route: ServiceRoute) -> Answer {
    match perform(parts, call, route).await {
        Ok(answer) => answer,
        Err(failure) => failure.answer(parts, call),
    }
}

/// Why an operation came to nothing.
pub(super) enum Failure {
    Service(ProvisioningError),
    Body(BodyError),
    Throttled(Duration),
}

impl Failure {
    pub(super) fn answer(self, parts: &ApiParts, call: &Call) -> Answer {
        match self {
            Self::Service(error) => parts.dps_failed(call, &error),
            Self::Body(error) => parts.dps_body(call, &error),
            Self::Throttled(wait) => parts.dps_throttled(call, wait),
        }
    }
}

impl From<ProvisioningError> for Failure {
    fn from(error: ProvisioningError) -> Self {
        Self::Service(error)
    }
}

impl From<BodyError> for Failure {
    fn from(error: BodyError) -> Self {
        Self::Body(error)
    }
}

/// Proves the caller, and that he is not too fast.
pub(super) async fn caller(parts: &ApiParts, call: &Call) -> Result<ServiceCaller, Failure> {
    let credential = ServiceCredential {
        host: &call.host,
        path: &call.path,
        authorization: call.authorization(),
    };
    let caller = parts.dps.authenticate_service(credential).await?;
    // After the proof: strangers cannot use up what operators may do.
    let allowed = parts
        .service_rate
        .check(&caller.instance().name, parts.clock.now());
    allowed.map_err(Failure::Throttled)?;
    Ok(caller)
}

/// Proves the caller before anything else is read.
async fn perform(parts: &ApiParts, call: &Call, route: ServiceRoute) -> Result<Answer, Failure> {
    let caller = caller(parts, call).await?;
    let request = Request {
        parts,
        call,
        caller: &caller,
        api_version: route.api_version,
    };
    operate(&request, route.operation).await
}

async fn operate(request: &Request<'_>, operation: ServiceOperation) -> Result<Answer, Failure> {
    let (dps, call, caller) = (&request.parts.dps, request.call, request.caller);
    match operation {
        ServiceOperation::PutEnrollment(id) => {
            let input = EnrollmentInput::parse(&call.body)?;
            let shown = dps.put_entry(caller, &id, input, call.if_match()).await?;
            // Keys are shown here: the CLI reads generated ones from this answer.
            Ok(request.enrollment(&shown, KeyVisibility::Shown))
        }
        ServiceOperation::GetEnrollment(id) => {
            let shown = dps.get_entry(caller, id).await?;
            Ok(request.enrollment(&shown, KeyVisibility::Hidden))
        }
        ServiceOperation::DeleteEnrollment(id) => {
            dps.delete_entry(caller, id, call.if_match()).await?;
            Ok(Answer::no_content())
        }
        ServiceOperation::QueryEnrollments => request.query_enrollments().await,
        ServiceOperation::BulkEnrollments => {
            let input = parse_bulk_enrollments(&call.body, dps.quotas().bulk_items)?;
            Ok(Answer::ok(
                dps.bulk_entries::<RegistrationId>(caller, input).await?.to_json(),
            ))
        }
        ServiceOperation::EnrollmentAttestation(id) => request.reveal_enrollment(id).await,
        ServiceOperation::PutGroup(id) => {
            let input = GroupInput::parse(&call.body)?;
            let shown = dps.put_entry(caller, &id, input, call.if_match()).await?;
            Ok(request.group(&shown, KeyVisibility::Shown))
        }
        ServiceOperation::GetGroup(id) => {
            let shown = dps.get_entry(caller, id).await?;
            Ok(request.group(&shown, KeyVisibility::Hidden))
        }
        ServiceOperation::DeleteGroup(id) => {
            dps.delete_entry(caller, id, call.if_match()).await?;
            Ok(Answer::no_content())
        }
        ServiceOperation::QueryGroups => request.query_groups().await,
        ServiceOperation::BulkGroups => {
            let input = parse_bulk_groups(&call.body, dps.quotas().bulk_items)?;
            Ok(Answer::ok(
                dps.bulk_entries::<EnrollmentGroupId>(caller, input)
                    .await?
                    .to_json(),
            ))
        }
        ServiceOperation::GroupAttestation(id) => request.reveal_group(id).await,
        ServiceOperation::GetRegistration(id) => request.get_registration(id).await,
        ServiceOperation::DeleteRegistration(id) => {
            dps.delete_registration(caller, id, call.if_match()).await?;
            Ok(Answer::no_content())
        }
        ServiceOperation::QueryRegistrations(group) => request.query_registrations(group).await,
    }
}

struct Request<'a> {
    parts: &'a ApiParts,
    call: &'a Call,
    caller: &'a ServiceCaller,
    api_version: ApiVersion,
}

impl Request<'_> {
    async fn query_enrollments(&self) -> Result<Answer, Failure> {
        parse_query(&self.call.body)?;
        let page = self
            .parts
            .dps
            .query_entries::<RegistrationId>(self.caller, self.page())
            .await?;
        Ok(listing(page, ITEM_ENROLLMENT, |shown| {
            self.enrollment_value(shown, KeyVisibility::Hidden)
        }))
    }

    async fn reveal_enrollment(&self, id: RegistrationId) -> Result<Answer, Failure> {
        let shown = self.parts.dps.reveal_entry(self.caller, id).await?;
        let mechanism = &shown.entry.mechanism;
        let attestation = individual_attestation(mechanism, &shown.certificates, KeyVisibility::Shown);
        Ok(Answer::ok(attestation.to_json()))
    }

    async fn query_groups(&self) -> Result<Answer, Failure> {
        parse_query(&self.call.body)?;
        let page = self
            .parts
            .dps
            .query_entries::<EnrollmentGroupId>(self.caller, self.page())
            .await?;
        Ok(listing(page, ITEM_ENROLLMENT_GROUP, |shown| {
            self.group_value(shown, KeyVisibility::Hidden)
        }))
    }

    async fn reveal_group(&self, id: EnrollmentGroupId) -> Result<Answer, Failure> {
        let shown = self.parts.dps.reveal_entry(self.caller, id).await?;
        let mechanism = &shown.entry.mechanism;
        let attestation = group_attestation(mechanism, &shown.certificates, KeyVisibility::Shown);
        Ok(Answer::ok(attestation.to_json()))
    }

    async fn get_registration(&self, id: RegistrationId) -> Result<Answer, Failure> {
        let outcome = self.parts.dps.get_registration(self.caller, id).await?;
        let view = RegistrationStateView::for_service(&outcome.record, outcome.assigned_hub.as_ref());
        Ok(Answer::ok(view.to_json()).with_etag(&outcome.record.etag))
    }

    async fn query_registrations(&self, group: EnrollmentGroupId) -> Result<Answer, Failure> {
        parse_query(&self.call.body)?;
        let page = self
            .parts
            .dps
            .query_registrations(self.caller, group, self.page())
            .await?;
        Ok(listing(page, ITEM_DEVICE_REGISTRATION, |outcome| {
            let view = RegistrationStateView::for_service(&outcome.record, outcome.assigned_hub.as_ref());
            serde_json::to_value(view).unwrap_or_default()
        }))
    }

    fn page(&self) -> PageRequest {
        PageRequest {
            max_items: self.call.number(HEADER_MAX_ITEM_COUNT),
            continuation: self.call.header(HEADER_CONTINUATION).map(str::to_owned),
        }
    }

    fn view(&self, keys: KeyVisibility) -> ViewOptions {
        ViewOptions {
            keys,
            default_allocation: self.caller.default_allocation(),
            api_version: self.api_version.clone(),
        }
    }

    fn enrollment_value(&self, shown: &ShownEnrollment, keys: KeyVisibility) -> Value {
        let state = shown.registration.as_ref().map(|outcome| {
            RegistrationStateView::for_service(&outcome.record, outcome.assigned_hub.as_ref())
        });
        enrollment(
            &shown.entry,
            &shown.certificates,
            state.as_ref(),
            &self.view(keys),
        )
    }

    fn enrollment(&self, shown: &ShownEnrollment, keys: KeyVisibility) -> Answer {
        let answer = Answer::ok(json::to_bytes(&self.enrollment_value(shown, keys)));
        answer.with_etag(&shown.entry.settings.etag)
    }

    fn group_value(&self, shown: &ShownGroup, keys: KeyVisibility) -> Value {
        enrollment_group(&shown.entry, &shown.certificates, &self.view(keys))
    }

    fn group(&self, shown: &ShownGroup, keys: KeyVisibility) -> Answer {
        let answer = Answer::ok(json::to_bytes(&self.group_value(shown, keys)));
        answer.with_etag(&shown.entry.settings.etag)
    }
}

/// A page: C# and Java need the item type, Node must not see a continuation at the end
/// (dps-service-api.md 0.3 rule 7).
fn listing<T>(page: Page<T>, item_type: &'static str, show: impl Fn(&T) -> Value) -> Answer {
    let items = Value::Array(page.items.iter().map(show).collect());
    let answer = Answer::ok(json::to_bytes(&items))
        .with_header(HEADER_ITEM_TYPE, item_type)
        .with_header(HEADER_MAX_ITEM_COUNT, page.size.to_string());
    match page.continuation {
        Some(continuation) => answer.with_header(HEADER_CONTINUATION, continuation),
        None => answer,
    }
}
