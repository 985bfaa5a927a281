//! The extension by which a leaf says whose it is, and which generation of it
//! (certificate-management.md 2.2).

use const_oid::ObjectIdentifier;
use der::Decode;
use der::asn1::OctetStringRef;
use provost_model::registry::DeviceIdentifier;

use crate::{Certificate, encode};

/// Our own object identifier of the extension. One below 2.25 needs no registration; it is short on
/// purpose (docs/API-NOTES.md, "The identifier in a certificate").
pub const DEVICE_IDENTIFIER_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.25.1615512973.1");

/// The object identifier Azure's own leaves carry it under (certificate-management.md 2.1).
pub const AZURE_DEVICE_IDENTIFIER_OID: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.133.1.1.1");

/// How a leaf carries its device's identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IdentifierStyle {
    /// Under Azure's object identifier instead of ours.
    pub azure: bool,
    /// Marked critical, as Azure does: validators that do not know it refuse the leaf then.
    pub critical: bool,
}

impl IdentifierStyle {
    /// The object identifier it is written under.
    pub fn oid(self) -> ObjectIdentifier {
        if self.azure {
            AZURE_DEVICE_IDENTIFIER_OID
        } else {
            DEVICE_IDENTIFIER_OID
        }
    }

    /// The extension, encoded.
    pub(crate) fn extension(self, identifier: DeviceIdentifier) -> Vec<u8> {
        let value = encode::tlv(encode::OCTET_STRING, &[&identifier.to_bytes()]);
        encode::extension(self.oid(), self.critical, &value)
    }
}

impl Certificate {
    /// What the leaf says of its device, under our object identifier or Azure's, critical or not.
    ///
    /// `None` when it says nothing, when what it says is not 32 bytes in an OCTET STRING, and when
    /// two extensions of it say different things.
    pub fn device_identifier(&self) -> Option<DeviceIdentifier> {
        let read = |oid| self.extension(oid).map(parse);
        match (read(DEVICE_IDENTIFIER_OID), read(AZURE_DEVICE_IDENTIFIER_OID)) {
            (Some(one), None) | (None, Some(one)) => one,
            (Some(own), Some(azure)) if own == azure => own,
            _ => None,
        }
    }
}

/// Whether the extension is one of these two and can be read.
pub(crate) fn is_understood(oid: ObjectIdentifier, value: &[u8]) -> bool {
    matches!(oid, DEVICE_IDENTIFIER_OID | AZURE_DEVICE_IDENTIFIER_OID) && parse(value).is_some()
}

fn parse(value: &[u8]) -> Option<DeviceIdentifier> {
    DeviceIdentifier::from_bytes(<&OctetStringRef>::from_der(value).ok()?.as_bytes())
}
