//! The CA certificates of hubs that come from policies (certificate-management.md 1.7, 3.11).

use provost_model::registry::{Ca, CaId, CaState, CredentialPolicy};
use provost_model::{
    AuthorityOwner, CertificateAuthority, CertificateDer, CertificateName, Change, Etag, HubName, Random,
    SynchronizedCa,
};
use provost_pki::Certificate;
use provost_store::{CertificateIndex, ReadTx, StoreError, WriteTx};

/// The CAs of a policy that hubs are to trust: the one that signs, and those before it that were not
/// revoked.
pub(crate) fn trusted_cas(tx: &ReadTx<'_>, policy: &CredentialPolicy) -> Result<Vec<Ca>, StoreError> {
    // Those of a policy of the same name that was deleted are closed.
    let of_policy = |ca: &Ca| {
        ca.policy.as_ref() == Some(&policy.name) && matches!(ca.state, CaState::Active | CaState::Retired)
    };
    let mut cas = tx.cas(&policy.namespace)?;
    cas.retain(of_policy);
    Ok(cas)
}

/// Makes a hub trust a CA. `false` when it does so already.
pub(crate) fn trust(
    tx: &WriteTx<'_>,
    hub: &HubName,
    policy: &CredentialPolicy,
    ca: &Ca,
    random: &dyn Random,
) -> Result<bool, StoreError> {
    let owner = AuthorityOwner::Hub(hub.clone());
    let Some((name, certificate, index)) = named(ca) else {
        return Ok(false);
    };
    let there = tx.certificate_authorities(&owner)?;
    let is_this =
        |known: &CertificateAuthority| known.synchronized.as_ref().is_some_and(|from| from.ca == ca.id);
    if there
        .iter()
        .any(|known| is_this(known) && known.is_verified && known.certificate == certificate)
    {
        return Ok(false);
    }
    let authority = CertificateAuthority {
        name,
        certificate,
        is_verified: true,
        verification_code: None,
        etag: Etag::generate(random),
        created_at: tx.now(),
        updated_at: tx.now(),
        synchronized: Some(SynchronizedCa {
            ca: ca.id.clone(),
            namespace: policy.namespace.clone(),
            policy: policy.name.clone(),
        }),
    };
    tx.put_certificate_authority(&owner, &authority, &index)?;
    tx.announce(&Change::Configuration)?;
    Ok(true)
}

/// Takes CAs away from a hub; answers how many it had.
pub(crate) fn distrust(tx: &WriteTx<'_>, hub: &HubName, cas: &[CaId]) -> Result<usize, StoreError> {
    let owner = AuthorityOwner::Hub(hub.clone());
    let mut gone = 0;
    for known in tx.certificate_authorities(&owner)? {
        let from = known.synchronized.as_ref();
        if from.is_some_and(|from| cas.contains(&from.ca)) {
            tx.delete_certificate_authority(&owner, &known.name)?;
            gone += 1;
        }
    }
    if gone > 0 {
        tx.announce(&Change::Configuration)?;
    }
    Ok(gone)
}

fn named(ca: &Ca) -> Option<(CertificateName, CertificateDer, CertificateIndex)> {
    let der = ca.certificate.clone()?;
    let certificate = Certificate::from_der(&der.0).ok()?;
    let index = CertificateIndex::of(&certificate);
    // Another CA is another name: a policy's certificate never changes under one.
    let name = CertificateName::parse(&format!("adr-{}", ca.id)).ok()?;
    Some((name, der, index))
}
