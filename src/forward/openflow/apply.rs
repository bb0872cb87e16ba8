//! What actions do to a packet (`do_xlate_actions`).

use super::action::{Action, Conntrack, Target, Zone};
use super::bridge::GroupKind;
use super::field::{self, TAGGED, Word};
use super::translate::Run;

impl Run<'_, '_> {
    /// Runs actions in order.
    pub(super) fn actions(&mut self, actions: &[Action]) {
        for action in actions {
            if self.exit || !self.act(action) {
                return;
            }
        }
    }

    /// One action; whether the next ones of the list follow.
    fn act(&mut self, action: &Action) -> bool {
        match action {
            Action::Output(target) => self.to(*target),
            Action::OutputTo(span) => {
                let (port, unknown) = self.key.read(span);
                if unknown == 0 {
                    self.to(Target::Port(u32::try_from(port).unwrap_or(0)));
                } else {
                    self.not_understood("the port that a hash picks".into());
                }
            }
            Action::Resubmit { port, table } => self.resubmit(*port, *table),
            Action::Goto(table) => {
                self.lookup(*table, self.in_port(), true);
            }
            Action::Set {
                span,
                value,
                mask,
                tags,
            } => {
                if *tags && self.key.get(Word::TCI) & TAGGED == 0 {
                    self.key.set(Word::TCI, TAGGED);
                }
                if *tags || span.is_in(&self.key) {
                    self.key.put(span, *value, *mask, 0);
                }
            }
            Action::Move { from, to } => {
                if from.is_in(&self.key) && to.is_in(&self.key) {
                    let (value, unknown) = self.key.read(from);
                    self.key.put(to, value, field::ones(to.width()), unknown);
                }
            }
            Action::Push(span) => self.stack.push(self.key.read(span)),
            Action::Pop(span) => {
                if let Some((value, unknown)) = self.stack.pop() {
                    self.key.put(span, value, field::ones(span.width()), unknown);
                }
            }
            Action::PushVlan => {
                if self.key.get(Word::TCI2) != 0 {
                    self.not_understood("a third VLAN tag".into());
                }
                self.key.set(Word::TCI2, self.key.get(Word::TCI));
                self.key.set(Word::TCI, TAGGED);
            }
            Action::PopVlan => {
                self.key.set(Word::TCI, self.key.get(Word::TCI2));
                self.key.set(Word::TCI2, 0);
            }
            Action::DecTtl => {
                if !matches!(self.key.get(Word::ETH_TYPE), 0x0800 | 0x86dd) {
                    return true;
                }
                let ttl = self.key.get(Word::TTL);
                if ttl <= 1 {
                    self.lost("its time to live is over".into());
                    return false;
                }
                self.key.set(Word::TTL, ttl - 1);
            }
            Action::Group(id) => self.group(*id),
            Action::Conntrack(ct) => {
                self.conntrack(ct);
            }
            Action::CtClear => {
                for word in [Word::CT_STATE, Word::CT_ZONE, Word::CT_MARK, Word::CT_LABEL] {
                    self.key.set(word, 0);
                }
            }
            Action::Write(actions) => self.set.extend(actions.iter().cloned()),
            Action::Clear => self.set.clear(),
            Action::Clone(actions) => self.apart(|run| run.actions(actions)),
            Action::Exit => {
                self.exit = true;
                return false;
            }
            Action::Larger(bytes, bit) => {
                let larger = u128::from(self.input.size > *bytes);
                self.key.put(bit, larger, 1, 0);
            }
            Action::Forget(span) => {
                let all = field::ones(span.width());
                self.key.put(span, 0, all, all);
            }
            Action::Conjunction { .. } | Action::Nothing => {}
            Action::Unknown(text) => self.not_understood(format!("what {text} does")),
        }
        true
    }

    /// What is done to a copy: the packet is as before afterwards.
    pub(super) fn apart(&mut self, run: impl FnOnce(&mut Self)) {
        let (key, stack, set, exit) = (self.key.clone(), self.stack.clone(), self.set.clone(), self.exit);
        run(self);
        (self.key, self.stack, self.set, self.exit) = (key, stack, set, exit);
    }

    fn resubmit(&mut self, port: Option<Target>, table: Option<u8>) {
        let port = match port {
            Some(Target::Port(port)) => port,
            None | Some(Target::InPort) => self.in_port(),
            Some(_) => return self.not_understood("a resubmit from a port that is none".into()),
        };
        let table = table.filter(|table| *table != 255).unwrap_or(self.table);
        self.lookup(table, port, false);
    }

