//! Several certificates in one column: each DER behind its length in four bytes, big-endian.

use provost_model::CertificateDer;

pub(super) fn join(certificates: &[CertificateDer]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for CertificateDer(der) in certificates {
        // A certificate is never so long; a shorter length would be found out when it is read.
        let length = u32::try_from(der.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(der);
    }
    bytes
}

pub(super) fn split(mut bytes: &[u8]) -> Option<Vec<CertificateDer>> {
    let mut certificates = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (der, rest) = rest.split_at_checked(length)?;
        certificates.push(CertificateDer(der.to_vec()));
        bytes = rest;
    }
    Some(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_read_back_and_a_cut_column_does_not() {
        let certificates = vec![CertificateDer(vec![1, 2, 3]), CertificateDer(vec![4])];
        let bytes = join(&certificates);
        assert_eq!(split(&bytes), Some(certificates));
        assert_eq!(split(&bytes[..bytes.len() - 1]), None);
        assert_eq!(split(&[]), Some(Vec::new()));
    }
}
