//! What becomes of Felix's chains and sets: for how many endpoints a policy that changes is, and what sets lose and get.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

use crate::policy::model::{Policy, PolicyName};
use crate::policy::{Endpoint, Policies};

pub(super) fn lines([old, new]: [&Policies; 2]) -> Vec<String> {
    let mut lines = Vec::new();
    let of = |policies: &Policies| -> BTreeMap<PolicyName, Policy> {
        policies
            .all()
            .map(|policy| (policy.name.clone(), policy.clone()))
            .collect()
    };
    let [before, after] = [of(old), of(new)];
    let names: BTreeSet<&PolicyName> = before.keys().chain(after.keys()).collect();
    for name in names {
        let [was, is] = [(&before, old), (&after, new)].map(|(policies, all)| {
            let policy = policies.get(name);
            (policy, policy.map_or(0, |policy| endpoints(all, policy)))
        });
        if was == is {
            continue;
        }
        let count = |number: usize| format!("{number} endpoint{}", if number == 1 { "" } else { "s" });
        lines.push(match (was, is) {
            ((None, _), (Some(_), now)) => format!("{name}: its chains come for {}", count(now)),
            ((Some(_), then), (None, _)) => format!("{name}: its chains go from {}", count(then)),
            ((_, then), (_, now)) if then == now => {
                format!("{name}: its chains change for {}", count(now))
            }
            ((_, then), (_, now)) => format!("{name}: its chains are for {}, before for {then}", count(now)),
        });
    }
    lines.extend(sets([old, new]));
    lines.extend(hosts([old, new]));
    lines
}

fn endpoints(policies: &Policies, policy: &Policy) -> usize {
    let all = policies.pods.iter().chain(&policies.hosts);
    let selected = |endpoint: &&Endpoint| {
        policy
            .selector
            .as_ref()
            .is_none_or(|selector| selector.matches(&endpoint.labels))
    };
    all.filter(selected).count()
}

/// What sets of networks get and lose.
fn sets(policies: [&Policies; 2]) -> Vec<String> {
    let [before, after] = policies.map(|policies| {
        let sets = policies.identities().all().iter();
        sets.filter(|identity| identity.title.contains("NetworkSet"))
            .map(|identity| (identity.title.as_str(), identity.nets.iter().copied().collect()))
            .collect::<BTreeMap<&str, BTreeSet<IpNet>>>()
    });
    let none = BTreeSet::new();
    let titles: BTreeSet<&str> = before.keys().chain(after.keys()).copied().collect();
    let mut lines = Vec::new();
    for title in titles {
        let [was, is] = [&before, &after].map(|sets| sets.get(title).unwrap_or(&none));
        let nets = |nets: Vec<&IpNet>| {
            let nets: Vec<String> = nets.into_iter().map(ToString::to_string).collect();
            nets.join(", ")
        };
        for (sign, list) in [("+", is.difference(was)), ("-", was.difference(is))] {
            let list: Vec<&IpNet> = list.collect();
            if !list.is_empty() {
                lines.push(format!("sets that select {title} {sign} {}", nets(list)));
            }
        }
    }
    lines
}

/// Links of hosts that get or lose chains.
fn hosts([old, new]: [&Policies; 2]) -> Vec<String> {
    let has = |policies: &Policies, host: &Endpoint| policies.hosts.iter().any(|other| other == host);
    let line = |host: &Endpoint, word: &str| {
        let link = host.link.as_deref().unwrap_or("the link of its addresses");
        format!(
            "HostEndpoint {}: {link} of {} {word} chains of its own",
            host.name, host.node
        )
    };
    let come = new
        .hosts
        .iter()
        .filter(|host| !has(old, host))
        .map(|host| line(host, "gets"));
    let go = old
        .hosts
        .iter()
        .filter(|host| !new.hosts.iter().any(|other| other.name == host.name))
        .map(|host| line(host, "loses"));
    come.chain(go).collect()
}