    fn to(&mut self, target: Target) {
        match target {
            Target::Port(port) if port == self.in_port() => {
                let name = self.bridge().name(port);
                self.lost(format!(
                    "a rule sends it back by {name}, by which it came in: it is not sent"
                ));
            }
            Target::Port(port) => self.output(port, true),
            Target::InPort => self.output(self.in_port(), true),
            Target::Normal => self.normal(),
            Target::Flood | Target::All => {
                let in_port = self.in_port();
                let others: Vec<u32> = self.bridge().ports.keys().copied().collect();
                for port in others.into_iter().filter(|port| *port != in_port) {
                    self.output(port, false);
                }
            }
            Target::Controller | Target::None => {}
        }
    }

    fn group(&mut self, id: u32) {
        let bridge = self.bridge();
        let Some(group) = bridge.groups.get(&id) else {
            let what = match bridge.state.groups.why() {
                Some(why) => format!("group {id} of {}: {why}", bridge.state.name),
                None => format!("group {id} of {}", bridge.state.name),
            };
            return self.not_understood(what);
        };
        let alive = |port: Option<u32>| {
            port.is_none_or(|port| {
                bridge
                    .ports
                    .get(&port)
                    .is_some_and(|port| port.interface.link_state.as_deref() != Some("down"))
            })
        };
        let alive: Vec<_> = group
            .buckets
            .iter()
            .filter(|bucket| alive(bucket.watch))
            .collect();
        let picked = match group.kind {
            GroupKind::All => group.buckets.iter().collect(),
            GroupKind::FastFailover => alive.into_iter().take(1).collect(),
            GroupKind::Select => {
                let weights: Vec<u32> = alive.iter().map(|bucket| bucket.weight).collect();
                let alive: Vec<_> = alive.into_iter().filter(|bucket| bucket.weight > 0).collect();
                let weights: Vec<u32> = weights.into_iter().filter(|weight| *weight > 0).collect();
                let picked = self.chooser.weighted(&weights);
                alive.get(picked).copied().into_iter().collect::<Vec<_>>()
            }
        };
        if picked.is_empty() {
            let name = &bridge.state.name;
            return self.lost(format!("group {id} of {name} has no bucket that is alive"));
        }
        for bucket in picked {
            self.apart(|run| run.run_set(&bucket.actions));
        }
    }

    /// An action set: each kind once, in OpenFlow's order, one way out at the end.
    pub(super) fn run_set(&mut self, set: &[Action]) {
        if set.is_empty() {
            return;
        }
        let last = |is: &dyn Fn(&Action) -> bool| set.iter().rev().find(|action| is(action));
        for action in [
            last(&|action| matches!(action, Action::PopVlan)),
            last(&|action| matches!(action, Action::PushVlan)),
            last(&|action| matches!(action, Action::DecTtl)),
        ]
        .into_iter()
        .flatten()
        {
            if !self.act(action) {
                return;
            }
        }
        for action in set {
            if matches!(action, Action::Set { .. } | Action::Move { .. }) {
                self.act(action);
            }
        }
        let outs: [fn(&Action) -> bool; 3] = [
            |action| matches!(action, Action::Group(_)),
            |action| matches!(action, Action::Output(_) | Action::OutputTo(_)),
            |action| matches!(action, Action::Resubmit { .. } | Action::Conntrack(_)),
        ];
        if let Some(action) = outs.iter().find_map(|is| last(is)) {
            self.act(action);
        }
    }

    /// `ct`: with a table, the packet is looked up there with the state of its connection.
    fn conntrack(&mut self, ct: &Conntrack) {
        let zone = match ct.zone {
            Zone::Number(number) => number,
            Zone::Field(span) => u16::try_from(self.key.read(&span).0 & 0xffff).unwrap_or(0),
        };
        if let Some(nat) = ct.nat.as_deref().filter(|nat| *nat != "nat") {
            self.not_understood(format!("what {nat} translates to"));
        }
        let known = self.input.zones.contains(&zone) || self.out.zones.contains(&zone);
        if ct.commit && !known {
            self.out.zones.push(zone);
        }
        let Some(table) = ct.table else { return };
        self.apart(|run| {
            run.exit = false;
            run.key.set(Word::CT_ZONE, zone.into());
            let tracked = 0x20;
            let (new, established, reply, invalid) = (0x01, 0x02, 0x08, 0x10);
            match (known, run.input.reply) {
                (false, false) => run.key.set(Word::CT_STATE, tracked | new),
                (true, true) => run.key.set(Word::CT_STATE, tracked | established | reply),
                (true, false) => {
                    run.key.set(Word::CT_STATE, tracked);
                    run.key.forget(Word::CT_STATE, new | established);
                }
                // An answer to what was never seen.
                (false, true) => {
                    run.key.set(Word::CT_STATE, tracked);
                    run.key.forget(Word::CT_STATE, new | invalid);
                }
            }
            if known || run.input.reply {
                run.key.forget(Word::CT_MARK, field::ones(32));
                run.key.forget(Word::CT_LABEL, u128::MAX);
            }
            for action in &ct.exec {
                run.act(action);
            }
            run.lookup(table, run.in_port(), true);
        });
    }
}
