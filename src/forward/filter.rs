//! The verdict of all base chains of a hook over a node's own TCP packet: which rule stops it.
//!
//! A rule is applied only when all its matches are understood and hold. One that isn't understood makes what follows
//! uncertain, and the answer says so.

mod field;

use std::net::IpAddr;

use crate::state::netfilter::{
    Chain, ChainKind, Dialect, Expr, Hook, Key, Match, Policy, Rule, Ruleset, Statement, Table, Verdict,
};

/// How many rules are looked at before it is given up: the kernel refuses loops, a snapshot may have them.
const MAX_STEPS: usize = 1_000_000;

/// How deep chains may nest.
const MAX_DEPTH: usize = 64;

/// A TCP packet at a hook.
#[derive(Debug, Clone)]
pub struct Packet<'a> {
    pub src: IpAddr,
    pub dst: IpAddr,
    pub sport: u16,
    pub dport: u16,
    /// The link it came in by (INPUT) …
    pub in_link: Option<&'a str>,
    /// … or goes out by (OUTPUT).
    pub out_link: Option<&'a str>,
    /// The first of its connection (SYN, conntrack NEW), or of an established one.
    pub new: bool,
}

/// What stopped a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// `iptables-nft: -A INPUT -p tcp --dport 179 -j DROP`, or the policy of a chain.
    pub rule: String,
    /// What to type to take it away.
    pub undo: String,
    pub packets: Option<u64>,
    /// An error goes back (REJECT); otherwise the packet just vanishes.
    pub rejects: bool,
    /// No rule before it was passed over for not being understood.
    pub certain: bool,
}

/// A base chain, and whose it is.
struct Place<'a> {
    dialect: Dialect,
    table: &'a Table,
    chain: &'a Chain,
}

/// How a chain ends.
enum End<'a> {
    Accept,
    Stop(&'a Rule, &'a Chain, bool),
    Return,
}

/// What stops the packet at `hook` (`INPUT` or `OUTPUT`): the first of its base chains, in the order of their
/// priorities, that doesn't accept it.
pub fn blocked(rulesets: &[Ruleset], hook: &str, packet: &Packet) -> Option<Blocked> {
    let at = if hook == "OUTPUT" {
        Hook::Output
    } else {
        Hook::Input
    };
    let mut places = Vec::new();
    for ruleset in rulesets {
        for table in &ruleset.tables {
            if table.dormant || !table.family.sees_ip(packet.dst.is_ipv6()) {
                continue;
            }
            // A second declaration of a chain is another one: the first holds.
            let first = |chain: &&Chain| {
                table
                    .chain(&chain.name)
                    .is_some_and(|named| std::ptr::eq(named, *chain))
            };
            for chain in table.chains.iter().filter(first) {
                let Some(base) = &chain.base else { continue };
                if base.hook == at && base.kind != ChainKind::Nat {
                    let dialect = ruleset.dialect;
                    places.push((
                        base,
                        Place {
                            dialect,
                            table,
                            chain,
                        },
                    ));
                }
            }
        }
    }
    places.sort_by_key(|(base, _)| base.priority);
    places.iter().find_map(|(base, place)| {
        let mut walk = Walk {
            table: place.table,
            packet,
            certain: true,
            steps: MAX_STEPS,
        };
        match walk.chain(place.chain, 0) {
            End::Stop(rule, chain, rejects) => Some(Blocked {
                rule: place.rule(rule, chain),
                undo: place.undo(rule, chain, packet),
                packets: rule.counters.map(|counters| counters.packets),
                rejects,
                certain: walk.certain,
            }),
            End::Return if base.policy == Policy::Drop => Some(Blocked {
                rule: place.policy(),
                undo: place.accept(packet),
                packets: None,
                rejects: false,
                certain: walk.certain,
            }),
            End::Accept | End::Return => None,
        }
    })
}

