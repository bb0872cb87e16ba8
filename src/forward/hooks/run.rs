//! One run of a hook: chain after chain, rule after rule.

use super::super::fib::LOOPBACK;
use super::super::packet::{Packet, Transport};
use super::chains::{Asked, Chains, Compiled};
use super::choice::{Choices, nth_order, orders};
use super::conn::{Conn, ConnState, Direction, Tuple as Ends};
use super::counts::is_counted;
use super::fib;
use super::nat::{self, Fails};
use super::sets::Sets;
use super::value::Values;
use super::{BaseChain, Call, Doubt, Hooks, Note, Passed, RuleAt, Verdict};
use crate::state::link::{IfIndex, is_link_local};
use crate::state::netfilter::{
    ChainKind, CtKey, Dialect, Expr, Hook, Key, MetaKey, Policy, Reject, Rule, Statement, Table, Tuple,
    Verdict as RuleVerdict,
};

/// Chains nest at most this deep (NFT_JUMP_STACK_SIZE is 16; iptables allows more).
const MAX_DEPTH: usize = 64;
/// NF_IP_PRI_CONNTRACK.
const CONNTRACK: i32 = -200;

/// The packet on its way through a hook.
pub(super) struct Run<'r, 'p, 'a> {
    pub(super) call: Call<'p, 'a>,
    pub(super) notes: Vec<Note<'a>>,
    pub(super) choices: &'r mut Choices,
    /// The table whose rule runs.
    pub(super) table: Option<&'a Table>,
    pub(super) dialect: Dialect,
    /// The chains of that table, and its sets.
    chains: Option<&'r Chains<'a>>,
    pub(super) sets: Option<&'r Sets<'a>>,
    pub(super) hooks: &'r Hooks<'a>,
    reroute: bool,
    counted: Vec<RuleAt<'a>>,
    /// What rules in front of conntrack say of zones: the first one holds (`xt_ct_target`, `nft_ct_set_zone_eval`).
    zones: Option<[u16; 2]>,
}

/// How a chain or rule ends.
enum Flow<'a> {
    Next,
    Return,
    End(Verdict<'a>),
}

pub(super) fn hook<'r, 'a>(
    hooks: &'r Hooks<'a>,
    call: &Call<'_, 'a>,
    choices: &'r mut Choices,
) -> Passed<'a> {
    let mut run = Run {
        call: call.clone(),
        notes: Vec::new(),
        choices,
        table: None,
        dialect: Dialect::Nft,
        chains: None,
        reroute: false,
        sets: None,
        hooks,
        counted: Vec::new(),
        zones: None,
    };
    let verdict = run.all(hooks);
    Passed {
        verdict,
        repeats: run.choices.repeats(),
        packet: run.call.packet,
        conn: run.call.conn,
        recent: run.call.recent,
        notes: run.notes,
        counted: run.counted,
        maybe: Vec::new(),
        reroute: run.reroute,
        share: 1.0,
    }
}

