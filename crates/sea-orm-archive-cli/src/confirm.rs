//! Questions before something changes.

use std::io::{IsTerminal, Write};

use crate::failure::Failure;

/// Prints what would happen, and asks, unless the caller has answered with `--yes`.
pub(crate) fn confirm(plan: &str, question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    eprintln!("{plan}");
    if !std::io::stdin().is_terminal() {
        return Err(Failure::NobodyToAsk);
    }
    eprint!("{question} [y/N] ");
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    match std::io::stdin().read_line(&mut line) {
        Ok(_) if matches!(line.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::Declined),
    }
}
