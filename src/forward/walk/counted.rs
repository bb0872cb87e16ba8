//! Which rules' counters a packet moves: what `iptables-save -c` and `nft list ruleset` tell of it afterwards.

use std::sync::{Arc, Mutex, PoisonError};

use super::super::hooks::RuleAt;
use super::super::topology::PlaceId;
use crate::state::netfilter::{Dialect, Family};

/// A rule by its place in its chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RuleNumber {
    pub place: PlaceId,
    pub dialect: Dialect,
    pub family: Family,
    pub table: Box<str>,
    pub chain: Box<str>,
    /// From 0 on.
    pub rule: usize,
}

/// What a packet moved by now.
#[derive(Debug, Clone, Default)]
pub struct Counted {
    /// Once for each time, in order; of what may be decided in more than one way, only what is common to all.
    pub surely: Vec<RuleNumber>,
    all: Arc<Mutex<Vec<RuleNumber>>>,
}

impl PartialEq for Counted {
    /// It says nothing of where a packet is.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Counted {}

impl Counted {
    /// Those that any copy of the packet or of its answers may have moved, by now.
    pub fn maybe(&self) -> Vec<RuleNumber> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For the answer.
    pub(super) fn answer(&self) -> Self {
        Self {
            surely: Vec::new(),
            all: Arc::clone(&self.all),
        }
    }

    pub(super) fn add(&mut self, place: PlaceId, surely: &[RuleAt], maybe: &[RuleAt]) {
        let number = |at: &RuleAt| {
            let rule = at.rule?;
            let mut rules = at.chain.rules.iter();
            Some(RuleNumber {
                place,
                dialect: at.dialect,
                family: at.table.family,
                table: at.table.name.clone(),
                chain: at.chain.name.clone(),
                rule: rules.position(|other| std::ptr::eq(other, rule))?,
            })
        };
        self.surely.extend(surely.iter().filter_map(number));
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(maybe.iter().filter_map(number));
    }
}
