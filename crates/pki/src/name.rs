use std::fmt::Write;

use const_oid::ObjectIdentifier;
use const_oid::db::{rfc3280, rfc4519};
use der::asn1::AnyRef;
use der::{Decode, Encode, Reader, SliceReader, Tag, Tagged};
use provost_model::UpperHex;

/// One attribute of a name, e.g. `CN=device-7`.
struct Attribute<'a> {
    kind: ObjectIdentifier,
    value: AnyRef<'a>,
}

/// A distinguished name as written: RDNs in encoding order, each one or more attributes.
type Rdns<'a> = Vec<Vec<Attribute<'a>>>;

/// Bounds what a hostile name can make us allocate.
const MAX_ATTRIBUTES: usize = 64;

/// Reads a Name (RFC 5280 4.1.2.4) leniently: any string type, any order inside a set.
fn parse(name_der: &[u8]) -> der::Result<Rdns<'_>> {
    let mut outer = SliceReader::new(name_der)?;
    let mut count = 0;
    let rdns = outer.sequence::<_, _, der::Error>(|reader| {
        let mut rdns = Vec::new();
        while !reader.is_finished() {
            let set = AnyRef::decode(reader)?;
            set.tag().assert_eq(Tag::Set)?;
            let rdn = attributes(set.value())?;
            count += rdn.len();
            if rdn.is_empty() || count > MAX_ATTRIBUTES {
                return Err(Tag::Set.length_error().into());
            }
            rdns.push(rdn);
        }
        Ok(rdns)
    })?;
    outer.finish()?;
    Ok(rdns)
}

fn attributes(set_value: &[u8]) -> der::Result<Vec<Attribute<'_>>> {
    let mut reader = SliceReader::new(set_value)?;
    let mut attributes = Vec::with_capacity(1);
    while !reader.is_finished() {
        attributes.push(reader.sequence(|reader| {
            Ok::<_, der::Error>(Attribute {
                kind: ObjectIdentifier::decode(reader)?,
                value: AnyRef::decode(reader)?,
            })
        })?);
    }
    Ok(attributes)
}

/// Whether the bytes are a well-formed name.
pub(crate) fn check(name_der: &[u8]) -> der::Result<()> {
    parse(name_der).map(drop)
}

/// The most specific common name: the last one encoded, which is the first one displayed.
pub(crate) fn common_name(name_der: &[u8]) -> der::Result<Option<String>> {
    Ok(parse(name_der)?
        .iter()
        .flatten()
        .rfind(|attribute| attribute.kind == rfc4519::COMMON_NAME)
        .and_then(|attribute| text(attribute.value)))
}

/// Every common name, `None` for one that is not text.
pub(crate) fn common_names(name_der: &[u8]) -> der::Result<Vec<Option<String>>> {
    Ok(parse(name_der)?
        .iter()
        .flatten()
        .filter(|attribute| attribute.kind == rfc4519::COMMON_NAME)
        .map(|attribute| text(attribute.value))
        .collect())
}

/// Whether two names are the same to people: same attributes in the same order, texts compared without
/// regard to case, string type and blanks more than one (RFC 5280 7.1, in the spirit of RFC 4518).
///
/// For comparing what a CA made of what it was asked for. Paths are built byte for byte.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    let (Ok(one), Ok(other)) = (parse(one), parse(other)) else {
        return false;
    };
    let folded = |rdns: &Rdns<'_>| -> Vec<Vec<(ObjectIdentifier, String)>> {
        rdns.iter()
            .map(|rdn| {
                let mut attributes: Vec<_> = rdn.iter().map(folded).collect();
                attributes.sort_unstable();
                attributes
            })
            .collect()
    };
    folded(&one) == folded(&other)
}

/// What of an attribute counts; a value that is not text counts as its bytes.
fn folded(attribute: &Attribute<'_>) -> (ObjectIdentifier, String) {
    let folded = match text(attribute.value) {
        Some(value) => value
            .to_lowercase()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" "),
        None => format!("#{:?}", attribute.value.value()),
    };
    (attribute.kind, folded)
}

/// The X.500 display: most specific first, `, ` between, ` + ` inside a multi-valued RDN
/// (dps-service-api.md 3.4). Values with special characters are quoted, quotes doubled.
/// Empty for an empty or malformed name.
pub(crate) fn display(name_der: &[u8]) -> String {
    let mut shown = String::new();
    for rdn in parse(name_der).unwrap_or_default().iter().rev() {
        for (index, attribute) in rdn.iter().enumerate() {
            match (index, shown.is_empty()) {
                (0, true) => {}
                (0, false) => shown.push_str(", "),
                _ => shown.push_str(" + "),
            }
            show(&mut shown, attribute);
        }
    }
    shown
}

fn show(shown: &mut String, attribute: &Attribute<'_>) {
    match short_name(attribute.kind) {
        Some(name) => shown.push_str(name),
        // Writing to a String cannot fail.
        None => drop(write!(shown, "OID.{}", attribute.kind)),
    }
    shown.push('=');
    let Some(value) = text(attribute.value) else {
        shown.push('#');
        let der = attribute.value.to_der().unwrap_or_default();
        let _ = write!(shown, "{}", UpperHex(&der));
        return;
    };
    let special = value.contains([',', '+', '=', '"', '\n', '\r', '<', '>', '#', ';']);
    if special || value.starts_with(' ') || value.ends_with(' ') || value.is_empty() {
        let _ = write!(shown, "\"{}\"", value.replace('"', "\"\""));
    } else {
        shown.push_str(&value);
    }
}

/// The short names .NET shows, since that is what Azure answers with (`S`, `E`).
fn short_name(kind: ObjectIdentifier) -> Option<&'static str> {
    Some(match kind {
        rfc4519::COMMON_NAME => "CN",
        rfc4519::ORGANIZATIONAL_UNIT_NAME => "OU",
        rfc4519::ORGANIZATION_NAME => "O",
        rfc4519::LOCALITY_NAME => "L",
        rfc4519::ST => "S",
        rfc4519::COUNTRY_NAME => "C",
        rfc4519::STREET => "STREET",
        rfc4519::SERIAL_NUMBER => "SERIALNUMBER",
        rfc4519::DOMAIN_COMPONENT => "DC",
        rfc4519::TITLE => "T",
        rfc4519::GIVEN_NAME => "G",
        rfc4519::SN => "SN",
        rfc4519::UID => "UID",
        rfc3280::EMAIL_ADDRESS => "E",
        _ => return None,
    })
}

/// A directory string of any type; `None` when the bytes are not of the type they claim.
fn text(value: AnyRef<'_>) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::Ia5String | Tag::NumericString | Tag::VisibleString => {
            std::str::from_utf8(bytes).ok().map(str::to_owned)
        }
        // In the field a TeletexString is Latin-1.
        Tag::TeletexString => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString if bytes.len().is_multiple_of(2) => {
            let units = bytes.chunks_exact(2).map(|pair| match pair {
                [high, low] => u16::from_be_bytes([*high, *low]),
                _ => 0,
            });
            char::decode_utf16(units).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}
