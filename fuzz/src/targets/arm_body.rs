//! Bodies and ids of the management plane. The first byte says which, so that each gets its own corpus.

use provost_wire::arm::registry::{
    ActivateInput, CredentialInput, CredentialPatch, DevicePatch, DeviceRevokeInput, NamespaceId,
    NamespaceInput, NamespaceLinkInput, NamespacePatch, PatchForm, PolicyId, PolicyPatch,
    RegistryDeviceInput, RegistryPolicyInput, RegistryVersion,
};
use provost_wire::arm::{ArmError, CertificateUpload, parse_verification};

pub(crate) fn run(data: &[u8]) {
    let Some((which, body)) = data.split_first() else {
        return;
    };
    match which % 13 {
        0 => drop(NamespaceInput::parse(body)),
        1 => drop(NamespacePatch::parse(body, PatchForm::Merge)),
        2 => drop(CredentialInput::parse(body)),
        3 => drop(CredentialPatch::parse(body, PatchForm::Merge)),
        4 => {
            for version in [RegistryVersion::First, RegistryVersion::Second] {
                drop(RegistryPolicyInput::parse(body, version));
            }
        }
        5 => drop(PolicyPatch::parse(body)),
        6 => drop(ActivateInput::parse(body)),
        7 => drop(RegistryDeviceInput::parse(body)),
        8 => drop(DevicePatch::parse(body, PatchForm::Merge)),
        9 => drop(DeviceRevokeInput::parse(body)),
        10 => {
            drop(NamespaceLinkInput::of_hub(body));
            drop(NamespaceLinkInput::of_dps(body));
        }
        11 => {
            drop(CertificateUpload::parse(body));
            drop(parse_verification(body));
            drop(ArmError::parse(body));
        }
        _ => ids(body),
    }
}

fn ids(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    drop(NamespaceId::parse(text));
    drop(PolicyId::parse(text));
}
