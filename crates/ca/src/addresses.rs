use provost_model::registry::CaId;
use provost_pki::issue::Publication;

/// Where CRLs and certificates of CAs are published: written into what they sign, for ever.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublicationAddresses {
    /// `http://host[:port]` without a slash at the end, the first one first in certificates; none writes
    /// no addresses.
    pub bases: Vec<String>,
    /// Whether an OCSP responder answers below the same addresses.
    pub ocsp: bool,
}

impl PublicationAddresses {
    /// What a certificate signed by this CA says: where the CRL part it would stand in is, and where the
    /// CA's own certificate.
    pub fn of(&self, issuer: &CaId, shards: u32, shard: u32) -> Publication {
        let each =
            |path: String| -> Vec<String> { self.bases.iter().map(|base| format!("{base}{path}")).collect() };
        Publication {
            crls: each(Self::crl_path(issuer, shards, shard)),
            issuers: each(format!("/cacerts/{issuer}.cer")),
            ocsp: if self.ocsp {
                each(format!("/ocsp/{issuer}"))
            } else {
                Vec::new()
            },
        }
    }

    /// The path of a CRL: one whole one has no part in its name.
    pub fn crl_path(ca: &CaId, shards: u32, shard: u32) -> String {
        if shards > 1 {
            format!("/crls/{ca}/{shard}.crl")
        } else {
            format!("/crls/{ca}.crl")
        }
    }
}
