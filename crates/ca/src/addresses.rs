use provost_model::registry::CaId;
use provost_pki::issue::Publication;

/// Where what our CAs publish is found; written into what they sign and served by the plain HTTP
/// listener. Without a base nothing is written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublicAddresses {
    bases: Vec<String>,
    is_ocsp_on: bool,
}

impl PublicAddresses {
    /// `bases` are absolute `http` addresses, e.g. `http://ca.example:8080`; a slash at the end is dropped.
    pub fn new(bases: impl IntoIterator<Item = String>, is_ocsp_on: bool) -> Self {
        let bases = bases
            .into_iter()
            .map(|base| base.trim_end_matches('/').to_owned());
        Self {
            bases: bases.collect(),
            is_ocsp_on,
        }
    }

    /// Where one part of a CA's CRL is: what the distribution point of a certificate says, and the
    /// CRL itself when it is cut into parts (RFC 5280 5.2.5).
    pub fn crls(&self, ca: &CaId, shard: u32) -> Vec<String> {
        self.each(|base| format!("{base}/crl/{ca}/{shard}.crl"))
    }

    /// Where a CA's certificate is.
    pub fn certificates(&self, ca: &CaId) -> Vec<String> {
        self.each(|base| format!("{base}/ca/{ca}.cer"))
    }

    /// Where a CA's OCSP responder is; nowhere unless it is switched on.
    pub fn responders(&self, ca: &CaId) -> Vec<String> {
        if !self.is_ocsp_on {
            return Vec::new();
        }
        self.each(|base| format!("{base}/ocsp/{ca}"))
    }

    /// Whether what is signed says where OCSP responders are.
    pub fn is_ocsp_on(&self) -> bool {
        self.is_ocsp_on
    }

    /// Whether anything is told to be anywhere.
    pub fn is_empty(&self) -> bool {
        self.bases.is_empty()
    }

    /// What a certificate that `issuer` signs says of it; `shard` is its place in the issuer's CRL, 0 when
    /// the CRL is whole.
    pub fn publication(&self, issuer: &CaId, shard: u32) -> Publication {
        Publication {
            crls: self.crls(issuer, shard),
            issuers: self.certificates(issuer),
            ocsp: self.responders(issuer),
        }
    }

    fn each(&self, address: impl Fn(&str) -> String) -> Vec<String> {
        self.bases.iter().map(|base| address(base)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_gives_an_address() {
        let ca = CaId::parse(&"0a".repeat(16)).unwrap();
        let bases = ["http://a/".to_owned(), "http://b:8/pki".to_owned()];
        let told = PublicAddresses::new(bases.clone(), true).publication(&ca, 3);
        assert_eq!(
            told.crls,
            [
                format!("http://a/crl/{ca}/3.crl"),
                format!("http://b:8/pki/crl/{ca}/3.crl")
            ]
        );
        assert_eq!(told.issuers[0], format!("http://a/ca/{ca}.cer"));
        assert_eq!(told.ocsp[1], format!("http://b:8/pki/ocsp/{ca}"));
        assert!(PublicAddresses::new(bases, false).responders(&ca).is_empty());
        assert_eq!(
            PublicAddresses::default().publication(&ca, 0),
            Publication::default()
        );
    }
}
