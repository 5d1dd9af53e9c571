//! Questions before something changes.

use std::io::IsTerminal;

use crate::answer::{printable, write};
use crate::failure::Failure;

/// Prints what would happen, and asks, unless the caller has answered with `--yes`.
pub(crate) async fn confirm(plan: &str, question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let mut err = std::io::stderr();
    let _ = write(&mut err, &format!("{}\n", printable(plan)));
    if !std::io::stdin().is_terminal() {
        return Err(Failure::NobodyToAsk);
    }
    let _ = write(&mut err, &format!("{} [y/N] ", printable(question)));
    // On a thread of its own: Ctrl-C is noticed while it waits.
    let read = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    match read.await {
        Ok(Ok(line)) if matches!(line.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Failure::Declined),
    }
}
