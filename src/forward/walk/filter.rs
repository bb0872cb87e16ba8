//! Netfilter on the way: hooks are called where the kernel calls them.

use super::super::hooks::{Call, Conn, ConnState, Note, Passed, Seen, Tuple, Verdict};
use super::super::packet::Packet;
use super::super::topology::PlaceId;
use super::{Cause, End, Missing, Outcome, State, Walker, What};
use crate::state::Absence;
use crate::state::link::IfIndex;
use crate::state::netfilter::Hook;

/// The links of a call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Links {
    pub(super) input: Option<IfIndex>,
    pub(super) output: Option<IfIndex>,
    /// Ports, where the packet crosses a bridge.
    pub(super) physdev: (Option<IfIndex>, Option<IfIndex>),
}

impl Walker<'_, '_> {
    /// Calls a hook. Gives the packets that go on, and the ends of those that don't.
    pub(super) fn hook(
        &self,
        mut state: State,
        place: PlaceId,
        hook: Hook,
        links: Links,
    ) -> (Vec<State>, Vec<Outcome>) {
        let begins = matches!(hook, Hook::Prerouting | Hook::Output);
        let here = state.conns.iter().filter(|(other, _)| *other == place);
        let mut known: Vec<Conn> = Vec::new();
        if begins && state.conn.is_none() {
            known.extend(here.filter_map(|(_, conn)| conn.seen_by(&state.packet)));
            known.extend(self.tracked(place, &state.packet));
        }
        let hooks = self.hooks(place);
        match &hooks.absent {
            None | Some((_, Absence::Missing)) => {}
            // Rules inside pods are rare: they are taken for absent where nobody looked, and it is said.
            Some((why, Absence::Unknown)) if self.topology.place(place).namespace.is_some() => {
                if begins {
                    let text = format!("no netfilter rules in here ({why})");
                    state.note(place, None, What::Assumption, text);
                }
            }
            Some((why, _)) => {
                let why = Missing::Netfilter(why.clone());
                return (Vec::new(), state.undecided(place, why));
            }
        }
        let call = Call {
            place: self.topology.place(place),
            hook,
            in_link: links.input,
            out_link: links.output,
            physdev: links.physdev,
            packet: state.packet.clone(),
            frame: None,
            conn: state.conn.clone(),
            known,
            others: state
                .conns
                .iter()
                .filter(|(other, _)| *other == place)
                .map(|(_, conn)| conn.clone())
                .collect(),
            recent: state.recent_of(place),
            quiet: state.quiet,
            counts: state.counted.is_some(),
        };
        let (mut on, mut ended) = (Vec::new(), Vec::new());
        let results = hooks.call(&call);
        let zones = |passed: &Passed| passed.conn.as_ref().map(|conn| conn.zones);
        if state.packet.carries_piece() && results.iter().any(|one| zones(one) != zones(&results[0])) {
            let why = "each piece of a packet may get another conntrack zone";
            return (Vec::new(), state.undecided(place, why.to_owned()));
        }
        for passed in results {
            let mut state = state.clone();
            state.share = state.share.times(passed.share);
            state.repeats |= passed.repeats;
            let ends = |packet: &Packet| (packet.src, packet.dst, packet.transport);
            let moved = ends(&state.packet) != ends(&passed.packet);
            state.packet = passed.packet;
            state.packet.translated |= moved && state.packet.inner.is_some();
            state.conn = passed.conn;
            state.wrote(place, passed.recent);
            state.reroute |= passed.reroute;
            if let Some(counted) = &mut state.counted {
                let maybe = [passed.counted.as_slice(), &passed.maybe].concat();
                counted.add(place, &passed.counted, &maybe);
            }
            let link = links.output.or(links.input);
            for note in passed.notes {
                let what = match note {
                    Note::Accepts(_) => What::Passes,
                    Note::Translates(_) => What::Nat,
                    Note::Unclear(_) | Note::Tied(_) => continue,
                };
                state.note_with(place, link, what, || note.to_string());
            }
            let end = match passed.verdict {
                Verdict::Accept => {
                    if matches!(hook, Hook::Input | Hook::Postrouting)
                        && let Some(why) = state.confirm(place)
                    {
                        ended.extend(state.dropped(place, why));
                    } else {
                        on.push(state);
                    }
                    continue;
                }
                Verdict::Drop(rule) => {
                    state.note_with(place, link, What::Netfilter, || rule.to_string());
                    End::Dropped(Cause::Rule {
                        rule: Box::new(rule.into()),
                        answer: None,
                    })
                }
                Verdict::Reject(rule, how) => {
                    state.note_with(place, link, What::Netfilter, || rule.to_string());
                    End::Rejected(Cause::Rule {
                        rule: Box::new(rule.into()),
                        answer: Some(how),
                    })
                }
                Verdict::NotDecidable(why) => End::NotDecidable(why.into()),
            };
            ended.extend(state.ends(place, end));
        }
        (on, ended)
    }

