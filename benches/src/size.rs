//! The size of the benchmarks.

/// The number of rows and of rounds.
#[derive(Clone, Debug)]
pub struct Size {
    /// Posts that are never archived, with four comments each.
    pub(crate) background: i64,
    /// Posts that were archived before, with four comments each.
    pub(crate) archived: i64,
    /// The archivals beside which small moves are measured.
    pub(crate) archivals: i64,
    /// The roots that are archived and restored in batches, and the size of a batch.
    pub(crate) roots: i64,
    pub(crate) batch: u64,
    /// The rounds of a purge of as many rows.
    pub(crate) purge_rounds: usize,
    /// The posts of the small cases. Each is archived in one round.
    pub(crate) small_rounds: usize,
    /// The comments of a middling post, and the number of such posts.
    pub(crate) middling: i64,
    pub(crate) middling_rounds: usize,
    /// The comments of the large post, which is archived in every round.
    pub(crate) large: i64,
    pub(crate) large_rounds: usize,
    /// The posts of one author, with ten comments each.
    pub(crate) posts: i64,
    pub(crate) posts_rounds: usize,
    /// The rounds with latency.
    pub(crate) far_rounds: usize,
    /// The posts of the read benchmarks, and the rounds of each query.
    pub(crate) read_posts: i64,
    pub(crate) read_rounds: usize,
    /// The identities that change, and the number of changes.
    pub(crate) departments: i64,
    pub(crate) change_rounds: usize,
    /// The versions of one identity, those of the bulk load, and the number of audit rows.
    pub(crate) versions: i64,
    pub(crate) version_at_rounds: usize,
    pub(crate) join_rounds: usize,
    pub(crate) load_rounds: usize,
    /// The rows of the audited table, and the rounds of changes: in batches, all at once, first in a session,
    /// and by an archive.
    pub(crate) audited: i64,
    pub(crate) audit_rounds: usize,
    pub(crate) audit_bulk_rounds: usize,
    pub(crate) audit_sessions: usize,
    pub(crate) audit_archives: usize,
    /// The versions of the rows that are read as they were, and the rounds of each.
    pub(crate) as_of_versions: [i64; 3],
    pub(crate) as_of_rounds: usize,
}

impl Size {
    /// The size for measurements. It takes about eleven minutes.
    pub const FULL: Self = Self {
        background: 5_000,
        archived: 5_000,
        archivals: 400_000,
        roots: 1_000_000,
        batch: 10_000,
        purge_rounds: 3,
        small_rounds: 200,
        middling: 1_000,
        middling_rounds: 25,
        large: 100_000,
        large_rounds: 5,
        posts: 1_000,
        posts_rounds: 7,
        far_rounds: 100,
        read_posts: 200_000,
        read_rounds: 31,
        departments: 100,
        change_rounds: 400,
        versions: 100_000,
        version_at_rounds: 300,
        join_rounds: 5,
        load_rounds: 3,
        audited: 100_000,
        audit_rounds: 60,
        audit_bulk_rounds: 3,
        audit_sessions: 9,
        audit_archives: 15,
        as_of_versions: [10, 1_000, 100_000],
        as_of_rounds: 200,
    };

    /// Checks only that the benchmarks run. It takes some seconds.
    pub const QUICK: Self = Self {
        background: 100,
        archived: 20,
        archivals: 200,
        roots: 1_000,
        batch: 100,
        purge_rounds: 1,
        small_rounds: 3,
        middling: 100,
        middling_rounds: 2,
        large: 1_000,
        large_rounds: 1,
        posts: 20,
        posts_rounds: 1,
        far_rounds: 3,
        read_posts: 2_000,
        read_rounds: 3,
        departments: 10,
        change_rounds: 3,
        versions: 1_000,
        version_at_rounds: 3,
        join_rounds: 1,
        load_rounds: 1,
        audited: 1_000,
        audit_rounds: 2,
        audit_bulk_rounds: 1,
        audit_sessions: 1,
        audit_archives: 1,
        as_of_versions: [10, 100, 1_000],
        as_of_rounds: 3,
    };
}
