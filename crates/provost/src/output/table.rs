use comfy_table::{ContentArrangement, Table, TableStyle, presets};
use serde_json::{Map, Value};

/// A column of a list: its title and the JSON pointer (RFC 6901) of its cell.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    pointer: &'static str,
}

impl Column {
    /// A column.
    pub const fn new(title: &'static str, pointer: &'static str) -> Self {
        Self { title, pointer }
    }
}

/// A list as columns; empty when there is nothing, so that a pipe sees nothing.
pub fn list_table(values: &[Value], columns: &[Column]) -> String {
    if values.is_empty() {
        return String::new();
    }
    let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
    let rows = values
        .iter()
        .map(|value| {
            let cell = |column: &Column| value.pointer(column.pointer).map_or_else(String::new, cell_text);
            columns.iter().map(cell).collect()
        })
        .collect();
    rows_table(&titles, rows)
}

/// A list with a column for each member any of its documents has, in order of appearance.
pub fn members_table(values: &[Value]) -> String {
    let mut titles: Vec<&str> = Vec::new();
    for name in values.iter().filter_map(Value::as_object).flat_map(Map::keys) {
        if !titles.contains(&name.as_str()) {
            titles.push(name);
        }
    }
    if titles.is_empty() {
        return String::new();
    }
    let row = |value: &Value| {
        let cell = |name: &&str| value.get(*name).map_or_else(String::new, cell_text);
        titles.iter().map(cell).collect()
    };
    rows_table(&titles, values.iter().map(row).collect())
}

/// A document as two columns, inner objects by their path (`attestation.type`), lists as JSON. The
/// `$metadata` of twins repeats every property with its dates; it is left to JSON.
pub fn object_table(value: &Value) -> String {
    let mut rows = Vec::new();
    flatten("", value, &mut rows);
    let mut table = bare();
    for (name, text) in rows {
        table.add_row(vec![name, text]);
    }
    print(table)
}

/// Titles and rows of text as columns.
pub fn rows_table(titles: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = bare();
    table.set_header(titles.iter().map(|title| title.to_uppercase()));
    for row in rows {
        table.add_row(row);
    }
    print(table)
}

fn bare() -> Table {
    let mut table = Table::new();
    let style: TableStyle = presets::NOTHING;
    table.load_style(style);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Two spaces between columns, none around them.
fn print(mut table: Table) -> String {
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

fn flatten(path: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members.iter().filter(|(name, _)| *name != "$metadata") {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flatten(&path, member, rows);
            }
        }
        // What a document does not say needs no line.
        Value::Null => {}
        Value::Object(_) if !path.is_empty() => {}
        other => rows.push((path.to_owned(), cell_text(other))),
    }
}

/// Without the control characters a device or caller may have put into a text: they could rewrite
/// what the terminal shows.
fn cell_text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_show_chosen_members_in_columns() {
        let values = [
            json!({"registrationId": "press-1", "attestation": {"type": "x509"}}),
            json!({"registrationId": "press-22", "attestation": {"type": "symmetricKey"}, "n": 3}),
        ];
        let columns = [
            Column::new("id", "/registrationId"),
            Column::new("attestation", "/attestation/type"),
            Column::new("n", "/n"),
        ];
        let table = list_table(&values, &columns);
        let lines: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert!(table.starts_with("ID "), "{table}");
        assert_eq!(lines[0], ["ID", "ATTESTATION", "N"]);
        assert_eq!(lines[1], ["press-1", "x509"]);
        assert_eq!(lines[2], ["press-22", "symmetricKey", "3"]);
    }

    #[test]
    fn members_of_all_documents_are_columns() {
        let table = members_table(&[json!({"a": 1}), json!({"b": {"c": 2}, "a": "x"})]);
        let lines: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines, [vec!["A", "B"], vec!["1"], vec!["x", "{\"c\":2}"]]);
        assert_eq!(members_table(&[]), "");
    }

    #[test]
    fn an_empty_list_prints_nothing() {
        assert_eq!(list_table(&[], &[Column::new("id", "/id")]), "");
    }

    #[test]
    fn documents_are_flattened_without_nulls() {
        let table =
            object_table(&json!({"a": {"b": 1, "c": null, "e": {}, "$metadata": {"b": 2}}, "d": [1, "x"]}));
        let lines: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(lines, [vec!["a.b", "1"], vec!["d", "[1,\"x\"]"]]);
    }

    #[test]
    fn cells_cannot_steer_the_terminal() {
        assert_eq!(cell_text(&json!("a\u{1b}[2Jb")), "a [2Jb");
    }
}