    /// Calls a hook, and goes on with what passes.
    pub(super) fn through(
        &self,
        state: State,
        place: PlaceId,
        hook: Hook,
        links: Links,
        go_on: impl Fn(State) -> Vec<Outcome>,
    ) -> Vec<Outcome> {
        let (on, mut outcomes) = self.hook(state, place, hook, links);
        outcomes.extend(on.into_iter().flat_map(go_on));
        outcomes
    }
}

impl State {
    /// What rules of the namespace wrote into its lists of addresses.
    fn recent_of(&self, place: PlaceId) -> Vec<Seen> {
        let of_place = self.recent.iter().find(|(other, _)| *other == place);
        of_place.map(|(_, seen)| seen.clone()).unwrap_or_default()
    }

    fn wrote(&mut self, place: PlaceId, recent: Vec<Seen>) {
        if recent.is_empty() {
            return;
        }
        self.recent.retain(|(other, _)| *other != place);
        self.recent.push((place, recent));
    }

    /// Connections that it began or belongs to, by namespace; in the one where it is, also one that doesn't stand yet.
    pub fn connections(&self, here: PlaceId) -> impl Iterator<Item = (PlaceId, &Conn)> {
        let standing = self.conns.iter().map(|(place, conn)| (*place, conn));
        standing.chain(self.conn.iter().map(move |conn| (here, conn)))
    }

    /// Why the packet's new connection can't stand beside another one, which has an end of it already
    /// (`__nf_conntrack_confirm`): what answers in another zone than it was asked in is no answer, and begins one.
    fn clash(&self, place: PlaceId) -> Option<Cause> {
        let new = self.conn.as_ref().filter(|conn| conn.state == ConnState::New)?;
        let other = self
            .conns
            .iter()
            .find(|(other, conn)| *other == place && conn.original != new.original && conn.has_end_of(new));
        other.map(|(_, other)| {
            let Tuple { src, dst, .. } = other.original;
            format!(
                "conntrack takes it for a connection of its own, since it is in another zone than the one from {src} to \
                 {dst} that it answers, and drops it: both would have the same addresses and ports"
            )
            .into()
        })
    }

    /// The connection stands from here on (`nf_conntrack_confirm`), if it can.
    fn confirm(&mut self, place: PlaceId) -> Option<Cause> {
        let conn = self.conn.as_ref().filter(|conn| conn.is_kept())?;
        if let Some(why) = self.clash(place) {
            return Some(why);
        }
        let known = |(other, old): &&mut (PlaceId, Conn)| {
            *other == place && old.original == conn.original && old.zones == conn.zones
        };
        match self.conns.iter_mut().find(known) {
            Some((_, old)) => {
                old.mark = conn.mark;
                old.answered |= conn.answered;
            }
            None => self.conns.push((place, conn.clone())),
        }
        None
    }
}
