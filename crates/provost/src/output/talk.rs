use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A line of talk on stderr. Nobody reading it is no reason to fail.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A warning on stderr.
pub fn warn(text: &str) {
    say(&format!("warning: {text}"));
}

/// A progress bar on stderr; invisible when that is no terminal.
pub fn bar(total: u64, what: &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg:<12} {bar:30} {pos}/{len}  {per_sec}  {eta} left");
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.with_message(what)
}

/// A sign of life on stderr for work without a known end.
pub fn spinner(what: &'static str) -> ProgressBar {
    let spinner = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_message(what);
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
