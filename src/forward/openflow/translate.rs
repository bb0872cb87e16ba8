//! One frame through the tables of a bridge, and of the bridges that patch ports lead to.

use super::action::{Action, Conntrack, Target, Zone};
use super::bridge::{Bridge, GroupKind, Rule, Switch};
use super::choice::{Alternative, Chooser, explore};
use super::field::{self, Key, TAGGED, Word, to_mac};
use super::matching::Fit;
use crate::forward::packet::Mac;

/// What comes in.
#[derive(Debug, Clone)]
pub struct Input<'i> {
    /// By its number in [`Switch::bridges`].
    pub bridge: usize,
    pub port: u32,
    pub key: Key,
    /// Bytes of the frame.
    pub size: u32,
    /// What the packets before it made the bridges learn.
    pub learned: &'i [Learned],
    /// Zones of connection tracking that know its connection; it goes the other way of it when `reply`.
    pub zones: &'i [u16],
    pub reply: bool,
}

/// An address that was seen coming in by a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Learned {
    pub bridge: usize,
    pub vlan: u16,
    pub mac: Mac,
    pub port: u32,
}

/// A frame leaves by a port that isn't a patch port.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    pub bridge: usize,
    pub port: u32,
    /// How it looks then.
    pub key: Key,
}

/// What became of a frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Translation {
    pub effects: Vec<Effect>,
    /// Rules that it met, and what was found for it.
    pub notes: Vec<String>,
    /// Why it, or a copy, was lost: the last reason.
    pub lost: Option<String>,
    /// Ports that a flood left out, since they are in another VLAN.
    pub aside: Option<String>,
    /// What would have to be known.
    pub not_understood: Option<String>,
    pub learned: Vec<Learned>,
    /// Zones that know its connection from now on.
    pub zones: Vec<u16>,
}

/// `MAX_DEPTH` and `MAX_RESUBMITS` of ofproto-dpif-xlate.
const MAX_DEPTH: u32 = 64;
const MAX_RESUBMITS: u32 = MAX_DEPTH * 64;

impl Switch<'_> {
    /// Every way that the frame may go; none when there are too many.
    pub fn translate(&self, input: &Input) -> Option<Vec<Alternative<Translation>>> {
        explore(|chooser| {
            let mut run = Run {
                switch: self,
                input,
                chooser,
                bridge: input.bridge,
                table: 0,
                key: input.key.clone(),
                out: Translation::default(),
                stack: Vec::new(),
                set: Vec::new(),
                depth: 0,
                resubmits: 0,
                exit: false,
            };
            run.key.set(Word::IN_PORT, input.port.into());
            run.start();
            run.out
        })
    }
}

pub(super) struct Run<'r, 's> {
    switch: &'r Switch<'s>,
    input: &'r Input<'r>,
    chooser: &'r mut Chooser,
    bridge: usize,
    table: u8,
    pub(super) key: Key,
    out: Translation,
    stack: Vec<(u128, u128)>,
    /// What `write_actions` put off until the end.
    set: Vec<Action>,
    depth: u32,
    resubmits: u32,
    exit: bool,
}

impl<'r, 's> Run<'r, 's> {
    pub(super) fn bridge(&self) -> &'r Bridge<'s> {
        &self.switch.bridges[self.bridge]
    }

    pub(super) const fn bridge_index(&self) -> usize {
        self.bridge
    }

    #[expect(clippy::cast_possible_truncation, reason = "ports have 16 bits")]
    pub(super) fn in_port(&self) -> u32 {
        self.key.get(Word::IN_PORT) as u32
    }

    pub(super) fn lost(&mut self, why: String) {
        self.out.lost = Some(why);
    }

    pub(super) fn aside(&mut self, why: String) {
        self.out.aside = Some(why);
    }

    pub(super) fn not_understood(&mut self, what: String) {
        self.out.not_understood.get_or_insert(what);
    }

    pub(super) fn note(&mut self, text: String) {
        self.out.notes.push(text);
    }

    pub(super) const fn effects(&self) -> usize {
        self.out.effects.len()
    }

    pub(super) fn all_learned(&self) -> impl DoubleEndedIterator<Item = &Learned> {
        self.input.learned.iter().chain(&self.out.learned)
    }

    pub(super) fn learn(&mut self, vlan: u16, src: u128, port: u32) {
        self.out.learned.push(Learned {
            bridge: self.bridge,
            vlan,
            mac: to_mac(src),
            port,
        });
    }

