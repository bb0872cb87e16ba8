//! Matches that one packet alone doesn't decide.

use super::recent;
use super::run::Run;
use crate::state::netfilter::Stateful;

impl Run<'_, '_, '_> {
    /// Chance goes both ways; limits are not reached by one packet. None where nobody knows.
    pub(super) fn stateful(&mut self, stateful: &Stateful) -> Option<bool> {
        let mut chance = |share: f64, repeats| {
            let of_way = |way| if way == 0 { share } else { 1.0 - share };
            self.choices.among(2, of_way, repeats) == 0
        };
        Some(match stateful {
            Stateful::Random { negated, probability } => {
                chance(f64::from(*probability) / f64::from(1_u32 << 31), false) != *negated
            }
            Stateful::Nth { negated, every, .. } => {
                chance(1.0 / f64::from((*every).max(1)), true) != *negated
            }
            Stateful::Limit(limit) => !limit.over,
            Stateful::CtCount { over, .. } => !over,
            Stateful::HashLimit { options } => !options.contains("above"),
            Stateful::ConnLimit { options } => options.contains("upto"),
            Stateful::Recent { options } => {
                let masks = self.hooks.recent();
                return recent::holds(&mut self.call, masks, options);
            }
            Stateful::Quota { .. } => true,
            Stateful::ConnBytes { .. } | Stateful::Time { .. } | Stateful::Last => return None,
        })
    }
}
