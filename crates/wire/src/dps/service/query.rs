use crate::json::{self, BodyError, Members};

const MAX_TEXT: usize = 8192;

/// Reads `QuerySpecification`, `{"query":"…"}` (dps-service-api.md 2.5). No body, null and no member
/// are the empty text; the real service accepts any text and ignores it.
pub fn parse_query(body: &[u8]) -> Result<String, BodyError> {
    let value = json::parse(body)?;
    if value.is_null() {
        return Ok(String::new());
    }
    let members = Members::root(&value)?;
    let text = members.text("query")?.unwrap_or_default();
    if text.len() > MAX_TEXT {
        return Err(members.invalid("query", format!("must have at most {MAX_TEXT} bytes")));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_clients_send() {
        for (body, text) in [
            (r#"{"query":"SELECT *"}"#, "SELECT *"),
            (r#"{"query":"*"}"#, "*"),
            (r#"{"query":null}"#, ""),
            ("{}", ""),
            ("", ""),
        ] {
            assert_eq!(parse_query(body.as_bytes()).unwrap(), text, "{body}");
        }
        assert!(parse_query(b"[]").is_err());
        assert!(parse_query(format!(r#"{{"query":"{}"}}"#, "x".repeat(8193)).as_bytes()).is_err());
    }
}
