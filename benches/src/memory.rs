//! The growth of the memory of this process, if the kernel reports it.

use std::fs;

/// Resets the peak of the resident memory, and returns the current value in kB.
pub(crate) fn reset() -> Option<u64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    status("VmRSS:")
}

/// How far the peak since the reset is above `before`, in kB.
pub(crate) fn growth(before: u64) -> Option<u64> {
    Some(status("VmHWM:")?.saturating_sub(before))
}

fn status(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}
