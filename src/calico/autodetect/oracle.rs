//! What calico-node's own detection returned, replayed (`fixtures/autodetect/cases.json`).

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use super::{Interface, Method, PEERS_ARE_HOSTS, Sources, detect};
use crate::calico::release::Release;

const CASES: &str = include_str!("../../../fixtures/autodetect/cases.json");

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// In the kernel's order.
    interfaces: Vec<Link>,
    release: String,
    method: String,
    v6: bool,
    /// The source address of the UDP connect of `can-reach`.
    reach: Option<IpAddr>,
    /// The `InternalIP`s of the Kubernetes node.
    internal: Option<Vec<String>>,
    expected: Option<String>,
    /// Why netdiag answers differently, where it still does.
    open: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    name: String,
    /// `ADDRESS/LENGTH`, or `ADDRESS peer PEER/LENGTH` as ip(8) writes it.
    addresses: Vec<String>,
}

impl Link {
    fn interface(&self, release: Release) -> Interface {
        let address = |text: &String| -> IpNet {
            let Some((local, peer)) = text.split_once(" peer ") else {
                return text.parse().unwrap();
            };
            let (local, peer): (IpAddr, IpNet) = (local.parse().unwrap(), peer.parse().unwrap());
            if release < PEERS_ARE_HOSTS {
                IpNet::new(local, peer.prefix_len()).unwrap()
            } else {
                local.into()
            }
        };
        Interface {
            name: self.name.clone(),
            addresses: self.addresses.iter().map(address).collect(),
        }
    }
}

impl Case {
    /// What netdiag finds; a setting that it refuses finds nothing.
    fn found(&self) -> Option<String> {
        let release: Release = self.release.parse().unwrap();
        let interfaces: Vec<Interface> = self
            .interfaces
            .iter()
            .map(|link| link.interface(release))
            .collect();
        let internal = self.internal.iter().flatten();
        let sources = Sources {
            source_address: &|_, _| self.reach.ok_or_else(|| "no path".to_owned()),
            internal_ips: Ok(internal.filter_map(|ip| ip.parse().ok()).collect()),
        };
        let method = Method::parse(&self.method).ok()?;
        let detection = detect(&method, release, &interfaces, self.v6, &sources);
        detection.address().map(|address| address.to_string())
    }
}

#[test]
fn detection_finds_what_calico_itself_found() {
    let fixture: Fixture = serde_json::from_str(CASES).unwrap();
    assert!(fixture.cases.len() > 100);
    let mut wrong = Vec::new();
    for (index, case) in fixture.cases.iter().enumerate() {
        let found = case.found();
        let same = found == case.expected;
        if same == case.open.is_some() {
            wrong.push(format!(
                "case {index}: {:?} by {}, IPv{}: {found:?}, Calico {:?}{}",
                case.method,
                case.release,
                if case.v6 { 6 } else { 4 },
                case.expected,
                if same { "; no longer open" } else { "" }
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
