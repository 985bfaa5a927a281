use provost_wire::Routed;
use provost_wire::arm::ArmOperation;
use provost_wire::dps::device::DeviceOperation;
use provost_wire::dps::service::ServiceOperation;
use provost_wire::http::{Route, parse_route};
use provost_wire::hub::device::DeviceOperation as HubDeviceOperation;
use provost_wire::hub::service::HubOperation;
use provost_wire::own::{FleetOperation, OwnOperation, TelemetryOperation};

/// The name of every operation. A new one does not compile until it is named in [`name`], and the
/// tests fail until it stands here and in the catalogue.
pub(crate) const NAMES: [&str; 113] = [
    "dps put enrollment",
    "dps get enrollment",
    "dps delete enrollment",
    "dps query enrollments",
    "dps bulk enrollments",
    "dps reveal enrollment",
    "dps put group",
    "dps get group",
    "dps delete group",
    "dps query groups",
    "dps bulk groups",
    "dps reveal group",
    "dps get registration",
    "dps delete registration",
    "dps query registrations",
    "device register",
    "device operation status",
    "device status lookup",
    "hub get device",
    "hub put device",
    "hub delete device",
    "hub list devices",
    "hub bulk devices",
    "hub query",
    "hub device statistics",
    "hub service statistics",
    "hub get twin",
    "hub replace twin",
    "hub patch twin",
    "hub invoke method",
    "hub regenerate keys",
    "hub list configurations",
    "hub not served",
    "hub purge messages",
    "hub receive feedback",
    "hub complete feedback",
    "hub abandon feedback",
    "hub device send events",
    "hub device receive",
    "hub device complete",
    "hub device reject",
    "hub device abandon",
    "hub device begin file upload",
    "hub device end file upload",
    "hub list modules",
    "hub get module",
    "hub put module",
    "hub delete module",
    "hub get module twin",
    "hub replace module twin",
    "hub patch module twin",
    "hub invoke module method",
    "hub get job",
    "hub put job",
    "hub cancel job",
    "hub query jobs",
    "hub list transfers",
    "hub get transfer",
    "hub create transfer",
    "arm list instances",
    "arm get instance",
    "arm list keys",
    "arm list key",
    "arm list certificates",
    "arm get certificate",
    "arm put certificate",
    "arm delete certificate",
    "arm generate code",
    "arm verify certificate",
    "own explain",
    "own health",
    "own metrics",
    "own create admin token",
    "own list admin tokens",
    "own delete admin token",
    "own list hubs",
    "own add hub",
    "own get hub",
    "own delete hub",
    "own list instances",
    "own add instance",
    "own get instance",
    "own delete instance",
    "own list policies",
    "own put policy",
    "own delete policy",
    "own renew policy key",
    "own read telemetry",
    "own send message",
    "own follow telemetry",
    "own telemetry partitions",
    "own list consumer groups",
    "own get consumer group",
    "own put consumer group",
    "own delete consumer group",
    "own put checkpoint",
    "own list reprovisions",
    "own create reprovision",
    "own get reprovision",
    "own pause reprovision",
    "own resume reprovision",
    "own cancel reprovision",
    "own reprovision devices",
    "own read allocation",
    "own list linked hubs",
    "own get linked hub",
    "own put linked hub",
    "own delete linked hub",
    "own get quota",
    "own query records",
    "own delete records",
    "own blast radius",
    "own disenroll",
];

/// Which operation a request line asks for.
pub(crate) fn name(method: &str, path: &str) -> &'static str {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match parse_route(method, path, &format!("api-version=2021-10-01&{query}")) {
        Routed::To(Route::DpsService(route)) => dps(&route.operation),
        Routed::To(Route::DpsDevice(route)) => device(&route.operation),
        Routed::To(Route::Hub(route)) => hub(&route.operation),
        Routed::To(Route::HubDevice(route)) => hub_device(&route.operation),
        Routed::To(Route::Arm(route)) => arm(&route.operation),
        Routed::To(Route::Own(operation)) => own(&operation),
        other => panic!("{method} {path} is no operation: {other:?}"),
    }
}

