//! What the command line prints: data on stdout, talk on stderr.

mod table;
mod talk;

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use serde_json::Value;

pub use self::table::{Column, list_table, members_table, object_table, rows_table};
pub use self::talk::{bar, confirmed, say, spinner, warn};

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// JSON as the service answered it.
    Json,
    /// Columns for people.
    Table,
}

/// Where a verb puts its data.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    asked: Option<Format>,
    is_terminal: bool,
}

impl Output {
    /// Prints as asked; otherwise a table on a terminal and JSON into a pipe.
    pub fn new(asked: Option<Format>) -> Self {
        Self {
            asked,
            is_terminal: io::stdout().is_terminal(),
        }
    }

    /// The format of documents.
    pub fn format(self) -> Format {
        self.asked.unwrap_or(if self.is_terminal {
            Format::Table
        } else {
            Format::Json
        })
    }

    /// One document: its members line by line, or JSON.
    pub fn document(self, value: &Value) -> io::Result<()> {
        match self.format() {
            Format::Json => write_line(&pretty(value)),
            Format::Table => write_line(&object_table(value)),
        }
    }

    /// Many documents: chosen columns, or a JSON array.
    pub fn documents(self, values: &[Value], columns: &[Column]) -> io::Result<()> {
        match self.format() {
            Format::Json => write_line(&pretty(&Value::Array(values.to_vec()))),
            Format::Table => write_line(&list_table(values, columns)),
        }
    }

    /// Many documents without chosen columns: each of their members is one, inner objects as JSON.
    pub fn rows(self, values: &[Value]) -> io::Result<()> {
        match self.format() {
            Format::Json => write_line(&pretty(&Value::Array(values.to_vec()))),
            Format::Table => write_line(&members_table(values)),
        }
    }

    /// A single text, bare unless JSON was asked for by name, so that `$(…)` can take it.
    pub fn text(self, name: &str, text: &str) -> io::Result<()> {
        match self.asked {
            Some(Format::Json) => write_line(&pretty(&serde_json::json!({ name: text }))),
            _ => write_line(text),
        }
    }

    /// One line of a stream, at once.
    pub fn line(self, text: &str) -> io::Result<()> {
        write_line(text)
    }
}

/// Writes through a lock and flushes, so that a reader who left is noticed here and nowhere else.
fn write_line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if text.is_empty() {
        return stdout.flush();
    }
    writeln!(stdout, "{text}")?;
    stdout.flush()
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}
