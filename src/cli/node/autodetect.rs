//! `netdiag node autodetect`: what Calico's address detection would take on this node, and why.

use std::net::IpAddr;

use clap::Args as ClapArgs;
use ipnet::IpNet;
use serde::Serialize;

use crate::calico::autodetect::{Detection, Interface, Method, Sources, detect};
use crate::calico::release::Release;
use crate::cli::format::Format;
use crate::cli::source::{Depth, Picture, Source};
use crate::cli::{Context, Error, Outcome};
use crate::collect::reach;
use crate::diagnose::World;
use crate::intent::{autodetect, cluster::stored_address};
use crate::output::{table, text};
use crate::state::NodeState;
use crate::state::link::Address;
use crate::state::route::TableId;

/// Re-run Calico's address detection on this node and explain it
///
/// Shows the links in the order in which Calico walks them, what each method would take, what the datastore holds, and
/// whether the next start of calico-node would change it.
///
/// Exit status: 0 the stored address stays, 2 a restart would change it or finds none, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// Method to walk with: first-found, interface=REGEX, skip-interface=REGEX, can-reach=HOST, cidr=CIDR or
    /// kubernetes-internal-ip (default: what calico-node's environment says, else first-found)
    #[arg(short, long, value_name = "METHOD")]
    method: Option<String>,
    /// Method for IPv6, as --method
    #[arg(long, value_name = "METHOD")]
    method6: Option<String>,
    /// Calico release whose rules to follow (default: what the datastore says, else the newest known)
    #[arg(long, value_name = "RELEASE")]
    calico_version: Option<Release>,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let picture = Picture::new(self.source.read(cx, Depth::Kernel)?);
        let world = picture.world();
        let Some(node) = world.nodes.first() else {
            return Err(Error::new("the snapshot holds no node"));
        };
        let detected = self.detect(&world, node)?;
        if !self.output.write(cx, &detected)? {
            show(cx, &detected)?;
        }
        let changes = detected.families.iter().any(|family| family.warning.is_some());
        Ok(if changes { Outcome::Findings } else { Outcome::Good })
    }

    fn detect(&self, world: &World, node: &NodeState) -> Result<Detected, Error> {
        let stored = world.cluster.ok().and_then(|cluster| cluster.release);
        let (release, release_from) = match (self.calico_version, stored) {
            (Some(release), _) => (release, "given"),
            (None, Some(release)) => (release, "from the datastore"),
            (None, None) => (Release::NEWEST, "the newest known: the datastore says none"),
        };
        let interfaces = autodetect::interfaces(node, release).map_err(Error::new)?;
        let families = [false, true]
            .into_iter()
            .map(|v6| {
                let walk = Walk {
                    interfaces: interfaces.clone(),
                    release,
                    v6,
                    reach: if self.source.is_snapshot() {
                        no_reach
                    } else {
                        reach::source_address
                    },
                };
                self.family(world, node, &walk)
            })
            .collect::<Result<_, _>>()?;
        Ok(Detected {
            netdiag_node_autodetect: 1,
            node: node.name.clone(),
            calico_release: release.to_string(),
            release_from,
            families,
            store: match world.cluster {
                Ok(cluster) => cluster.store.clone(),
                Err(why) => format!("not known: {why}"),
            },
        })
    }

    fn family(&self, world: &World, node: &NodeState, walk: &Walk) -> Result<Family, Error> {
        let v6 = walk.v6;
        let environment = node.processes.known().map(|processes| &processes.environment);
        let setting = |name: &str| environment.and_then(|environment| environment.get(name)).cloned();
        let (given, variable, ip) = if v6 {
            (&self.method6, "IP6_AUTODETECTION_METHOD", "IP6")
        } else {
            (&self.method, "IP_AUTODETECTION_METHOD", "IP")
        };
        let (text, method_from) = match (given.clone(), setting(variable)) {
            (Some(method), _) => (method, "given"),
            (None, Some(method)) => (method, "from calico-node's environment"),
            (None, None) => ("first-found".to_owned(), "Calico's default"),
        };
        let method = Method::parse(&text).map_err(Error::new)?;
        let detection = detect(
            &method,
            walk.release,
            &walk.interfaces,
            v6,
            &walk.sources(world, node),
        );
        let stored = world
            .object(&node.name)
            .and_then(|object| stored_address(object, v6));
        let mut family = Family {
            family: if v6 { "IPv6" } else { "IPv4" },
            method: method.to_string(),
            method_from,
            candidates: candidates(node, &detection),
            picked: detection.address().map(|address| address.to_string()),
            why_none: detection.picked.as_ref().err().cloned(),
            others: other_methods(world, node, &method, walk, &detection),
            stored: stored.map(|stored| stored.to_string()),
            warning: None,
        };
        let ip = match (
            setting(ip),
            environment.is_some_and(|environment| !environment.is_empty()),
        ) {
            (Some(value), _) if !value.is_empty() => Setting::Set(value),
            (_, true) => Setting::Unset,
            (_, false) => Setting::Unknown,
        };
        family.warning = warning(&family, &ip, given.is_some());
        Ok(family)
    }
}

