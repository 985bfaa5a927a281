use crate::json::{self, BodyError, Members};

/// Reads the body of a query, `{"query":"…"}` (iot-hub-service-api.md 8.1).
///
/// # Errors
/// [`BodyError`] for anything but an object with the text in it.
pub fn parse_query_request(body: &[u8]) -> Result<String, BodyError> {
    let value = json::parse(body)?;
    Members::root(&value)?.required("query", |text| Ok::<_, &'static str>(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_needed() {
        assert_eq!(
            parse_query_request(br#"{"query":"SELECT 1"}"#).unwrap(),
            "SELECT 1"
        );
        for body in ["", "[]", "{}", r#"{"query":null}"#, r#"{"query":5}"#, "{"] {
            assert!(parse_query_request(body.as_bytes()).is_err(), "{body}");
        }
    }
}
