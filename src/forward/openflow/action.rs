//! What a rule does with a packet (`ovs-actions(7)`; `ofpacts_format` of `lib/ofp-actions.c` prints it).

use super::field::{self, Span};
use super::port_number;

/// Ports that stand for something else (`OFPP_*`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Port(u32),
    /// Back by the port it came in by.
    InPort,
    /// As a switch that learns addresses would send it.
    Normal,
    /// By all other ports that take part in floods.
    Flood,
    /// By all other ports.
    All,
    Controller,
    /// Nowhere.
    None,
}

/// One action.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    Output(Target),
    /// By the port whose number is in a field.
    OutputTo(Span),
    /// Looks up another table, perhaps as if from another port, and comes back.
    Resubmit {
        port: Option<Target>,
        table: Option<u8>,
    },
    Goto(u8),
    Set {
        span: Span,
        value: u128,
        mask: u128,
        /// Makes a tag where there is none.
        tags: bool,
    },
    Move {
        from: Span,
        to: Span,
    },
    Push(Span),
    Pop(Span),
    PushVlan,
    PopVlan,
    DecTtl,
    Group(u32),
    Conntrack(Box<Conntrack>),
    CtClear,
    Write(Vec<Self>),
    Clear,
    Clone(Vec<Self>),
    Exit,
    Conjunction {
        id: u128,
        /// From 1.
        part: u8,
        of: u8,
    },
    /// Whether the frame is longer than so many bytes, into one bit.
    Larger(u32, Span),
    /// A field that gets what can't be known (a hash).
    Forget(Span),
    /// One that changes nothing on the packet's way.
    Nothing,
    Unknown(String),
}

/// `ct(…)`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Conntrack {
    pub commit: bool,
    /// The table that looks at the packet again, with its state.
    pub table: Option<u8>,
    pub zone: Zone,
    /// `nat(…)`, as written.
    pub nat: Option<String>,
    /// Sets mark and label of the connection.
    pub exec: Vec<Action>,
}

/// Where the zone of `ct` comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Zone {
    Number(u16),
    Field(Span),
}

impl Default for Zone {
    fn default() -> Self {
        Self::Number(0)
    }
}

/// Reads one action; `port` finds a port's number by its name.
pub(super) fn action(text: &str, port: &impl Fn(&str) -> Option<u32>) -> Action {
    known(text, port).unwrap_or_else(|| Action::Unknown(text.to_owned()))
}

/// Reads a list of them, `,` between.
pub(super) fn list(text: &str, port: &impl Fn(&str) -> Option<u32>) -> Vec<Action> {
    split(text).into_iter().map(|text| action(text, port)).collect()
}