fn dps(operation: &ServiceOperation) -> &'static str {
    match operation {
        ServiceOperation::PutEnrollment(_) => "dps put enrollment",
        ServiceOperation::GetEnrollment(_) => "dps get enrollment",
        ServiceOperation::DeleteEnrollment(_) => "dps delete enrollment",
        ServiceOperation::QueryEnrollments => "dps query enrollments",
        ServiceOperation::BulkEnrollments => "dps bulk enrollments",
        ServiceOperation::EnrollmentAttestation(_) => "dps reveal enrollment",
        ServiceOperation::PutGroup(_) => "dps put group",
        ServiceOperation::GetGroup(_) => "dps get group",
        ServiceOperation::DeleteGroup(_) => "dps delete group",
        ServiceOperation::QueryGroups => "dps query groups",
        ServiceOperation::BulkGroups => "dps bulk groups",
        ServiceOperation::GroupAttestation(_) => "dps reveal group",
        ServiceOperation::GetRegistration(_) => "dps get registration",
        ServiceOperation::DeleteRegistration(_) => "dps delete registration",
        ServiceOperation::QueryRegistrations(_) => "dps query registrations",
    }
}

fn device(operation: &DeviceOperation) -> &'static str {
    match operation {
        DeviceOperation::Register => "device register",
        DeviceOperation::OperationStatus(_) => "device operation status",
        DeviceOperation::StatusLookup => "device status lookup",
    }
}

fn hub(operation: &HubOperation) -> &'static str {
    match operation {
        HubOperation::GetDevice(_) => "hub get device",
        HubOperation::PutDevice(_) => "hub put device",
        HubOperation::DeleteDevice(_) => "hub delete device",
        HubOperation::ListDevices { .. } => "hub list devices",
        HubOperation::BulkDevices => "hub bulk devices",
        HubOperation::Query => "hub query",
        HubOperation::DeviceStatistics => "hub device statistics",
        HubOperation::ServiceStatistics => "hub service statistics",
        HubOperation::GetTwin(_) => "hub get twin",
        HubOperation::ReplaceTwin(_) => "hub replace twin",
        HubOperation::PatchTwin(_) => "hub patch twin",
        HubOperation::InvokeMethod(_) => "hub invoke method",
        HubOperation::RegenerateKeys => "hub regenerate keys",
        HubOperation::ListConfigurations => "hub list configurations",
        HubOperation::NotServed(_) => "hub not served",
        HubOperation::ListModules(_) => "hub list modules",
        HubOperation::GetModule(..) => "hub get module",
        HubOperation::PutModule(..) => "hub put module",
        HubOperation::DeleteModule(..) => "hub delete module",
        HubOperation::GetModuleTwin(..) => "hub get module twin",
        HubOperation::ReplaceModuleTwin(..) => "hub replace module twin",
        HubOperation::PatchModuleTwin(..) => "hub patch module twin",
        HubOperation::InvokeModuleMethod(..) => "hub invoke module method",
        HubOperation::GetJob(_) => "hub get job",
        HubOperation::PutJob(_) => "hub put job",
        HubOperation::CancelJob(_) => "hub cancel job",
        HubOperation::QueryJobs(_) => "hub query jobs",
        HubOperation::ListTransfers => "hub list transfers",
        HubOperation::GetTransfer(_) => "hub get transfer",
        HubOperation::CreateTransfer => "hub create transfer",
        HubOperation::PurgeMessages(_) => "hub purge messages",
        HubOperation::ReceiveFeedback => "hub receive feedback",
        HubOperation::CompleteFeedback(_) => "hub complete feedback",
        HubOperation::AbandonFeedback(_) => "hub abandon feedback",
    }
}

fn hub_device(operation: &HubDeviceOperation) -> &'static str {
    match operation {
        HubDeviceOperation::SendEvents => "hub device send events",
        HubDeviceOperation::Receive => "hub device receive",
        HubDeviceOperation::Complete(_) => "hub device complete",
        HubDeviceOperation::Reject(_) => "hub device reject",
        HubDeviceOperation::Abandon(_) => "hub device abandon",
        HubDeviceOperation::BeginFileUpload => "hub device begin file upload",
        HubDeviceOperation::EndFileUpload => "hub device end file upload",
    }
}

