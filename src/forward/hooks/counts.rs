//! Counters of rules: when they move.

use super::Passed;
use crate::state::netfilter::{Dialect, Statement};

/// Whether the rule's counter moves when a packet comes to the statement: iptables counts behind all matches, nft where
/// the counter stands.
pub(super) const fn is_counted(dialect: Dialect, statement: &Statement) -> bool {
    match statement {
        Statement::Counter(_) => true,
        Statement::Match(_)
        | Statement::IpSet(_)
        | Statement::Stateful(_)
        | Statement::RpFilter { .. }
        | Statement::Socket { .. }
        | Statement::Comment(_)
        | Statement::Extension(_)
        | Statement::Unknown { acts: false, .. } => false,
        _ => !matches!(dialect, Dialect::Nft),
    }
}

impl Passed<'_> {
    /// Of two results that come to the same, what is counted in both is counted for sure.
    pub(super) fn count_with(&mut self, other: Self) {
        let mut theirs = other.counted;
        let (both, one): (Vec<_>, Vec<_>) = std::mem::take(&mut self.counted).into_iter().partition(|rule| {
            let found = theirs.iter().position(|other| other == rule);
            found.map(|at| theirs.swap_remove(at)).is_some()
        });
        self.counted = both;
        self.maybe.extend(one);
        self.maybe.extend(theirs);
        self.maybe.extend(other.maybe);
        self.repeats |= other.repeats;
    }
}
