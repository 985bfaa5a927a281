//! Bytes as a revocation list: refused, or all of its entries can be read.

use provost_pki::crl::Crl;

pub(crate) fn run(data: &[u8]) {
    let _ = Crl::from_file_bytes(data);
    let Ok(list) = Crl::from_der(data) else {
        return;
    };
    assert_eq!(list.der(), data, "the list is kept as it came");
    assert_eq!(list.entries().count(), list.len(), "every entry reads back");
    let _ = list.issuer_display();
    let _ = list.number();
    let _ = list.number_hex();
    let _ = list.part();
    let _ = list.authority_key_id();
    for entry in list.entries().take(4) {
        if let Some(serial) = entry.serial {
            assert!(list.entry(&serial).is_some());
        }
    }
}
