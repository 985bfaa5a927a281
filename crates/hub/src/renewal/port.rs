use std::future::Future;
use std::pin::Pin;

use provost_model::Assignment;
use provost_model::registry::{CertificateRefusal, CertificateRequest, Completion, PreparedCertificate};
use provost_store::{StoreError, WriteTx};

/// What an issuer answers, in its time.
pub type IssuerFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who issues certificates to devices: declared here by the caller, implemented by the program.
pub trait CertificateIssuer: Send + Sync {
    /// Checks a request and has the certificate signed. Nobody has it until it is completed.
    fn prepare<'a>(
        &'a self,
        request: &'a CertificateRequest,
    ) -> IssuerFuture<'a, Result<PreparedCertificate, CertificateRefusal>>;

    /// Issues it, in the transaction that hands it out. With anything but [`Completion::Issued`] the
    /// transaction must not commit.
    ///
    /// # Errors
    /// [`StoreError`].
    fn complete(
        &self,
        tx: &WriteTx<'_>,
        prepared: &PreparedCertificate,
        at: &Assignment,
    ) -> Result<Completion, StoreError>;
}
