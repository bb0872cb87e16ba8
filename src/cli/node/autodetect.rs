//! `netdiag node autodetect`: what Calico's address detection would take on this node, and why.

use std::net::IpAddr;

use clap::Args as ClapArgs;
use serde::Serialize;

use crate::calico::autodetect::{Detection, Interface, Method, Sources, Verdict, detect};
use crate::calico::release::Release;
use crate::cli::source::{Depth, Picture, Source};
use crate::cli::{Context, Error, Outcome};
use crate::collect::reach;
use crate::diagnose::World;
use crate::intent::{autodetect, cluster::stored_address};
use crate::output::{document, table, text};
use crate::state::NodeState;

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

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
    Yaml,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let picture = Picture::new(self.source.read(cx, Depth::Kernel)?);
        let world = picture.world();
        let Some(node) = world.nodes.first() else {
            return Err(Error::new("the snapshot holds no node"));
        };
        let detected = self.detect(&world, node)?;
        match self.output {
            Format::Table => show(cx, &detected)?,
            Format::Json => cx.out.write_all(document::json(&detected).as_bytes())?,
            Format::Yaml => cx.out.write_all(document::yaml(&detected).as_bytes())?,
        }
        let changes = detected.families.iter().any(|family| family.warning.is_some());
        Ok(if changes { Outcome::Findings } else { Outcome::Good })
    }

    fn detect(&self, world: &World, node: &NodeState) -> Result<Detected, Error> {
        let interfaces = autodetect::interfaces(node).map_err(Error::new)?;
        let stored = world.cluster.ok().and_then(|cluster| cluster.release);
        let (release, release_from) = match (self.calico_version, stored) {
            (Some(release), _) => (release, "given"),
            (None, Some(release)) => (release, "from the datastore"),
            (None, None) => (Release::NEWEST, "the newest known: the datastore says none"),
        };
        let live = !self.source.is_snapshot();
        let source_address = move |destination: &str, v6: bool| -> Result<IpAddr, String> {
            if live {
                reach::source_address(destination, v6)
            } else {
                Err("not decidable from a snapshot: it holds no route lookup".to_owned())
            }
        };
        let sources = Sources {
            source_address: &source_address,
            internal_ips: autodetect::internal_ips(world.object(&node.name)),
        };
        let families = [false, true]
            .into_iter()
            .map(|v6| self.family(world, node, &interfaces, release, &sources, v6))
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

    fn family(
        &self,
        world: &World,
        node: &NodeState,
        interfaces: &[Interface],
        release: Release,
        sources: &Sources,
        v6: bool,
    ) -> Result<Family, Error> {
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
        let detection = detect(&method, release, interfaces, v6, sources);
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
            others: other_methods(&method, &detection, interfaces, release, sources, v6),
            stored: stored.map(|stored| stored.to_string()),
            warning: None,
        };
        family.warning = warning(&family, setting(ip).as_deref(), given.is_some());
        Ok(family)
    }
}

/// Whether the next start of calico-node changes the stored address.
fn warning(family: &Family, ip: Option<&str>, what_if: bool) -> Option<String> {
    let when = if what_if {
        "with this method, a restart"
    } else {
        "the next restart of calico-node"
    };
    // IPv6 is detected only when IP6 says so; IPv4 unless an address is stored or given (startup.go).
    let detects = match ip {
        Some("autodetect") => true,
        Some("none") => return None,
        Some(address) if !address.is_empty() => {
            let fixed = family
                .stored
                .as_deref()
                .and_then(|stored| stored.split('/').next());
            let given = address.split('/').next();
            return (fixed.is_some() && fixed != given)
                .then(|| format!("calico-node is told to use {address}, but another address is stored"));
        }
        _ => false,
    };
    if !detects && !what_if && (family.stored.is_some() || family.family == "IPv6") {
        return None;
    }
    match (&family.stored, &family.picked) {
        (Some(stored), Some(picked)) if stored != picked => {
            Some(format!("{when} would change {stored} to {picked}"))
        }
        (Some(stored), None) => Some(format!("{when} would find no address; {stored} is stored")),
        _ => None,
    }
}

/// The other methods that need no setting, and the one that suggests itself: the link of the default choice by name.
fn other_methods(
    chosen: &Method,
    detection: &Detection,
    interfaces: &[Interface],
    release: Release,
    sources: &Sources,
    v6: bool,
) -> Vec<Other> {
    let mut methods = vec![Method::FirstFound, Method::KubernetesInternalIp];
    let mut segments: Vec<ipnet::IpNet> = Vec::new();
    for interface in interfaces.iter().rev() {
        for address in interface
            .addresses
            .iter()
            .filter(|address| address.addr().is_ipv6() == v6)
        {
            let usable = detection.candidates.iter().any(|candidate| {
                candidate.address == Some(*address) && !matches!(candidate.verdict, Verdict::NotUsable { .. })
            });
            if usable
                && !address.addr().is_loopback()
                && !is_link_local(address.addr())
                && !segments.contains(&address.trunc())
            {
                segments.push(address.trunc());
                methods.push(Method::Interface(vec![format!(
                    "^{}$",
                    regex::escape(&interface.name)
                )]));
                methods.push(Method::SkipInterface(vec![format!(
                    "^{}$",
                    regex::escape(&interface.name)
                )]));
                methods.push(Method::Cidr(vec![address.trunc()]));
            }
        }
    }
    let anywhere = if v6 { "2001:db8::1" } else { "192.0.2.1" };
    methods.push(Method::CanReach(anywhere.to_owned()));
    methods
        .into_iter()
        .filter(|method| method != chosen)
        .map(|method| {
            let found = detect(&method, release, interfaces, v6, sources);
            Other {
                method: method.to_string(),
                interface: found.winner().map(|winner| winner.interface.clone()),
                picks: found.address().map(|address| address.to_string()),
                why_none: found.picked.err(),
            }
        })
        .collect()
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

fn candidates(node: &NodeState, detection: &Detection) -> Vec<Row> {
    detection
        .candidates
        .iter()
        .map(|candidate| {
            let link = node
                .links
                .items()
                .iter()
                .find(|link| link.name == candidate.interface);
            Row {
                interface: candidate.interface.clone(),
                index: link.map(|link| link.index.0),
                kind: link.map(|link| link.kind_name().to_owned()),
                state: link.map(|link| {
                    if link.up {
                        link.operstate.clone()
                    } else {
                        "admin down".to_owned()
                    }
                }),
                address: candidate.address.map(|address| address.to_string()),
                picked: candidate.verdict == Verdict::Picked,
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
        let rows: Vec<Vec<String>> = family
            .candidates
            .iter()
            .map(|row| {
                vec![
                    row.interface.clone(),
                    row.index.map_or_else(String::new, |index| index.to_string()),
                    row.kind.clone().unwrap_or_default(),
                    row.state.clone().unwrap_or_default(),
                    row.address.clone().unwrap_or_else(|| "-".to_owned()),
                    row.verdict.clone(),
                ]
            })
            .collect();
        if !rows.is_empty() {
            let headings = ["LINK", "INDEX", "KIND", "STATE", "ADDRESS", "VERDICT"];
            writeln!(cx.out, "{}", table::boxed(&headings, &rows, style))?;
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
        writeln!(
            cx.out,
            "{}",
            table::boxed(&["OTHER METHODS", "WOULD PICK"], &others, style)
        )?;
    }
    Ok(())
}
