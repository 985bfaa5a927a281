use provost_wire::Routed;
use provost_wire::dps::service::ServiceOperation;
use provost_wire::http::Route;
use provost_wire::hub::service::HubOperation;

/// Service and family of operations a request is counted under; devices are counted elsewhere.
pub(super) fn of(routed: &Routed<Route>) -> Option<(&'static str, &'static str)> {
    match routed {
        Routed::To(Route::DpsDevice(_)) => None,
        Routed::To(Route::DpsService(route)) => Some(("dps", of_dps(&route.operation))),
        Routed::To(Route::Hub(route)) => Some(("hub", of_hub(&route.operation))),
        Routed::To(Route::HubDevice(_)) => Some(("hub", "deviceMessages")),
        Routed::To(Route::Arm(_)) => Some(("management", "management")),
        Routed::To(Route::Own(_)) => Some(("provost", "provost")),
        Routed::Malformed(_) | Routed::MethodNotAllowed | Routed::NotFound => Some(("none", "unknown")),
    }
}

fn of_dps(operation: &ServiceOperation) -> &'static str {
    match operation {
        ServiceOperation::PutEnrollment(_)
        | ServiceOperation::GetEnrollment(_)
        | ServiceOperation::DeleteEnrollment(_)
        | ServiceOperation::QueryEnrollments
        | ServiceOperation::BulkEnrollments
        | ServiceOperation::EnrollmentAttestation(_) => "enrollments",
        ServiceOperation::PutGroup(_)
        | ServiceOperation::GetGroup(_)
        | ServiceOperation::DeleteGroup(_)
        | ServiceOperation::QueryGroups
        | ServiceOperation::BulkGroups
        | ServiceOperation::GroupAttestation(_) => "enrollmentGroups",
        ServiceOperation::GetRegistration(_)
        | ServiceOperation::DeleteRegistration(_)
        | ServiceOperation::QueryRegistrations(_) => "registrations",
    }
}

fn of_hub(operation: &HubOperation) -> &'static str {
    match operation {
        HubOperation::GetDevice(_)
        | HubOperation::PutDevice(_)
        | HubOperation::DeleteDevice(_)
        | HubOperation::ListDevices { .. }
        | HubOperation::BulkDevices
        | HubOperation::RegenerateKeys => "devices",
        HubOperation::ListConfigurations | HubOperation::NotServed(_) => "notServed",
        HubOperation::ListModules(_)
        | HubOperation::GetModule(..)
        | HubOperation::PutModule(..)
        | HubOperation::DeleteModule(..) => "modules",
        HubOperation::DeviceStatistics | HubOperation::ServiceStatistics => "statistics",
        HubOperation::GetTwin(_)
        | HubOperation::ReplaceTwin(_)
        | HubOperation::PatchTwin(_)
        | HubOperation::GetModuleTwin(..)
        | HubOperation::ReplaceModuleTwin(..)
        | HubOperation::PatchModuleTwin(..) => "twins",
        HubOperation::InvokeMethod(_) | HubOperation::InvokeModuleMethod(..) => "methods",
        HubOperation::Query => "queries",
        HubOperation::GetJob(_)
        | HubOperation::PutJob(_)
        | HubOperation::CancelJob(_)
        | HubOperation::QueryJobs(_)
        | HubOperation::ListTransfers
        | HubOperation::GetTransfer(_)
        | HubOperation::CreateTransfer => "jobs",
        HubOperation::PurgeMessages(_)
        | HubOperation::ReceiveFeedback
        | HubOperation::CompleteFeedback(_)
        | HubOperation::AbandonFeedback(_) => "messages",
    }
}
