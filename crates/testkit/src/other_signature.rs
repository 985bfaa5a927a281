/// The order of the group of P-256, in hexadecimal digits (SEC 2 2.4.2).
const P256: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
/// That of P-384 (SEC 2 2.5.1).
const P384: &str =
    "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";

/// The same certificate as anybody can write it who has it: of an ECDSA signature (r, s) the pair (r, n - s) is
/// as good, and the thumbprint is another one. For P-256 with SHA-256 and P-384 with SHA-384.
pub fn with_other_signature(certificate: &[u8]) -> Vec<u8> {
    let (_, body, _) = element(certificate);
    let (tbs, _, rest) = element(body);
    let (algorithm, _, rest) = element(rest);
    let (_, bits, _) = element(rest);
    let (_, pair, _) = element(&bits[1..]);
    let (r, _, rest) = element(pair);
    let (_, s, _) = element(rest);
    let order = if algorithm.ends_with(&[4, 3, 2]) {
        P256
    } else {
        P384
    };
    let other = encoded(2, &integer(&difference(order, s)));
    let signature = encoded(0x30, &[r, other.as_slice()].concat());
    let bits = encoded(3, &[&[0], signature.as_slice()].concat());
    encoded(0x30, &[tbs, algorithm, bits.as_slice()].concat())
}

/// A whole element, its content, and what follows it.
fn element(der: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (header, length) = match der[1] {
        short if short < 0x80 => (2, usize::from(short)),
        0x81 => (3, usize::from(der[2])),
        _ => (4, usize::from(u16::from_be_bytes([der[2], der[3]]))),
    };
    let end = header + length;
    (&der[..end], &der[header..end], &der[end..])
}

fn encoded(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).expect("short").to_be_bytes();
    let length = match (high, low) {
        (0, low) if low < 0x80 => vec![low],
        (0, low) => vec![0x81, low],
        (high, low) => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), content].concat()
}

fn difference(order: &str, number: &[u8]) -> Vec<u8> {
    let digits = |place: usize| u8::from_str_radix(&order[place..place + 2], 16).expect("digits");
    let order: Vec<u8> = (0..order.len()).step_by(2).map(digits).collect();
    let mut borrowed = 0;
    let mut bytes: Vec<u8> = (0..order.len())
        .map(|place| {
            let taken = number.len().checked_sub(place + 1).map_or(0, |at| number[at]);
            let wanted = i16::from(order[order.len() - 1 - place]) - i16::from(taken) - borrowed;
            borrowed = i16::from(wanted < 0);
            u8::try_from(wanted.rem_euclid(256)).expect("a byte")
        })
        .collect();
    bytes.reverse();
    bytes
}

/// Content of a positive INTEGER.
fn integer(number: &[u8]) -> Vec<u8> {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(0);
    let sign: &[u8] = if number[start] < 0x80 { &[] } else { &[0] };
    [sign, &number[start..]].concat()
}
