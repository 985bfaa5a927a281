//! A line of an exported audit log: refused, or an event that writes itself down again as it was read.

use provost_wire::own::AuditEventView;

pub(crate) fn run(data: &[u8]) {
    let Ok(event) = serde_json::from_slice::<AuditEventView>(data) else {
        return;
    };
    let line = serde_json::to_string(&event).expect("an event can be written");
    let again: AuditEventView = serde_json::from_str(&line).expect("and read again");
    assert_eq!(again, event);
}
