//! Method, path and query of a stranger: each service finds an operation or refuses.

use provost_wire::{arm, dps, hub, own};

const METHODS: [&str; 6] = ["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"];

pub(crate) fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    let method = METHODS[usize::from(*first) % METHODS.len()];
    let (path, query) = text.split_once('?').unwrap_or((text, ""));
    let _ = dps::device::parse_route(method, path, query);
    let _ = dps::service::parse_route(method, path, query);
    let _ = hub::service::parse_route(method, path, query);
    let _ = arm::parse_route(method, path, query);
    let _ = own::parse_route(method, path, query);
}
