//! The block of a page that a run writes anew.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const BEGIN: &str = "<!-- begin: written by `make bench` -->\n";
const END: &str = "<!-- end: written by `make bench` -->\n";

/// Replaces what stands between the markers of a file.
pub(crate) fn write_block(path: &Path, text: &str) -> Result<()> {
    let old = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let new = replace_block(&old, text).with_context(|| format!("{} has no markers", path.display()))?;
    Ok(fs::write(path, new)?)
}

fn replace_block(old: &str, text: &str) -> Option<String> {
    let (before, rest) = old.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{text}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_block_is_replaced() {
        let old = format!("a\n{BEGIN}old\n{END}b\n");
        assert_eq!(
            replace_block(&old, "new\n").unwrap(),
            format!("a\n{BEGIN}new\n{END}b\n")
        );
        assert_eq!(replace_block("no markers", "new\n"), None);
    }
}
