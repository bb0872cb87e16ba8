//! Whether conntrack is at work: it is switched on, for one family or both, by rules that ask it or translate, and by
//! no table or chain as such (`nf_ct_netns_get`). Without it, nat chains see nothing.

use crate::state::Netns;
use crate::state::netfilter::{Expr, Key, Rule, Stateful, Statement};

/// Whether packets of IPv4, and of IPv6, are tracked.
pub(super) fn tracks(net: &Netns) -> [bool; 2] {
    let busy = net.conntrack.known().is_some_and(|tracked| tracked.count > 0);
    if busy || net.netfilter.known().is_none() {
        return [true; 2];
    }
    [false, true].map(|v6| {
        let rulesets = net.netfilter.items().iter();
        let tables = rulesets.flat_map(|ruleset| &ruleset.tables);
        tables
            .filter(|table| table.family.sees_ip(v6))
            .flat_map(|table| &table.chains)
            .flat_map(|chain| &chain.rules)
            .any(needs_it)
    })
}

fn needs_it(rule: &Rule) -> bool {
    // The CT target switches it on, but for what isn't to be tracked (`xt_ct_tg_check`).
    let notrack = rule.statements.contains(&Statement::Notrack);
    rule.statements.iter().any(|statement| match statement {
        Statement::Match(matched) => asks(&matched.key) || asks(&matched.value),
        Statement::Vmap(parts) => asks(&parts.0),
        Statement::Set(parts) => matches!(parts.0, Key::Ct { .. }) || asks(&parts.1),
        Statement::Stateful(stateful) => matches!(
            **stateful,
            Stateful::CtCount { .. } | Stateful::ConnLimit { .. } | Stateful::ConnBytes { .. }
        ),
        Statement::Nat(_)
        | Statement::Netmap(_)
        | Statement::Helper(_)
        | Statement::Synproxy(_)
        | Statement::Flow(_)
        | Statement::Object(_)
        | Statement::SetUpdate(_)
        | Statement::Unknown { .. } => true,
        // Modules are named where they have no options of their own.
        Statement::Extension(name) if &**name == "CT" => !notrack,
        Statement::Extension(name) => ["state", "conntrack", "conn", "helper", "cluster", "ct"]
            .iter()
            .any(|word| name.to_lowercase().contains(word)),
        _ => false,
    })
}

fn asks(expr: &Expr) -> bool {
    match expr {
        Expr::Key(key) => matches!(key, Key::Ct { .. } | Key::Other(_)),
        Expr::Concat(parts) => parts.iter().any(asks),
        Expr::Binary(parts) => asks(&parts.0) || asks(&parts.2),
        Expr::Map(parts) => asks(&parts.0),
        _ => false,
    }
}
