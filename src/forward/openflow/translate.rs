//! One frame through the tables of a bridge, and of the bridges that patch ports lead to.

use super::action::Action;
use super::bridge::{Bridge, Switch};
use super::choice::{Alternative, Chooser, explore};
use super::field::{Key, Word, to_mac};
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
    pub(super) input: &'r Input<'r>,
    pub(super) chooser: &'r mut Chooser,
    bridge: usize,
    pub(super) table: u8,
    pub(super) key: Key,
    pub(super) out: Translation,
    pub(super) stack: Vec<(u128, u128)>,
    /// What `write_actions` put off until the end.
    pub(super) set: Vec<Action>,
    depth: u32,
    resubmits: u32,
    pub(super) exit: bool,
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
    pub(super) fn lookup(&mut self, table: u8, port: u32, miss: bool) {
        if self.depth >= MAX_DEPTH || self.resubmits >= MAX_RESUBMITS {
            self.exit = true;
            return self.lost(format!(
                "tables of {} go round in circles",
                self.bridge().state.name
            ));
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
            return self.lost(format!(
                "port {} of {name} is {state} (spanning tree)",
                bundle.name
            ));
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
}
