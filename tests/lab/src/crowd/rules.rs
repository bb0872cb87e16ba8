//! Rules as kube-proxy and Felix write them, in the words of iptables-save(8), so that they can be looked for as they are.

use super::{Sizes, member, set_name};

/// Tables with their chains and rules.
#[derive(Debug, Default)]
pub struct Rules {
    filter: Table,
    nat: Table,
}

#[derive(Debug, Default)]
struct Table {
    chains: Vec<String>,
    rules: Vec<String>,
}

/// The node's end of a pod's veth pair.
pub(super) fn pod_link(number: usize) -> String {
    format!("cali{number:011x}")
}

impl Rules {
    pub(super) fn new(sizes: Sizes) -> Self {
        let mut rules = Self::default();
        rules.filter.chains = ["cali-FORWARD", "cali-from-wl-dispatch", "cali-to-wl-dispatch"]
            .map(str::to_owned)
            .into();
        rules.filter.rules = [
            "-A FORWARD -m comment --comment \"cali:wUHhoiAYhphO9Mso\" -j cali-FORWARD",
            "-A cali-FORWARD -i cali+ -m comment --comment \"cali:8ZoYfO5HKXWbB3pk\" -j cali-from-wl-dispatch",
            "-A cali-FORWARD -o cali+ -m comment --comment \"cali:jdEuaPBe14V2hutn\" -j cali-to-wl-dispatch",
        ]
        .map(str::to_owned)
        .into();
        rules.nat.chains = ["KUBE-MARK-MASQ", "KUBE-SERVICES"].map(str::to_owned).into();
        rules.nat.rules = [
            "-A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
            "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000",
        ]
        .map(str::to_owned)
        .into();
        for number in 0..sizes.pods {
            rules.pod(number, sizes.sets_count());
        }
        let mut service = 0;
        while rules.len() < sizes.rules {
            rules.service(service);
            service += 1;
        }
        rules
            .nat
            .rules
            .truncate(sizes.rules.saturating_sub(rules.filter.rules.len()));
        rules
    }

    fn len(&self) -> usize {
        self.filter.rules.len() + self.nat.rules.len()
    }

    /// All rules, as `iptables-save` prints them.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.filter
            .rules
            .iter()
            .chain(&self.nat.rules)
            .map(String::as_str)
    }

    /// What `iptables-restore` reads.
    pub(super) fn save(&self) -> String {
        let mut text = String::new();
        for (name, hooks, table) in [
            ("filter", &["INPUT", "FORWARD", "OUTPUT"][..], &self.filter),
            (
                "nat",
                &["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
                &self.nat,
            ),
        ] {
            super::say(&mut text, format_args!("*{name}"));
            for chain in hooks {
                super::say(&mut text, format_args!(":{chain} ACCEPT [0:0]"));
            }
            for chain in &table.chains {
                super::say(&mut text, format_args!(":{chain} - [0:0]"));
            }
            for rule in &table.rules {
                super::say(&mut text, format_args!("{rule}"));
            }
            text.push_str("COMMIT\n");
        }
        text
    }

    /// Felix's chains for the traffic of one pod, both ways.
    fn pod(&mut self, number: usize, sets: usize) {
        let link = pod_link(number);
        for (way, option, dispatch) in [("tw", "-o", "to"), ("fw", "-i", "from")] {
            let chain = format!("cali-{way}-{link}");
            let hash = |rule: usize| format!("-m comment --comment \"cali:{way}{number:06}rule{rule:04}\"");
            let mut add = |rule: String| self.filter.rules.push(rule);
            add(format!(
                "-A cali-{dispatch}-wl-dispatch {option} {link} {} -g {chain}",
                hash(0)
            ));
            for (rule, state) in [(1, "RELATED,ESTABLISHED -j ACCEPT"), (2, "INVALID -j DROP")] {
                add(format!(
                    "-A {chain} {} -m conntrack --ctstate {state}",
                    hash(rule)
                ));
            }
            add(format!("-A {chain} {} -j MARK --set-xmark 0x0/0x10000", hash(3)));
            if sets > 0 {
                add(format!(
                    "-A {chain} -p tcp {} -m set --match-set {} src -m multiport --dports 80,443,8080:8090 \
                     -j MARK --set-xmark 0x10000/0x10000",
                    hash(4),
                    set_name(number % sets)
                ));
            }
            // What a policy of the namespace allows: pods reach each other by ICMP.
            add(format!(
                "-A {chain} -p icmp {} -j MARK --set-xmark 0x10000/0x10000",
                hash(5)
            ));
            add(format!(
                "-A {chain} {} -m mark --mark 0x10000/0x10000 -j RETURN",
                hash(6)
            ));
            add(format!(
                "-A {chain} {} -m comment --comment \"Drop if no policies passed packet\" -j DROP",
                hash(7)
            ));
            self.filter.chains.push(chain);
        }
    }

    /// kube-proxy's chains for a service with three endpoints.
    fn service(&mut self, number: usize) {
        let chain = format!("KUBE-SVC-{number:016X}");
        let comment = format!("-m comment --comment \"default/service{number}:http");
        let address = format!(
            "10.{}.{}.{}",
            96 + number / 62_500,
            number / 250 % 250,
            number % 250 + 1
        );
        let endpoints: Vec<(String, String)> = (0..3)
            .map(|end| {
                let name = format!("KUBE-SEP-{:016X}", number * 3 + end);
                (name, member(number * 3 + end))
            })
            .collect();
        self.nat.rules.push(format!(
            "-A KUBE-SERVICES -d {address}/32 -p tcp {comment} cluster IP\" -m tcp --dport 80 -j {chain}"
        ));
        for ((name, pod), chance) in endpoints.iter().zip(["0.33333333349", "0.50000000000", ""]) {
            let random = if chance.is_empty() {
                String::new()
            } else {
                format!("-m statistic --mode random --probability {chance} ")
            };
            self.nat
                .rules
                .push(format!("-A {chain} {comment} -> {pod}:8080\" {random}-j {name}"));
        }
        for (name, pod) in endpoints {
            self.nat
                .rules
                .push(format!("-A {name} -s {pod}/32 {comment}\" -j KUBE-MARK-MASQ"));
            self.nat.rules.push(format!(
                "-A {name} -p tcp {comment}\" -m tcp -j DNAT --to-destination {pod}:8080"
            ));
            self.nat.chains.push(name);
        }
        self.nat.chains.push(chain);
    }
}
