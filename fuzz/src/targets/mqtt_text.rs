//! Text of a stranger inside MQTT packets: user names, topics, filters and property bags of both services.

use provost_wire::{dps, hub, mqtt};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = mqtt::parse_username(text);
    let _ = dps::device::parse_request(text);
    let _ = dps::device::parse_answer(text);
    let _ = hub::device::parse_topic(text);
    let _ = hub::device::parse_filter(text);
    let _ = hub::device::parse_server_topic(text);
    if let Ok(bag) = hub::device::parse_bag(text) {
        let again = hub::device::parse_bag(&hub::device::format_bag(&bag));
        assert_eq!(
            again.ok().as_ref(),
            Some(&bag),
            "a bag survives writing and reading"
        );
    }
}
