//! Any text as a query or condition: refused with a place inside it, or read, planned, asked of a row and
//! printed so that it is read back the same.

use std::fmt::Debug;

use provost_wire::hub::query::{QueryError, parse_condition, parse_query, print_condition, print_query};
use serde_json::json;

/// Printed with brackets round everything, a text may be deeper than what may be read.
fn read_again<T: PartialEq + Debug>(again: Result<T, QueryError>, first: &T, printed: &str) {
    match again {
        Ok(again) => assert_eq!(again, *first, "{printed}"),
        Err(error) => assert!(error.message.contains("levels"), "{error}: {printed}"),
    }
}

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let row = json!({"deviceId": "d", "tags": {"a": 1, "b": {"c": "x"}}, "properties": {"reported": {"v": [true, null]}}});
    match parse_condition(text) {
        Err(error) => assert!(error.position >= 1 && error.position <= text.chars().count() + 1),
        Ok(condition) => {
            let _ = condition.matches(&row);
            let _ = condition.plan();
            let printed = print_condition(&condition);
            if printed.chars().count() <= 8192 {
                read_again(parse_condition(&printed), &condition, &printed);
            }
        }
    }
    match parse_query(text) {
        Err(error) => assert!(error.position >= 1 && error.position <= text.chars().count() + 1),
        Ok(query) => {
            let printed = print_query(&query);
            if printed.chars().count() <= 8192 {
                read_again(parse_query(&printed), &query, &printed);
            }
        }
    }
}