/// One detection: what it looks at, and by which rules.
struct Walk {
    interfaces: Vec<Interface>,
    release: Release,
    v6: bool,
    /// Asks the kernel which address it would send from.
    reach: fn(&str, bool) -> Result<IpAddr, String>,
}

impl Walk {
    fn sources(&self, world: &World, node: &NodeState) -> Sources<'_> {
        Sources {
            source_address: &self.reach,
            internal_ips: autodetect::internal_ips(world.object(&node.name)),
        }
    }
}

fn no_reach(_: &str, _: bool) -> Result<IpAddr, String> {
    Err("not decidable from a snapshot: it holds no route lookup".to_owned())
}

/// What calico-node's environment says of `IP` or `IP6`.
enum Setting {
    /// Its processes can't be seen.
    Unknown,
    Unset,
    Set(String),
}

/// Whether the next start of calico-node changes the stored address (calico `node/pkg/lifecycle/startup`): `autodetect`
/// detects at each start, an unset `IP` only while nothing is stored, and IPv6 only when `IP6` says so.
fn warning(family: &Family, ip: &Setting, what_if: bool) -> Option<String> {
    let when = match ip {
        _ if what_if => "with this method, a restart of calico-node",
        Setting::Set(value) if value == "autodetect" => "the next restart of calico-node",
        Setting::Set(value) if value == "none" => return None,
        Setting::Set(value) => {
            let host = |address: &str| address.split('/').next().unwrap_or_default().to_owned();
            let stored = family.stored.as_deref()?;
            return (host(stored) != host(value))
                .then(|| format!("calico-node is told to use {value}, but {stored} is stored"));
        }
        Setting::Unset if family.stored.is_some() || family.family == "IPv6" => return None,
        Setting::Unset => "the next restart of calico-node",
        Setting::Unknown => "if calico-node runs with IP=autodetect, as its manifests do, its next restart",
    };
    match (&family.stored, &family.picked) {
        (Some(stored), Some(picked)) if stored != picked => {
            Some(format!("{when} would change {stored} to {picked}"))
        }
        (Some(stored), None) => Some(format!("{when} would find no address; {stored} is stored")),
        _ => None,
    }
}

/// What the other methods would take, each with the argument that suggests itself: the uplink's name and segment, the
/// default gateway, and for skip-interface the link that is taken now.
fn other_methods(
    world: &World,
    node: &NodeState,
    chosen: &Method,
    walk: &Walk,
    detection: &Detection,
) -> Vec<Other> {
    let mut methods = vec![Method::FirstFound];
    let name = |name: &str| vec![format!("^{}$", regex::escape(name))];
    let uplink = uplink(node, walk.v6);
    if let Some(uplink) = &uplink {
        methods.push(Method::Interface(name(&uplink.link)));
    }
    let skip = detection.winner().map(|winner| winner.interface.clone());
    if let Some(skip) = skip.filter(|skip| uplink.as_ref().is_some_and(|uplink| uplink.link != *skip)) {
        methods.push(Method::SkipInterface(name(&skip)));
    }
    if let Some(uplink) = uplink {
        methods.extend(
            uplink
                .gateway
                .map(|gateway| Method::CanReach(gateway.to_string())),
        );
        methods.extend(uplink.segment.map(|segment| Method::Cidr(vec![segment])));
    }
    methods.push(Method::KubernetesInternalIp);
    let sources = walk.sources(world, node);
    methods
        .into_iter()
        .filter(|method| method != chosen)
        .map(|method| {
            let found = detect(&method, walk.release, &walk.interfaces, walk.v6, &sources);
            Other {
                method: method.to_string(),
                interface: found.winner().map(|winner| winner.interface.clone()),
                picks: found.address().map(|address| address.to_string()),
                why_none: found.picked.err(),
            }
        })
        .collect()
}

/// The link of the default route.
struct Uplink {
    link: String,
    gateway: Option<IpAddr>,
    segment: Option<IpNet>,
}