/// Splits at commas outside of brackets.
pub(super) fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    text.split(|c: char| {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && c == ','
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .collect()
}

/// A port, or what stands for one.
fn target(text: &str, port: &impl Fn(&str) -> Option<u32>) -> Option<Target> {
    Some(match text.to_ascii_uppercase().as_str() {
        "IN_PORT" => Target::InPort,
        "NORMAL" => Target::Normal,
        "FLOOD" => Target::Flood,
        "ALL" => Target::All,
        "CONTROLLER" => Target::Controller,
        "NONE" | "ANY" => Target::None,
        _ => Target::Port(port_number(text, port)?),
    })
}

fn known(text: &str, port: &impl Fn(&str) -> Option<u32>) -> Option<Action> {
    let (name, arguments) = match text.find([':', '(']) {
        Some(at) if text[at..].starts_with('(') => (&text[..at], text[at + 1..].strip_suffix(')')?),
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    };
    let set = |field: &str, text: &str| {
        let span = field::part(field)?;
        let (value, mask) = field::masked(text, span.width())?;
        Some(Action::Set {
            span,
            value,
            mask,
            tags: false,
        })
    };
    Some(match name {
        "output" | "enqueue" => output(name, text, arguments, port)?,
        "resubmit" => resubmit(text, arguments, port)?,
        "goto_table" => Action::Goto(arguments.parse().ok()?),
        "set_field" | "load" => {
            let (value, field) = arguments.split_once("->")?;
            set(field, value)?
        }
        "move" => {
            let (from, to) = arguments.split_once("->")?;
            Action::Move {
                from: field::part(from)?,
                to: field::part(to)?,
            }
        }
        "push" => Action::Push(field::part(arguments)?),
        "pop" => Action::Pop(field::part(arguments)?),
        "mod_vlan_vid" => tag("vlan_tci", 0, 12, arguments)?,
        "mod_vlan_pcp" => tag("vlan_tci", 13, 3, arguments)?,
        "mod_dl_src" | "mod_dl_dst" | "mod_nw_src" | "mod_nw_dst" | "mod_nw_ecn" | "mod_nw_ttl"
        | "mod_tp_src" | "mod_tp_dst" => set(name.strip_prefix("mod_")?, arguments)?,
        "mod_nw_tos" => {
            let span = field::named("nw_tos")?;
            let value = field::value(arguments)?;
            Action::Set {
                span,
                value,
                mask: 0xfc,
                tags: false,
            }
        }
        "set_tunnel" | "set_tunnel64" => set("tun_id", arguments)?,
        "write_metadata" => set("metadata", arguments)?,
        "strip_vlan" | "pop_vlan" => Action::PopVlan,
        "push_vlan" => Action::PushVlan,
        "dec_ttl" => Action::DecTtl,
        "group" => Action::Group(arguments.parse().ok()?),
        "ct" => conntrack(arguments, port)?,
        "ct_clear" => Action::CtClear,
        "write_actions" => Action::Write(list(arguments, port)),
        "clear_actions" => Action::Clear,
        "clone" => Action::Clone(list(arguments, port)),
        "exit" => Action::Exit,
        "conjunction" => {
            let (id, parts) = arguments.split_once(',')?;
            let (part, of) = parts.split_once('/')?;
            Action::Conjunction {
                id: field::value(id)?,
                part: part.parse().ok()?,
                of: of.parse().ok()?,
            }
        }
        "check_pkt_larger" => {
            let (bytes, bit) = text.strip_prefix("check_pkt_larger(")?.split_once(")->")?;
            Action::Larger(bytes.parse().ok()?, field::part(bit)?)
        }
        "multipath" => Action::Forget(field::part(split(arguments).last()?)?),
        // Copies for a controller or a collector, marks for a queue, rules that are learned from it: these are among the
        // rules already, or will be there for later packets.
        "drop" | "CONTROLLER" | "controller" | "learn" | "note" | "sample" | "set_queue" | "pop_queue"
        | "fin_timeout" | "meter" => Action::Nothing,
        _ => Action::Output(target(text, port)?),
    })
}

fn tag(field: &str, from: u32, width: u32, value: &str) -> Option<Action> {
    let span = field::named(field)?.bits(from, from + width - 1)?;
    Some(Action::Set {
        span,
        value: field::value(value)?,
        mask: field::ones(width),
        tags: true,
    })
}

/// `output:2`, `output:NXM_NX_REG0[0..15]`, `output(port=1,max_len=100)`, `enqueue:1:2`.
fn output(name: &str, text: &str, arguments: &str, port: &impl Fn(&str) -> Option<u32>) -> Option<Action> {
    if text.contains('(') {
        // Frames that are cut can't be walked on.
        return None;
    }
    if name == "enqueue" {
        let (to, _) = arguments.rsplit_once(':')?;
        return Some(Action::Output(target(to, port)?));
    }
    if arguments.contains('[') {
        return Some(Action::OutputTo(field::part(arguments)?));
    }
    target(arguments, port)
        .map(Action::Output)
        .or_else(|| field::part(arguments).map(Action::OutputTo))
}

/// `resubmit:2`, `resubmit(2,3)`, `resubmit(,3)`.
fn resubmit(text: &str, arguments: &str, port: &impl Fn(&str) -> Option<u32>) -> Option<Action> {
    if !text.contains('(') {
        let port = Some(target(arguments, port)?);
        return Some(Action::Resubmit { port, table: None });
    }
    let mut words = arguments.split(',');
    let (to, table) = (words.next()?, words.next().unwrap_or_default());
    if words.next().is_some() {
        // With the addresses of the connection in place of the packet's.
        return None;
    }
    Some(Action::Resubmit {
        port: if to.is_empty() {
            None
        } else {
            Some(target(to, port)?)
        },
        table: if table.is_empty() {
            None
        } else {
            Some(table.parse().ok()?)
        },
    })
}

/// `commit,table=1,zone=NXM_NX_REG6[0..15],nat(src=10.0.0.1),exec(load:0x1->NXM_NX_CT_MARK[])`.
fn conntrack(arguments: &str, port: &impl Fn(&str) -> Option<u32>) -> Option<Action> {
    let mut ct = Conntrack::default();
    for word in split(arguments) {
        match word.split_once(['=', '(']) {
            _ if word == "commit" => ct.commit = true,
            _ if word == "force" => {}
            _ if word == "nat" || word.starts_with("nat(") => ct.nat = Some(word.to_owned()),
            Some(("table", table)) => ct.table = Some(table.parse().ok()?),
            Some(("zone", zone)) => {
                ct.zone = match zone.parse() {
                    Ok(number) => Zone::Number(number),
                    Err(_) => Zone::Field(field::part(zone)?),
                };
            }
            Some(("exec", actions)) => ct.exec = list(actions.strip_suffix(')')?, port),
            Some(("alg", _)) => {}
            _ => return None,
        }
    }
    Some(Action::Conntrack(Box::new(ct)))
}
