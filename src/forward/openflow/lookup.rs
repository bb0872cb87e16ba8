//! Which rule of a table is for a packet (`classifier_lookup`).

use super::action::Action;
use super::bridge::Rule;
use super::field::Word;
use super::matching::Fit;
use super::translate::Run;

impl<'r> Run<'r, '_> {
    /// The rule with the highest priority that fits.
    pub(super) fn find(&mut self, table: u8) -> Option<&'r Rule> {
        let rules = self.bridge().tables.get(&table)?;
        let mut at = 0;
        while let Some(first) = rules.get(at) {
            let end = rules[at..]
                .iter()
                .position(|rule| rule.priority != first.priority)
                .map_or(rules.len(), |length| at + length);
            if let Some(rule) = self.of_priority(&rules[at..end], rules) {
                return Some(rule);
            }
            at = end;
        }
        None
    }

    /// Of rules with one priority, one that fits.
    fn of_priority(&mut self, rules: &'r [Rule], all: &'r [Rule]) -> Option<&'r Rule> {
        let mut fitting: Vec<&Rule> = Vec::new();
        let mut parts: Vec<(u128, u8, u8)> = Vec::new();
        for rule in rules {
            match rule.matches.fits(&self.key) {
                Fit::No => continue,
                Fit::Yes => {}
                Fit::Maybe => {
                    if self
                        .chooser
                        .unknown(format!("whether {} is for it", rule.text), 2)
                        == 0
                    {
                        continue;
                    }
                    rule.matches.assume(&mut self.key);
                }
            }
            let of_conjunction = rule.actions.iter().filter_map(|action| match action {
                Action::Conjunction { id, part, of } => Some((*id, *part, *of)),
                _ => None,
            });
            let before = parts.len();
            parts.extend(of_conjunction);
            if parts.len() == before {
                fitting.push(rule);
            }
        }
        for (id, _, of) in parts.clone() {
            let whole = (1..=of).all(|part| parts.contains(&(id, part, of)));
            let last = whole
                .then(|| {
                    let mut fitted = self.key.clone();
                    fitted.set(Word::CONJ_ID, id);
                    let of_id = |rule: &&Rule| {
                        rule.matches.conjunction() == Some(id) && rule.matches.fits(&fitted) == Fit::Yes
                    };
                    all.iter().find(of_id)
                })
                .flatten();
            if last.is_some() {
                return last;
            }
        }
        match fitting[..] {
            [] => None,
            [one] => Some(one),
            [first, ..] if fitting.iter().all(|rule| rule.actions == first.actions) => Some(first),
            _ => {
                let what = format!(
                    "which of {} rules of one priority is taken ({})",
                    fitting.len(),
                    fitting[0].text
                );
                let picked = self.chooser.unknown(what, fitting.len());
                fitting.get(picked).copied()
            }
        }
    }
}