fn uplink(node: &NodeState, v6: bool) -> Option<Uplink> {
    let default = node.net.routes.items().iter().find(|route| {
        route.table == TableId::MAIN && route.dst.prefix_len() == 0 && route.dst.addr().is_ipv6() == v6
    })?;
    let hop = default.next_hops.iter().find(|hop| !hop.is_dead())?;
    let link = node.net.link(hop.link?)?;
    let segment = node
        .net
        .addresses
        .items()
        .iter()
        .filter(|address| address.link == link.index && address.ip.is_ipv6() == v6)
        .filter_map(Address::network)
        .find(|segment| hop.gateway.is_none_or(|gateway| segment.contains(&gateway)));
    Some(Uplink {
        link: link.name.clone(),
        gateway: hop.gateway,
        segment,
    })
}

fn candidates(node: &NodeState, detection: &Detection) -> Vec<Row> {
    detection
        .candidates
        .iter()
        .map(|candidate| {
            let link = node
                .net
                .links
                .items()
                .iter()
                .find(|link| link.name == candidate.interface);
            Row {
                interface: candidate.interface.clone(),
                index: link.map(|link| link.index.0),
                kind: link.map(|link| link.kind_name().to_owned()),
                state: link.map(|link| {
                    if link.is_up() {
                        link.operstate.clone()
                    } else {
                        "admin down".to_owned()
                    }
                }),
                address: candidate.address.map(|address| address.to_string()),
                picked: candidate.verdict.is_picked(),
                verdict: candidate.verdict.to_string(),
            }
        })
        .collect()
}

/// The whole answer; this is its JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Detected {
    /// Version of this format.
    netdiag_node_autodetect: u32,
    node: String,
    calico_release: String,
    release_from: &'static str,
    store: String,
    families: Vec<Family>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Family {
    family: &'static str,
    method: String,
    method_from: &'static str,
    /// In the order in which Calico walks.
    candidates: Vec<Row>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_none: Option<String>,
    others: Vec<Other>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stored: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    interface: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    picked: bool,
    verdict: String,
}

impl Row {
    fn cells(&self) -> Vec<String> {
        vec![
            self.interface.clone(),
            self.kind.clone().unwrap_or_default(),
            self.state.clone().unwrap_or_default(),
            self.address.clone().unwrap_or_else(|| "-".to_owned()),
            self.verdict.clone(),
        ]
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Other {
    method: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picks: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_none: Option<String>,
}

fn show(cx: &mut Context, detected: &Detected) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    writeln!(
        cx.out,
        "{}, by the rules of Calico {} ({})",
        style.strong(&detected.node),
        detected.calico_release,
        detected.release_from
    )?;
    for family in &detected.families {
        let heading = format!("{} by {} ({})", family.family, family.method, family.method_from);
        writeln!(cx.out, "\n{}", style.strong(&heading))?;
        let rows: Vec<Vec<String>> = family.candidates.iter().map(Row::cells).collect();
        if !rows.is_empty() {
            let headings = ["LINK", "KIND", "STATE", "ADDRESS", "VERDICT"];
            write!(cx.out, "{}", table::columns(&headings, &rows, 2, Some(width)))?;
        }
        let picked = match (&family.picked, &family.why_none) {
            (Some(picked), _) => format!("picks {picked}"),
            (None, why) => format!("picks nothing: {}", why.as_deref().unwrap_or_default()),
        };
        writeln!(cx.out, "{}", text::wrap(&picked, width, "", "  "))?;
        let stored = family.stored.as_deref().unwrap_or("no address");
        writeln!(
            cx.out,
            "{}",
            text::wrap(
                &format!("stored: {stored} ({})", detected.store.replace('\n', "; ")),
                width,
                "",
                "  "
            )
        )?;
        if let Some(warning) = &family.warning {
            writeln!(
                cx.out,
                "{}",
                style.bad(&text::wrap(warning, width, "warning: ", "  "))
            )?;
        }
        let others: Vec<Vec<String>> = family
            .others
            .iter()
            .map(|other| {
                let picks = match (&other.picks, &other.interface) {
                    (Some(picks), Some(interface)) => format!("{interface} {picks}"),
                    _ => format!("nothing: {}", other.why_none.as_deref().unwrap_or_default()),
                };
                vec![other.method.clone(), picks]
            })
            .collect();
        write!(
            cx.out,
            "{}",
            table::columns(&["OTHER METHODS", "WOULD PICK"], &others, 2, Some(width))
        )?;
    }
    Ok(())
}
