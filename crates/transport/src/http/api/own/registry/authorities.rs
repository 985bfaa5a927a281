use provost_model::pem;
use provost_model::registry::{Ca, CaId};
use provost_pki::Certificate;
use provost_wire::own::registry::{AuthorityView, CrlView};
use provost_wire::time;

use super::{Answered, Request, not_found};
use crate::http::api::own::shown;

impl Request<'_> {
    pub(super) async fn authority(&self, id: &CaId) -> Answered {
        let all = self.registry.authorities(self.admin, self.namespace).await?;
        let found = all.iter().find(|ca| ca.id == *id);
        let found = found.ok_or_else(|| not_found("certificate authority", id.as_str()))?;
        Ok(shown(&authority_view(found)))
    }

    pub(super) async fn crl(&self, id: &CaId, shard: u32) -> Answered {
        let found = self.registry.crl(self.admin, self.namespace, id, shard).await?;
        let der = found.der.as_deref().unwrap_or_default();
        Ok(shown(&CrlView {
            authority: id.to_string(),
            shard,
            number: found.number,
            this_update: found.this_update.map(time::iso_seconds),
            next_update: found.next_update.map(time::iso_seconds),
            entries: found.entries,
            untold: found.untold,
            is_last: found.is_last,
            crl: pem("X509 CRL", der),
        }))
    }
}

/// A CA with what its certificate says, once it has one.
pub(super) fn authority_view(ca: &Ca) -> AuthorityView {
    let certificate = ca.certificate.as_ref();
    let certificate = certificate.and_then(|der| Certificate::from_der(&der.0).ok());
    let facts = certificate.map(|it| (it.serial_hex(), it.sha1_thumbprint().to_string()));
    AuthorityView::new(ca, facts)
}
