//! How much the memory of this process grows; where the kernel does not say, nothing is known.

use std::fs;

/// Forgets the highest mark and returns where the process stands now, in kB.
pub(crate) fn reset() -> Option<u64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    status("VmRSS:")
}

/// How far the highest mark since is above `before`, in kB.
pub(crate) fn growth(before: u64) -> Option<u64> {
    Some(status("VmHWM:")?.saturating_sub(before))
}

fn status(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}
