//! What keeps Docker's networks apart, and what lets packets pass behind it.

use super::{Bridge, ISOLATION, Lacking, Purpose, Scene, USERS, Wanted};
use crate::state::netfilter::{Dir, Expr, Key, Match, Op, Rule, Statement, Verdict};

impl<'s> Scene<'s> {
    /// Whether packets of this network come into another one.
    pub(super) fn isolation(&self, bridge: &'s Bridge<'s>, found: &mut Vec<Lacking>) {
        if !self.isolates() || !bridge.is_closed() {
            return;
        }
        let others = self.bridges.iter().copied();
        let open: Vec<&Bridge> = others
            .filter(|other| other.link != bridge.link && other.is_closed())
            .filter(|other| !self.drops(&self.packet(Some(&bridge.link), Some(&other.link))))
            .collect();
        let Some(other) = open.first() else { return };
        let mut rules = Vec::new();
        for other in &open {
            self.keep_apart(bridge, other, &mut rules);
        }
        if !rules.is_empty() {
            let purpose = Purpose::Isolated(other.network.name.clone());
            found.push(self.lacking(&bridge.network.name, purpose, rules));
        }
    }

    /// Puts rules that let packets pass where Docker has them: behind the users' own, and behind those that keep all
    /// networks apart. What of the latter isn't there for sure comes first.
    pub(super) fn put_behind_isolation(&self, all: &mut [Lacking]) {
        let guard = self.guard();
        let before = guard.iter().flatten();
        let number =
            self.behind(&[USERS, ISOLATION[0]]) + before.filter(|rule| rule.chain == "FORWARD").count();
        for one in all {
            for rule in one.rules.iter_mut().filter(|rule| rule.chain == "FORWARD") {
                rule.at = Some(number);
            }
            one.is_safe &= guard.is_some();
            one.rules.splice(0..0, guard.iter().flatten().cloned());
        }
    }

    /// What has to come first, so that each two networks are apart for sure; none where Docker's chains for that are
    /// gone: it makes them when it starts.
    pub(super) fn guard(&self) -> Option<Vec<Wanted>> {
        let closed = || self.all.iter().filter(|bridge| bridge.is_closed());
        let pairs = closed().flat_map(|from| closed().map(move |to| (from, to)));
        let mut rules = Vec::new();
        for (from, to) in pairs.filter(|(from, to)| from.link != to.link) {
            if self.surely_drops(from, to) {
                continue;
            }
            if !self.isolates() {
                return None;
            }
            self.keep_apart(from, to, &mut rules);
        }
        Some(rules)
    }

    fn isolates(&self) -> bool {
        ISOLATION.iter().all(|chain| self.has(chain))
    }

    /// Adds what lacks for that packets from one don't come into the other.
    fn keep_apart(&self, from: &Bridge, to: &Bridge, rules: &mut Vec<Wanted>) {
        let [first, second] = ISOLATION;
        let packet = self.packet(Some(&from.link), Some(&to.link));
        let sure = |rule: &Rule| packet.must_match(rule);
        let mut lack = |chain: &str, spec: String, at: usize| {
            let rule = Wanted::new("filter", chain, spec, Some(at));
            // Two networks may ask for the same.
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        };
        if !self.met(sure).iter().any(|chain| *chain.name == *first) {
            lack("FORWARD", format!("-j {first}"), self.behind(&[USERS]));
        }
        let is_there = |chain: &str, does: &dyn Fn(&Rule) -> bool| {
            let chain = self.filter.chain(chain);
            chain.is_some_and(|chain| chain.rules.iter().any(|rule| sure(rule) && does(rule)))
        };
        let (from, to) = (&from.link, &to.link);
        if !is_there(first, &|rule| rule.targets().any(|target| target == second)) {
            lack(first, format!("-i {from} ! -o {from} -j {second}"), 1);
        }
        if !is_there(second, &refuses) {
            lack(second, format!("-o {to} -j DROP"), 1);
        }
    }

    /// Whether a rule is there that no packet from one to the other gets past, whatever lets some of them pass before.
    fn surely_drops(&self, from: &Bridge, to: &Bridge) -> bool {
        let packet = self.packet(Some(&from.link), Some(&to.link));
        let sure = |rule: &Rule| {
            let mut statements = rule.statements.iter();
            statements.all(|statement| packet.must_pass(statement) || is_away(statement, from, to))
        };
        let mut rules = self.met(sure).into_iter().flat_map(|chain| &chain.rules);
        rules.any(|rule| sure(rule) && refuses(rule))
    }

    /// The number in FORWARD of what follows the jumps to these chains.
    fn behind(&self, chains: &[&str]) -> usize {
        let is_before = |rule: &Rule| rule.targets().any(|target| chains.contains(&target));
        let rules = self.filter.chain("FORWARD").map_or(&[][..], |chain| &chain.rules);
        rules.iter().rposition(is_before).map_or(1, |index| index + 2)
    }
}

fn refuses(rule: &Rule) -> bool {
    rule.statements.iter().any(|statement| {
        matches!(
            statement,
            Statement::Verdict(Verdict::Drop) | Statement::Reject(_)
        )
    })
}

/// `! -s NET`, of the network that packets go to, or `! -d NET`, of the one that they come from: what crosses from one
/// to the other has such addresses (internal networks have these rules).
fn is_away(statement: &Statement, from: &Bridge, to: &Bridge) -> bool {
    let Statement::Match(Match {
        key: Expr::Key(Key::Addr { dir, .. }),
        op: Op::Ne,
        value: Expr::Net(net),
    }) = statement
    else {
        return false;
    };
    let own = if *dir == Dir::Src { to } else { from };
    let mut subnets = own.network.ipam.iter();
    subnets.any(|ipam| ipam.subnet.parse() == Ok(*net))
}
