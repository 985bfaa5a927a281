use provost_model::registry::CaId;
use provost_model::{
    AuthorityOwner, CertificateAuthority, CertificateDer, CertificateName, CredentialPolicyName, Etag,
    NamespaceName, Secret, SynchronizedCa, Timestamp,
};
use provost_pki::Certificate;

use crate::convert::Place;
use crate::sql::{Row, params};
use crate::{ReadTx, StoreError, WriteTx};

const COLUMNS: &str = "name, certificate, is_verified, verification_code, etag, created_at, updated_at, \
                       ca, credential_policy";

/// What a certificate is found by, each a SHA-256, computed where certificates are understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CertificateIndex {
    /// Over the subject name's DER.
    pub subject_hash: [u8; 32],
    /// Over the whole certificate's DER.
    pub thumbprint: [u8; 32],
    /// Over what was signed of it.
    pub content_hash: [u8; 32],
}

impl CertificateIndex {
    /// That of a certificate.
    pub fn of(certificate: &Certificate) -> Self {
        Self {
            subject_hash: certificate.subject_hash(),
            thumbprint: *certificate.sha256_thumbprint().as_bytes(),
            content_hash: certificate.content_sha256(),
        }
    }
}

pub(crate) fn owner_text(owner: &AuthorityOwner) -> String {
    match owner {
        AuthorityOwner::Dps(name) => format!("dps:{}", name.key()),
        AuthorityOwner::Hub(name) => format!("hub:{}", name.key()),
    }
}

impl ReadTx<'_> {
    /// One CA certificate.
    pub fn certificate_authority(
        &self,
        owner: &AuthorityOwner,
        name: &CertificateName,
    ) -> Result<Option<CertificateAuthority>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM ca_certificate WHERE owner = ?1 AND name_key = ?2");
        self.find(&sql, params![&owner_text(owner), name.key()], authority)
    }

    /// Every CA certificate of an owner, by name.
    pub fn certificate_authorities(
        &self,
        owner: &AuthorityOwner,
    ) -> Result<Vec<CertificateAuthority>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM ca_certificate WHERE owner = ?1 ORDER BY name_key");
        self.query(&sql, params![&owner_text(owner)], authority)
    }

    /// Every CA certificate of an owner whose subject has this hash, oldest first.
    pub fn certificate_authorities_by_subject(
        &self,
        owner: &AuthorityOwner,
        subject_hash: &[u8; 32],
    ) -> Result<Vec<CertificateAuthority>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM ca_certificate WHERE owner = ?1 AND subject_hash = ?2 ORDER BY created_at, name_key"
        );
        self.query(&sql, params![&owner_text(owner), subject_hash], authority)
    }
}

impl WriteTx<'_> {
    /// Stores a CA certificate, replacing one of the same name.
    pub fn put_certificate_authority(
        &self,
        owner: &AuthorityOwner,
        authority: &CertificateAuthority,
        index: &CertificateIndex,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO ca_certificate (owner, name_key, name, certificate, subject_hash, thumbprint, \
                   is_verified, verification_code, etag, created_at, updated_at, ca, credential_policy) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) \
                   ON CONFLICT (owner, name_key) DO UPDATE SET name = excluded.name, \
                   certificate = excluded.certificate, subject_hash = excluded.subject_hash, \
                   thumbprint = excluded.thumbprint, is_verified = excluded.is_verified, \
                   verification_code = excluded.verification_code, etag = excluded.etag, \
                   created_at = excluded.created_at, updated_at = excluded.updated_at, \
                   ca = excluded.ca, credential_policy = excluded.credential_policy";
        let owner_column = owner_text(owner);
        let synchronized = authority.synchronized.as_ref();
        let policy = synchronized.map(|from| format!("{}/{}", from.namespace, from.policy));
        let params = params![
            &owner_column,
            authority.name.key(),
            authority.name.as_str(),
            authority.certificate.0.as_slice(),
            &index.subject_hash,
            &index.thumbprint,
            authority.is_verified,
            authority.verification_code.as_ref().map(Secret::expose),
            authority.etag.as_str(),
            authority.created_at.as_micros(),
            authority.updated_at.as_micros(),
            synchronized.map(|from| from.ca.as_str()),
            policy.as_ref(),
        ];
        self.execute(sql, params)?;
        if let AuthorityOwner::Dps(dps) = owner {
            self.block_referred(dps, &authority.name, index)?;
        }
        self.trust_changed(owner)
    }

    /// Removes a CA certificate; `false` when there was none.
    pub fn delete_certificate_authority(
        &self,
        owner: &AuthorityOwner,
        name: &CertificateName,
    ) -> Result<bool, StoreError> {
        let sql = "DELETE FROM ca_certificate WHERE owner = ?1 AND name_key = ?2";
        let is_gone = self.execute(sql, params![&owner_text(owner), name.key()])? > 0;
        self.trust_changed(owner)?;
        Ok(is_gone)
    }

    fn trust_changed(&self, owner: &AuthorityOwner) -> Result<(), StoreError> {
        match owner {
            AuthorityOwner::Dps(dps) => self.raise_trust_version(dps),
            AuthorityOwner::Hub(_) => Ok(()),
        }
    }
}

fn authority(row: &Row<'_>) -> Result<CertificateAuthority, StoreError> {
    let name = row.text(0)?;
    let place = Place {
        table: "ca_certificate",
        key: &name,
    };
    Ok(CertificateAuthority {
        name: place.id("name", CertificateName::parse(&name))?,
        certificate: CertificateDer(row.blob(1)?),
        is_verified: row.flag(2)?,
        verification_code: row.opt_text(3)?.map(Secret::new),
        etag: Etag::from_text(&row.text(4)?),
        created_at: Timestamp::from_micros(row.int(5)?),
        updated_at: Timestamp::from_micros(row.int(6)?),
        synchronized: synchronized(place, row.opt_text(7)?, row.opt_text(8)?)?,
    })
}

fn synchronized(
    place: Place<'_>,
    ca: Option<String>,
    policy: Option<String>,
) -> Result<Option<SynchronizedCa>, StoreError> {
    let (Some(ca), Some(policy)) = (ca, policy) else {
        return Ok(None);
    };
    let wrong = || place.inconsistent("credential_policy");
    let (namespace, name) = policy.split_once('/').ok_or_else(wrong)?;
    Ok(Some(SynchronizedCa {
        ca: CaId::parse(&ca).ok_or_else(|| place.inconsistent("ca"))?,
        namespace: NamespaceName::parse(namespace).map_err(|_| wrong())?,
        policy: CredentialPolicyName::parse(name).map_err(|_| wrong())?,
    }))
}