    /// A frame has come in by a port: through the tables, then what they put off.
    fn start(&mut self) {
        let (bridge, port) = (self.bridge(), self.in_port());
        if let Some((_, bundle)) = bridge.bundle(port)
            && let Some(state) = &bundle.blocked
        {
            let why = format!(
                "port {} of {} is {state} (spanning tree)",
                bundle.name, bridge.state.name
            );
            return self.lost(why);
        }
        self.lookup(0, port, true);
        let set = std::mem::take(&mut self.set);
        self.run_set(&set);
    }

    /// Looks the packet up in a table as if it came in by a port, and does what the rule says.
    fn lookup(&mut self, table: u8, port: u32, miss: bool) {
        if self.depth >= MAX_DEPTH || self.resubmits >= MAX_RESUBMITS {
            self.exit = true;
            return self.lost(format!("tables of {} go round in circles", self.bridge().state.name));
        }
        let in_port = self.in_port();
        self.key.set(Word::IN_PORT, port.into());
        let found = self.find(table);
        self.key.set(Word::IN_PORT, in_port.into());
        let Some(rule) = found else {
            if miss {
                let name = &self.bridge().state.name;
                let why = format!("no rule of table {table} of {name} is for it");
                self.lost(why);
            }
            return;
        };
        let bridge = self.bridge();
        self.note(format!("{}: {}", bridge.state.name, rule.text));
        let before = self.table;
        if rule.actions.iter().all(|action| *action == Action::Nothing) {
            self.lost(format!("rule of {}: {}", bridge.state.name, rule.text));
        }
        self.table = table;
        self.depth += 1;
        self.resubmits += 1;
        self.actions(&rule.actions);
        self.depth -= 1;
        self.table = before;
    }

    /// The rule with the highest priority that fits.
    fn find(&mut self, table: u8) -> Option<&'r Rule> {
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
                    if self.chooser.unknown(format!("whether {} is for it", rule.text), 2) == 0 {
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

    /// Runs actions in order.
    fn actions(&mut self, actions: &[Action]) {
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
    fn apart(&mut self, run: impl FnOnce(&mut Self)) {
        let (key, stack, set, exit) = (
            self.key.clone(),
            self.stack.clone(),
            self.set.clone(),
            self.exit,
        );
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
                self.lost(format!("a rule sends it back by {name}, by which it came in: it is not sent"));
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

    /// Out by a port; a patch port leads into another bridge. `named`: by a rule, which may name one that isn't there.
    pub(super) fn output(&mut self, number: u32, named: bool) {
        let bridge = self.bridge();
        let Some(port) = bridge.ports.get(&number) else {
            if named {
                self.lost(format!("{} has no port {number}", bridge.state.name));
            }
            return;
        };
        if let Some((_, bundle)) = bridge.bundle(number)
            && let Some(state) = &bundle.blocked
        {
            let name = &bridge.state.name;
            return self.lost(format!("port {} of {name} is {state} (spanning tree)", bundle.name));
        }
        if let (Some((_, input)), Some((_, out))) = (bridge.bundle(self.in_port()), bridge.bundle(number))
            && input.protected
            && out.protected
        {
            let (from, to) = (&input.name, &out.name);
            return self.lost(format!("ports {from} and {to} are protected from each other"));
        }
        if port.interface.kind != "patch" {
            return self.out.effects.push(Effect {
                bridge: self.bridge,
                port: number,
                key: self.key.clone(),
            });
        }
        let Some((peer, far)) = self.switch.peer(port.interface) else {
            let (name, to) = (&port.interface.name, port.interface.options.get("peer"));
            return self.lost(format!(
                "patch port {name} leads to {}, which is no patch port back",
                to.map_or("nowhere", String::as_str)
            ));
        };
        if self.depth >= MAX_DEPTH {
            return self.lost(format!("bridges go round in circles at {}", port.interface.name));
        }
        self.cross(peer, far);
    }

    /// `patch_port_output`: what belongs to the bridge stays behind.
    fn cross(&mut self, bridge: usize, port: u32) {
        let here = (self.bridge, self.table);
        self.apart(|run| {
            run.bridge = bridge;
            run.table = 0;
            run.set.clear();
            run.exit = false;
            run.key.set(Word::IN_PORT, port.into());
            let words = [
                Word::METADATA,
                Word::TUN_ID,
                Word::TUN_SRC,
                Word::TUN_DST,
                Word::CT_STATE,
                Word::CT_ZONE,
                Word::CT_MARK,
                Word::CT_LABEL,
            ];
            for word in words.into_iter().chain((0..16).map(Word::reg)) {
                run.key.set(word, 0);
            }
            run.depth += 1;
            run.start();
            run.depth -= 1;
        });
        (self.bridge, self.table) = here;
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
        let alive: Vec<_> = group.buckets.iter().filter(|bucket| alive(bucket.watch)).collect();
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
    fn run_set(&mut self, set: &[Action]) {
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