impl<'r, 'a> Run<'r, '_, 'a> {
    fn all(&mut self, hooks: &'r Hooks<'a>) -> Verdict<'a> {
        if let Some(frame) = self.call.frame {
            let bases: Vec<_> = hooks
                .bases
                .iter()
                .filter(|base| base.is_for(&self.call, frame.at))
                .collect();
            let mut ends = bases.into_iter().filter_map(|base| self.base(hooks, base));
            return ends.next().unwrap_or(Verdict::Accept);
        }
        let v6 = self.call.packet.is_v6();
        let at = self.call.hook;
        let entry = matches!(at, Hook::Prerouting | Hook::Output);
        let mut tracked = !entry;
        let mut translated = false;
        let bases: Vec<&BaseChain<'a>> = hooks
            .bases
            .iter()
            .filter(|base| base.base.hook == at && base.table.family.sees_ip(v6) && base.acts())
            .collect();
        for tied in bases.chunk_by(|a, b| a.base.priority == b.base.priority) {
            let priority = tied.first().map_or(0, |base| base.base.priority);
            if !tracked && priority >= CONNTRACK {
                self.track(hooks);
                tracked = true;
            }
            if !translated && priority >= self.nat_priority() {
                translated = true;
                // Lost there and then: no chain behind sees it.
                if self.translate_known() && self.has_no_way() {
                    return Verdict::Accept;
                }
            }
            if let Some(verdict) = self.tied(hooks, tied) {
                return verdict;
            }
        }
        if !tracked {
            self.track(hooks);
        }
        if !translated {
            self.translate_known();
        }
        // What no rule has translated by now is decided, too.
        if let Some(conn) = &mut self.call.conn {
            match at {
                Hook::Prerouting | Hook::Output => conn.dnat_done = true,
                Hook::Postrouting | Hook::Input => conn.snat_done = true,
                _ => {}
            }
        }
        match self.taken() {
            Some(tuple) => Verdict::NotDecidable(Doubt::Taken(tuple)),
            None => Verdict::Accept,
        }
    }

    /// What would answer the packet, where another connection has that already: NAT then looks for a number that is
    /// free, of echo requests as soon as the destination is decided, else with the source
    /// (`nf_nat_l4proto_unique_tuple`).
    fn taken(&self) -> Option<Ends> {
        let conn = self.call.conn.as_ref()?;
        let echo = matches!(self.call.packet.transport, Transport::Icmp { .. });
        let decides = match self.call.hook {
            Hook::Prerouting | Hook::Output => echo,
            Hook::Postrouting | Hook::Input => true,
            _ => false,
        };
        if !decides || conn.state != ConnState::New {
            return None;
        }
        let has = |other: &Conn| other.has_answers_of(conn);
        self.call.others.iter().any(has).then_some(conn.reply)
    }

    /// Chains of one priority: those of one table in their order, several tables in every order.
    fn tied(&mut self, hooks: &'r Hooks<'a>, chains: &[&BaseChain<'a>]) -> Option<Verdict<'a>> {
        let mut tables: Vec<usize> = chains.iter().map(|base| base.at.0).collect();
        tables.dedup();
        let (order, question) = match tables.len() {
            0 | 1 => (0, None),
            count => {
                let (order, question) = self.choices.order(orders(count));
                self.notes
                    .extend(chains.first().map(|base| Note::Tied(base.as_rule())));
                (order, Some(question))
            }
        };
        for table in nth_order(tables, order) {
            for base in chains.iter().filter(|base| base.at.0 == table) {
                if base.base.kind == ChainKind::Nat && !self.wants_nat() {
                    continue;
                }
                let before = (self.call.packet.clone(), self.call.conn.clone());
                let verdict = self.base(hooks, base);
                let acted = verdict.is_some() || before != (self.call.packet.clone(), self.call.conn.clone());
                if let Some(question) = question.filter(|_| acted) {
                    self.choices.mattered(question);
                }
                if verdict.is_some() {
                    return verdict;
                }
                if self.reroutes(base.base.kind, &before.0) && self.has_no_way() {
                    // Lost there and then: no chain behind this one sees it.
                    return Some(Verdict::Accept);
                }
            }
        }
        None
    }

    /// Conntrack has looked at it, and found no connection for it.
    fn has_no_place(&self) -> bool {
        let conn = self.call.conn.as_ref();
        conn.is_some_and(|conn| conn.state == ConnState::Invalid)
    }

    const fn nat_priority(&self) -> i32 {
        match self.call.hook {
            Hook::Prerouting | Hook::Output => -100,
            _ => 100,
        }
    }

    /// A packet without a connection belongs to the one that is known, or begins one.
    fn track(&mut self, hooks: &Hooks) {
        if self.call.conn.is_none() && hooks.tracks(self.call.packet.is_v6()) {
            let zones = self.zones.unwrap_or_default();
            let mut known = std::mem::take(&mut self.call.known).into_iter();
            let known = known.find(|conn| conn.is_in(zones));
            self.call.conn = Some(known.unwrap_or_else(|| Conn {
                zones,
                ..Conn::begun_by(&self.call.packet)
            }));
        }
    }

    /// Nat chains see the first packet of a connection only, until one of them has decided.
    fn wants_nat(&self) -> bool {
        let Some(conn) = &self.call.conn else { return false };
        let done = match self.call.hook {
            Hook::Prerouting | Hook::Output => conn.dnat_done,
            _ => conn.snat_done,
        };
        conn.state == ConnState::New && conn.direction == Direction::Original && !done
    }

    /// Later packets of a connection are translated as its first was. Whether the packet has to be routed anew.
    fn translate_known(&mut self) -> bool {
        let Some(conn) = self.call.conn.clone() else {
            return false;
        };
        // Of one that nobody answered yet, packets are new, and translated as the first was all the same.
        let decided = conn.state == ConnState::New && conn.dnat_done && conn.snat_done;
        if conn.state != ConnState::Established && !decided {
            return false;
        }
        let (src, dst) = (self.call.packet.src, self.call.packet.dst);
        let transport = self.call.packet.transport;
        match self.call.hook {
            Hook::Prerouting | Hook::Output => {
                nat::write_destination(&mut self.call.packet, conn.destination());
            }
            Hook::Postrouting | Hook::Input => nat::write_source(&mut self.call.packet, conn.source()),
            _ => return false,
        }
        if let (Transport::Icmp { id, .. }, Some(other)) = (&mut self.call.packet.transport, conn.echo_id()) {
            *id = other;
        }
        let moved = self.call.hook == Hook::Output && self.call.packet.dst != dst;
        self.reroute |= moved;
        let packet = &self.call.packet;
        if !self.call.quiet && (src, dst, transport) != (packet.src, packet.dst, packet.transport) {
            self.notes.push(Note::Translates(None));
        }
        moved
    }

    /// A packet of the host is routed anew when a nat chain changed where it goes, or a route chain anything that routes
    /// depend on (`nf_nat_ipv4_local_fn`, `ipt_mangle_out`).
    fn reroutes(&mut self, kind: ChainKind, before: &Packet) -> bool {
        let after = &self.call.packet;
        let same = |a: &Packet, b: &Packet| {
            (a.src, a.dst, a.mark, a.tos, a.ttl) == (b.src, b.dst, b.mark, b.tos, b.ttl)
        };
        let reroutes = self.call.hook == Hook::Output
            && match kind {
                ChainKind::Nat => after.dst != before.dst,
                ChainKind::Route => !same(after, before),
                ChainKind::Filter => false,
            };
        self.reroute |= reroutes;
        reroutes
    }

    /// Whether no route leads where the packet goes now (`ip_route_me_harder`).
    fn has_no_way(&self) -> bool {
        let packet = &self.call.packet;
        !is_link_local(packet.dst) && self.call.place.fib.lookup(&packet.flow(LOOPBACK)).is_err()
    }

    fn base(&mut self, hooks: &'r Hooks<'a>, base: &BaseChain<'a>) -> Option<Verdict<'a>> {
        self.table = Some(base.table);
        self.dialect = base.dialect;
        let ready = hooks.tables.get(base.at.0)?;
        self.chains = Some(&ready.chains);
        self.sets = Some(&ready.sets);
        let at = base.as_rule();
        match self.chain(ready.chains.all.get(base.at.1)?, at, 0) {
            Flow::End(Verdict::Accept) => None,
            Flow::End(verdict) => Some(verdict),
            Flow::Next | Flow::Return => match base.base.policy {
                Policy::Accept => None,
                Policy::Drop => Some(Verdict::Drop(at)),
            },
        }
    }

    fn chain(&mut self, chain: &'r Compiled<'a>, at: RuleAt<'a>, depth: usize) -> Flow<'a> {
        let indexed = self.chains.is_some_and(|chains| !chains.plain) && chain.is_long();
        let asked = indexed.then(|| self.asked());
        for rule in chain.rules(asked) {
            let at = RuleAt {
                rule: Some(rule),
                chain: chain.chain,
                ..at
            };
            match self.rule(rule, at, depth) {
                Flow::Next => {}
                end => return end,
            }
        }
        Flow::Return
    }

    /// What rules of long chains are found by.
    fn asked(&self) -> Asked<'a> {
        let call = &self.call;
        let name = |index: Option<IfIndex>| Some(&*call.place.fib.link(index?)?.name);
        Asked {
            src: call.packet.src,
            dst: call.packet.dst,
            dport: call.packet.transport.ports().map(|(_, dport)| dport),
            input: name(call.in_link),
            output: name(call.out_link),
        }
    }

    fn rule(&mut self, rule: &'a Rule, at: RuleAt<'a>, depth: usize) -> Flow<'a> {
        let mut counts = self.call.counts;
        for statement in &rule.statements {
            if counts && is_counted(at.dialect, statement) {
                self.counted.push(at);
                counts = false;
            }
            let known = match statement {
                Statement::Verdict(verdict) => return self.verdict(verdict, at, depth),
                Statement::Vmap(parts) => match Values(self).verdict_of(&parts.0, &parts.1) {
                    Ok(Some(verdict)) => match self.verdict(verdict, at, depth) {
                        Flow::Next => continue,
                        end => return end,
                    },
                    Ok(None) => continue,
                    Err(()) => {
                        return Flow::End(Verdict::NotDecidable(Doubt::Rule(at)));
                    }
                },
                Statement::Reject(how) => {
                    return Flow::End(Verdict::Reject(at, reject_text(how)));
                }
                Statement::Nat(_) | Statement::Netmap(_) => {
                    match nat::translate(self, statement) {
                        Ok(()) => {}
                        Err(Fails::Misses) => return Flow::Next,
                        Err(Fails::NoAddress) => return Flow::End(Verdict::Drop(at)),
                        Err(Fails::Unknown) => {
                            return Flow::End(Verdict::NotDecidable(Doubt::Target(at)));
                        }
                    }
                    if !self.call.quiet {
                        self.notes.push(Note::Translates(Some(at)));
                    }
                    return Flow::End(Verdict::Accept);
                }
                Statement::Unknown { acts: true, .. } | Statement::Tproxy { .. } | Statement::Synproxy(_) => {
                    return Flow::End(Verdict::NotDecidable(Doubt::Rule(at)));
                }
                Statement::Notrack => {
                    // What has a connection keeps it (`notrack_chk`, `nft_notrack_eval`).
                    if self.zones.is_none() && self.call.conn.as_ref().is_none_or(|conn| !conn.is_kept()) {
                        self.call.conn = Some(Conn::untracked(&self.call.packet));
                    }
                    Some(true)
                }
                // A template that conntrack never takes off: rules take it for a new connection, and what NAT and the
                // confirmation make of it stays with the processor, for other packets (`nft_ct_set_zone_eval`).
                Statement::Set(parts) if is_zone(&parts.0) && self.has_no_place() => {
                    return Flow::End(Verdict::NotDecidable(Doubt::Rule(at)));
                }
                Statement::Set(parts) => {
                    self.set(&parts.0, &parts.1);
                    Some(true)
                }
                Statement::Match(matched) => Values(self).holds(matched),
                Statement::IpSet(matched) => self.hooks.ipsets.holds(&self.call, matched),
                Statement::Stateful(stateful) => self.stateful(stateful),
                Statement::RpFilter {
                    loose,
                    valid_mark,
                    accept_local,
                    invert,
                } => {
                    let comes = fib::comes_by_its_link(&self.call, *loose, *valid_mark, *accept_local);
                    Some(comes != *invert)
                }
                Statement::Socket { .. } | Statement::Unknown { acts: false, .. } => None,
                _ => Some(true),
            };
            let holds = known.unwrap_or_else(|| {
                // For the case that it matters.
                self.notes.push(Note::Unclear(at));
                self.choices.unknown()
            });
            if !holds {
                return Flow::Next;
            }
        }
        // A rule of iptables without a target.
        if counts && at.dialect != Dialect::Nft {
            self.counted.push(at);
        }
        Flow::Next
    }

    fn verdict(&mut self, verdict: &'a RuleVerdict, at: RuleAt<'a>, depth: usize) -> Flow<'a> {
        let (jump, name) = match verdict {
            RuleVerdict::Accept => {
                self.notes.push(Note::Accepts(at));
                return Flow::End(Verdict::Accept);
            }
            RuleVerdict::Drop => return Flow::End(Verdict::Drop(at)),
            RuleVerdict::Return => return Flow::Return,
            RuleVerdict::Continue => return Flow::Next,
            RuleVerdict::Queue(queue) if queue.bypass => return Flow::End(Verdict::Accept),
            RuleVerdict::Queue(_) => return Flow::End(Verdict::NotDecidable(Doubt::Queue(at))),
            RuleVerdict::Jump(name) => (true, name),
            RuleVerdict::Goto(name) => (false, name),
        };
        let Some(next) = self
            .chains
            .and_then(|chains| chains.named(name))
            .filter(|_| depth < MAX_DEPTH)
        else {
            return Flow::Next;
        };
        match self.chain(next, at, depth + 1) {
            Flow::Return | Flow::Next if jump => Flow::Next,
            Flow::Return | Flow::Next => Flow::Return,
            end @ Flow::End(_) => end,
        }
    }

    fn set(&mut self, key: &Key, value: &'a Expr) {
        let Some(number) = Values(self).number(value) else {
            return;
        };
        let Ok(number) = u32::try_from(number) else { return };
        match key {
            Key::Meta(MetaKey::Mark) => self.call.packet.mark = number,
            Key::Ttl { v6 } if *v6 == self.call.packet.is_v6() => {
                self.call.packet.ttl = u8::try_from(number).unwrap_or(u8::MAX);
            }
            Key::Tos => self.call.packet.tos = u8::try_from(number).unwrap_or(u8::MAX),
            Key::Dscp { v6 } if *v6 == self.call.packet.is_v6() => {
                let ecn = self.call.packet.tos & 3;
                self.call.packet.tos = u8::try_from(number << 2 & 0xfc).unwrap_or(0) | ecn;
            }
            Key::Ct {
                key: CtKey::Zone,
                tuple,
            } if self.call.conn.is_none() && self.zones.is_none() => {
                let zone = u16::try_from(number).unwrap_or(0);
                self.zones = Some(match tuple {
                    None => [zone; 2],
                    Some(Tuple::Original) => [zone, 0],
                    Some(Tuple::Reply) => [0, zone],
                });
            }
            Key::Ct { key: CtKey::Mark, .. } => {
                if let Some(conn) = &mut self.call.conn {
                    conn.mark = number;
                }
            }
            _ => {}
        }
    }
}

/// What the sender hears.
fn reject_text(how: &Reject) -> String {
    match how {
        Reject::Default => "ICMP port unreachable".to_owned(),
        Reject::TcpReset => "TCP reset".to_owned(),
        Reject::Icmp(kind) | Reject::Icmp6(kind) | Reject::Icmpx(kind) => format!("ICMP {kind}"),
    }
}

const fn is_zone(key: &Key) -> bool {
    matches!(key, Key::Ct { key: CtKey::Zone, .. })
}
