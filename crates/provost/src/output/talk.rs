use std::fmt;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// A line of talk on stderr. Nobody reading it is no reason to fail.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A warning on stderr.
pub fn warn(text: &str) {
    say(&format!("warning: {text}"));
}

/// Asks on a terminal; where nobody can answer, nothing is confirmed.
pub fn confirmed(question: &str) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// A progress bar on stderr; invisible when that is no terminal.
pub fn bar(total: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg:<12} {bar:30} {pos}/{len}  {rate}  {eta} left");
    if let Ok(style) = style {
        let style = style.with_key("rate", |state: &ProgressState, text: &mut dyn fmt::Write| {
            // Writing to the bar's own text cannot fail.
            let _ = write!(text, "{:.0}/s", state.per_sec());
        });
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_message(what)
}

/// A line on stderr that is written over and over; hidden when that is no terminal.
pub fn spinner() -> ProgressBar {
    let line = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{elapsed_precise} {msg}") {
        line.set_style(style);
    }
    line
}
