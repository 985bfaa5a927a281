/// A text of somebody else's, fit to be stored and shown: control characters (a NUL is not taken by
/// PostgreSQL) but newline and tab become spaces, and it ends after `most` characters.
pub fn foreign_text(text: &str, most: usize) -> String {
    let shown = |c: char| {
        if c.is_control() && !matches!(c, '\n' | '\t') {
            ' '
        } else {
            c
        }
    };
    text.chars().take(most).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_what_is_too_long_do_not_pass() {
        assert_eq!(foreign_text("a\0b\x1b[1m\r\n\tä", 100), "a b [1m \n\tä");
        assert_eq!(foreign_text("ääää", 3), "äää");
    }
}