impl Place<'_> {
    /// `inet filter input`
    fn nft(&self, chain: &Chain) -> String {
        format!("{} {} {}", self.table.family.word(), self.table.name, chain.name)
    }

    /// `iptables-nft`, and the table unless it is the usual one.
    fn command(&self) -> String {
        let command = self.dialect.command();
        match &*self.table.name {
            "filter" => command.to_owned(),
            table => format!("{command} -t {table}"),
        }
    }

    fn rule(&self, rule: &Rule, chain: &Chain) -> String {
        match self.dialect {
            Dialect::Nft => format!("nft: {}: {}", self.nft(chain), rule.text),
            dialect => format!("{}: {}", dialect.command(), rule.text),
        }
    }

    fn policy(&self) -> String {
        let command = self.dialect.command();
        match self.dialect {
            Dialect::Nft => format!(
                "nft: policy drop of {}, and no rule accepts the packet",
                self.nft(self.chain)
            ),
            _ => format!(
                "{command}: policy DROP of {}, and no rule accepts the packet",
                self.chain.name
            ),
        }
    }

    /// Takes away a rule that names the port or the peer; a rule for everything stays, and the packet is accepted
    /// before it.
    fn undo(&self, rule: &Rule, chain: &Chain, packet: &Packet) -> String {
        let is_meant = rule.statements.iter().any(|statement| match statement {
            Statement::Match(Match {
                key: Expr::Key(key), ..
            }) => matches!(key, Key::Port { .. } | Key::EitherPort | Key::Addr { .. }),
            _ => false,
        });
        match (self.dialect, rule.handle) {
            _ if !is_meant => self.accept(packet),
            (Dialect::Nft, Some(handle)) => format!("nft delete rule {} handle {handle}", self.nft(chain)),
            (Dialect::Nft, None) => self.accept(packet),
            _ => {
                format!("{} {}", self.command(), rule.text.replacen("-A ", "-D ", 1))
            }
        }
    }

    /// Lets BGP with this one peer pass.
    fn accept(&self, packet: &Packet) -> String {
        let output = self
            .chain
            .base
            .as_ref()
            .is_some_and(|base| base.hook == Hook::Output);
        if self.dialect == Dialect::Nft {
            let family = if packet.dst.is_ipv6() { "ip6" } else { "ip" };
            let peer = if output {
                format!("daddr {}", packet.dst)
            } else {
                format!("saddr {}", packet.src)
            };
            let what = if packet.new {
                format!("tcp dport {}", packet.dport)
            } else {
                format!("tcp sport {} ct state established", packet.sport)
            };
            return format!(
                "nft insert rule {} {family} {peer} {what} accept",
                self.nft(self.chain)
            );
        }
        let peer = if output {
            format!("-d {}", packet.dst)
        } else {
            format!("-s {}", packet.src)
        };
        let (command, chain) = (self.command(), &self.chain.name);
        if packet.new {
            let port = packet.dport;
            format!("{command} -I {chain} {peer} -p tcp --dport {port} -j ACCEPT")
        } else {
            let port = packet.sport;
            format!(
                "{command} -I {chain} {peer} -p tcp --sport {port} -m conntrack --ctstate ESTABLISHED -j ACCEPT"
            )
        }
    }
}

struct Walk<'a> {
    table: &'a Table,
    packet: &'a Packet<'a>,
    certain: bool,
    steps: usize,
}

impl<'a> Walk<'a> {
    fn chain(&mut self, chain: &'a Chain, depth: usize) -> End<'a> {
        for rule in &chain.rules {
            self.steps = self.steps.saturating_sub(1);
            if self.steps == 0 {
                self.certain = false;
                return End::Return;
            }
            let Some(ending) = self.ending(rule) else { continue };
            let (jump, name) = match ending {
                Ending::Reject => return End::Stop(rule, chain, true),
                Ending::Verdict(Verdict::Accept) => return End::Accept,
                Ending::Verdict(Verdict::Drop) => return End::Stop(rule, chain, false),
                Ending::Verdict(Verdict::Return) => return End::Return,
                Ending::Verdict(Verdict::Continue) => continue,
                Ending::Verdict(Verdict::Queue(_)) => {
                    self.certain = false;
                    return End::Accept;
                }
                Ending::Verdict(Verdict::Jump(name)) => (true, name),
                Ending::Verdict(Verdict::Goto(name)) => (false, name),
            };
            let Some(next) = self.table.chain(name).filter(|_| depth < MAX_DEPTH) else {
                continue;
            };
            let end = self.chain(next, depth + 1);
            if !matches!(end, End::Return) || !jump {
                return end;
            }
        }
        End::Return
    }

    /// What a rule ends with for this packet; none when it doesn't apply, or lets the packet go on.
    fn ending(&mut self, rule: &'a Rule) -> Option<Ending<'a>> {
        let mut unknown = false;
        for statement in &rule.statements {
            let holds = match statement {
                Statement::Match(matched) => self.holds(matched),
                Statement::Verdict(verdict) => return self.sure(!unknown, Ending::Verdict(verdict)),
                Statement::Reject(_) => return self.sure(!unknown, Ending::Reject),
                Statement::Vmap(parts) => match self.mapped(&parts.0, &parts.1) {
                    Mapped::To(verdict) => return self.sure(!unknown, Ending::Verdict(verdict)),
                    Mapped::Nothing => return None,
                    Mapped::Unknown => {
                        self.certain = false;
                        return None;
                    }
                },
                Statement::IpSet(_)
                | Statement::Stateful(_)
                | Statement::RpFilter { .. }
                | Statement::Socket { .. }
                | Statement::Unknown { acts: false, .. } => None,
                // What lets the packet go on.
                _ => continue,
            };
            match holds {
                Some(true) => {}
                Some(false) => return None,
                None => unknown = true,
            }
        }
        None
    }

    fn sure(&mut self, sure: bool, ending: Ending<'a>) -> Option<Ending<'a>> {
        self.certain &= sure;
        sure.then_some(ending)
    }
}

/// What a verdict map has for a packet.
enum Mapped<'a> {
    To(&'a Verdict),
    Nothing,
    /// It isn't understood.
    Unknown,
}

/// What ends a rule.
enum Ending<'a> {
    Verdict(&'a Verdict),
    Reject,
}

#[cfg(test)]
mod tests;
