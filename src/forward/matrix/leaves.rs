//! What rules name: addresses, networks, links and chains, in the order in which they stand.

use std::fmt::Debug;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::state::netfilter::{Expr, Rule, Statement, Verdict};

/// One thing that a rule says.
pub(super) enum Leaf<'a> {
    /// Also of a network of one address.
    Addr(IpAddr),
    Net(IpNet),
    /// First and last.
    Range(IpAddr, IpAddr),
    Text(&'a str),
    /// Of names that begin so.
    Prefix(&'a str),
    Chain(&'a str),
    /// All else: only whether it is the same matters.
    Other(&'a dyn Debug),
}

/// All of a rule but its comments and counters.
pub(super) fn rule<'a>(rule: &'a Rule, say: &mut impl FnMut(Leaf<'a>)) {
    for statement in &rule.statements {
        match statement {
            Statement::Comment(_) | Statement::Extension(_) | Statement::Counter(_) | Statement::Log(_) => {}
            Statement::Match(matched) => {
                say(Leaf::Other(&matched.op));
                expr(&matched.key, say);
                expr(&matched.value, say);
            }
            Statement::Verdict(end) => verdict(end, say),
            Statement::Vmap(parts) => {
                say(Leaf::Other(&"vmap"));
                expr(&parts.0, say);
                expr(&parts.1, say);
            }
            Statement::Nat(nat) => {
                say(Leaf::Other(&nat.kind));
                say(Leaf::Other(&nat.flags));
                say(Leaf::Other(&nat.port_base));
                for part in [&nat.addr, &nat.port] {
                    match part {
                        Some(part) => expr(part, say),
                        None => say(Leaf::Other(&"none")),
                    }
                }
            }
            Statement::Netmap(net) => say(Leaf::Net(*net)),
            Statement::Set(parts) => {
                say(Leaf::Other(&parts.0));
                expr(&parts.1, say);
            }
            other => say(Leaf::Other(other)),
        }
    }
}

fn verdict<'a>(end: &'a Verdict, say: &mut impl FnMut(Leaf<'a>)) {
    match end {
        Verdict::Jump(name) => {
            say(Leaf::Other(&"jump"));
            say(Leaf::Chain(name));
        }
        Verdict::Goto(name) => {
            say(Leaf::Other(&"goto"));
            say(Leaf::Chain(name));
        }
        other => say(Leaf::Other(other)),
    }
}

pub(super) fn expr<'a>(said: &'a Expr, say: &mut impl FnMut(Leaf<'a>)) {
    let mut all = |kind: &'static &'static str, parts: &[&'a Expr]| {
        say(Leaf::Other(kind));
        for part in parts {
            expr_dyn(part, say);
        }
        say(Leaf::Other(&"end"));
    };
    match said {
        Expr::Set(parts) => all(&"set", &parts.iter().collect::<Vec<_>>()),
        Expr::Concat(parts) => all(&"concat", &parts.iter().collect::<Vec<_>>()),
        Expr::Pair(parts) => all(&"pair", &[&parts.0, &parts.1]),
        Expr::Map(parts) => all(&"map", &[&parts.0, &parts.1]),
        Expr::Addr(ip) => say(Leaf::Addr(*ip)),
        Expr::Net(net) if net.prefix_len() == net.max_prefix_len() => say(Leaf::Addr(net.addr())),
        Expr::Net(net) => say(Leaf::Net(*net)),
        Expr::Text(text) => say(Leaf::Text(text)),
        Expr::Prefix(prefix) => say(Leaf::Prefix(prefix)),
        Expr::Verdict(end) => verdict(end, say),
        Expr::Range(ends) => match (&ends.0, &ends.1) {
            (Expr::Addr(first), Expr::Addr(last)) => say(Leaf::Range(*first, *last)),
            _ => say(Leaf::Other(said)),
        },
        other => say(Leaf::Other(other)),
    }
}

/// Recursion by a reference, so that closures don't nest without end.
fn expr_dyn<'a>(said: &'a Expr, say: &mut dyn FnMut(Leaf<'a>)) {
    expr(said, &mut |leaf| say(leaf));
}