fn arm(operation: &ArmOperation) -> &'static str {
    match operation {
        ArmOperation::ListInstances => "arm list instances",
        ArmOperation::GetInstance(_) => "arm get instance",
        ArmOperation::ListHubs
        | ArmOperation::GetHub(_)
        | ArmOperation::LinkInstance(_)
        | ArmOperation::LinkHub(_)
        | ArmOperation::Registry(..) => "registry",
        ArmOperation::ListKeys(_) => "arm list keys",
        ArmOperation::ListKey(..) => "arm list key",
        ArmOperation::ListCertificates(_) => "arm list certificates",
        ArmOperation::GetCertificate(..) => "arm get certificate",
        ArmOperation::PutCertificate(..) => "arm put certificate",
        ArmOperation::DeleteCertificate(..) => "arm delete certificate",
        ArmOperation::GenerateVerificationCode(..) => "arm generate code",
        ArmOperation::VerifyCertificate(..) => "arm verify certificate",
    }
}

fn own(operation: &OwnOperation) -> &'static str {
    match operation {
        OwnOperation::Health => "own health",
        OwnOperation::Metrics => "own metrics",
        OwnOperation::CreateAdminToken => "own create admin token",
        OwnOperation::ListAdminTokens => "own list admin tokens",
        OwnOperation::DeleteAdminToken(_) => "own delete admin token",
        OwnOperation::HubNamespace(..) | OwnOperation::DpsNamespace(..) | OwnOperation::Registry(..) => {
            "registry"
        }
        OwnOperation::Explain => "own explain",
        OwnOperation::ListHubs => "own list hubs",
        OwnOperation::AddHub => "own add hub",
        OwnOperation::GetHub(_) => "own get hub",
        OwnOperation::DeleteHub(..) => "own delete hub",
        OwnOperation::ListInstances => "own list instances",
        OwnOperation::AddInstance => "own add instance",
        OwnOperation::GetInstance(_) => "own get instance",
        OwnOperation::DeleteInstance(..) => "own delete instance",
        OwnOperation::ListPolicies(_) => "own list policies",
        OwnOperation::PutPolicy(..) => "own put policy",
        OwnOperation::DeletePolicy(..) => "own delete policy",
        OwnOperation::RenewPolicyKey(..) => "own renew policy key",
        OwnOperation::Fleet(_, operation) => match operation {
            FleetOperation::List => "own list reprovisions",
            FleetOperation::Create => "own create reprovision",
            FleetOperation::Get(_) => "own get reprovision",
            FleetOperation::Pause(_) => "own pause reprovision",
            FleetOperation::Resume(_) => "own resume reprovision",
            FleetOperation::Cancel(_) => "own cancel reprovision",
            FleetOperation::Devices(..) => "own reprovision devices",
        },
        OwnOperation::SendMessage(..) => "own send message",
        OwnOperation::Telemetry(_, operation) => match operation {
            TelemetryOperation::Read(_) => "own read telemetry",
            TelemetryOperation::Follow(_) => "own follow telemetry",
            TelemetryOperation::Partitions => "own telemetry partitions",
            TelemetryOperation::ListGroups => "own list consumer groups",
            TelemetryOperation::GetGroup(_) => "own get consumer group",
            TelemetryOperation::PutGroup(_) => "own put consumer group",
            TelemetryOperation::DeleteGroup(_) => "own delete consumer group",
            TelemetryOperation::PutCheckpoint(..) => "own put checkpoint",
        },
        OwnOperation::ReadAllocation(..) => "own read allocation",
        OwnOperation::ListLinkedHubs(_) => "own list linked hubs",
        OwnOperation::GetLinkedHub(..) => "own get linked hub",
        OwnOperation::PutLinkedHub(..) => "own put linked hub",
        OwnOperation::DeleteLinkedHub(..) => "own delete linked hub",
        OwnOperation::GetQuota(_) => "own get quota",
        OwnOperation::QueryRecords(_) => "own query records",
        OwnOperation::DeleteRecords(_) => "own delete records",
        OwnOperation::BlastRadius(_) => "own blast radius",
        OwnOperation::Disenroll(_) => "own disenroll",
    }
}
