use const_oid::ObjectIdentifier;

use crate::encode::{self, SEQUENCE};
use crate::issue::build::{key_id, sealed};
use crate::issue::{IssueError, Profile, Signer, SubjectName};

/// `extensionRequest` (RFC 2985 5.4.2).
pub(crate) const EXTENSION_REQUEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.14");

/// Makes a signing request in DER (RFC 2986) for a subject and a key.
///
/// With `wanted`, the request asks for that profile's extensions, the key identifier among them;
/// without, for none, as devices' requests do.
///
/// # Errors
/// What cannot be written, and what the signer says.
pub fn certification_request(
    subject: &SubjectName,
    signer: &dyn Signer,
    wanted: Option<&Profile>,
) -> Result<Vec<u8>, IssueError> {
    let public_key = signer.public_key_der()?;
    let attributes = match wanted {
        None => Vec::new(),
        Some(profile) => {
            let extensions = profile.extensions(&key_id(&public_key)?, None)?;
            let extensions = encode::tlv(SEQUENCE, &[&extensions]);
            let values = encode::tlv(encode::SET, &[&extensions]);
            encode::tlv(SEQUENCE, &[&encode::oid(EXTENSION_REQUEST), &values])
        }
    };
    let info = encode::tlv(
        SEQUENCE,
        &[
            &encode::unsigned(&[0]),
            subject.der(),
            &public_key,
            &encode::tlv(encode::context(0), &[&attributes]),
        ],
    );
    sealed(&info, signer)
}
