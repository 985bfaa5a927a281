//! Bodies of what Azure has no contract for, under `/provost/`. The first byte says which.

use provost_wire::own::registry::{BulkRevokeInput, NamespaceLinkBody, RevokeInput};
use provost_wire::own::{
    AccessPolicyInput, AdminTokenInput, BlastRadiusInput, CheckpointInput, DisenrollInput, ExplainInput,
    HubInput, InstanceInput, LinkedHubInput, RecordDelete, RecordQuery, ReprovisionInput, ResumeInput,
};

pub(crate) fn run(data: &[u8]) {
    let Some((which, body)) = data.split_first() else {
        return;
    };
    match which % 16 {
        0 => drop(BulkRevokeInput::parse(body)),
        1 => drop(NamespaceLinkBody::parse(body)),
        2 => drop(RevokeInput::parse(body)),
        3 => drop(AccessPolicyInput::parse(body)),
        4 => drop(AdminTokenInput::parse(body)),
        5 => drop(BlastRadiusInput::parse(body)),
        6 => drop(CheckpointInput::parse(body)),
        7 => drop(DisenrollInput::parse(body)),
        8 => drop(ExplainInput::parse(body)),
        9 => drop(HubInput::parse(body)),
        10 => drop(InstanceInput::parse(body)),
        11 => drop(LinkedHubInput::parse(body)),
        12 => drop(RecordDelete::parse(body)),
        13 => drop(RecordQuery::parse(body)),
        14 => drop(ReprovisionInput::parse(body)),
        _ => drop(ResumeInput::parse(body)),
    }
}
