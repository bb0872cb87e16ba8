//! `netdiag node status`: what calicoctl shows, and why each peer that is down is down.

use std::time::Duration;

use clap::Args as ClapArgs;
use serde::Serialize;

use super::peers::{Row, rows};
use crate::calico::node::Node;
use crate::cli::source::{Depth, Picture, Source};
use crate::cli::{Context, Error, Outcome};
use crate::diagnose::{Cause, World, own_address_fault};
use crate::output::{document, table, text};
use crate::state::bird::Bird;
use crate::state::{Fact, NodeState};

/// Show this node's BGP peers, and why those that are down are down
///
/// Exit status: 0 all peers are Established, 2 a peer is down or BIRD doesn't run, 3 BIRD could not be asked, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    /// How to show it; wide adds AS, router id, timers, route counts and the last error
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// Show it again and again, every so many seconds
    #[arg(short, long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", require_equals = true)]
    watch: Option<f64>,
    /// Show only this node of the snapshots
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Wide,
    Json,
    Yaml,
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let Some(seconds) = self.watch else {
            return self.once(cx);
        };
        let pause = Duration::try_from_secs_f64(seconds)
            .map_err(|error| Error::new(format!("--watch={seconds}: {error}")))?
            .max(Duration::from_millis(100));
        loop {
            if cx.style.terminal {
                // Home, then clear what is below: redraws without a flicker.
                write!(cx.out, "\x1b[H\x1b[J")?;
            }
            self.once(cx)?;
            cx.out.flush()?;
            cx.block_on(tokio::time::sleep(pause));
        }
    }

    fn once(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let picture = Picture::new(self.source.read(cx, Depth::Whole)?);
        let world = picture.world();
        let mut worst = Outcome::Good;
        let mut statuses = Vec::new();
        for node in world.nodes {
            if self.node.as_ref().is_some_and(|name| *name != node.name) {
                continue;
            }
            let status = Status::new(&world, node);
            worst = worse(worst, status.outcome());
            statuses.push((node, status));
        }
        if statuses.is_empty() {
            let names: Vec<&str> = world.nodes.iter().map(|node| node.name.as_str()).collect();
            return Err(Error::new(format!(
                "no such node; there are: {}",
                names.join(", ")
            )));
        }
        match self.output {
            Format::Table | Format::Wide => {
                let many = statuses.len() > 1;
                for (index, (node, status)) in statuses.iter().enumerate() {
                    if many {
                        let blank = if index > 0 { "\n" } else { "" };
                        writeln!(cx.out, "{blank}{}", cx.style.strong(&format!("== {}", node.name)))?;
                    }
                    show(cx, &world, node, status, self.output == Format::Wide)?;
                }
            }
            Format::Json | Format::Yaml => {
                let value = match &statuses[..] {
                    [(_, one)] => serde_json::to_value(one),
                    many => serde_json::to_value(many.iter().map(|(_, status)| status).collect::<Vec<_>>()),
                }
                .map_err(|error| Error::new(error.to_string()))?;
                let text = if self.output == Format::Json {
                    document::json(&value)
                } else {
                    document::yaml(&value)
                };
                cx.out.write_all(text.as_bytes())?;
            }
        }
        Ok(worst)
    }
}

fn worse(a: Outcome, b: Outcome) -> Outcome {
    match (a, b) {
        (Outcome::Findings, _) | (_, Outcome::Findings) => Outcome::Findings,
        (Outcome::NotDecidable, _) | (_, Outcome::NotDecidable) => Outcome::NotDecidable,
        _ => Outcome::Good,
    }
}

/// Everything `node status` tells of one node; this is its JSON.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    /// Version of this format.
    netdiag_node_status: u32,
    node: Identity,
    process: &'static str,
    bird: [Daemon; 2],
    peers: Vec<Row>,
    established: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv4_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ipv6_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    as_number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    router_id: Option<String>,
    /// Why addresses and AS are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<String>,
    /// What is wrong with the stored addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
}

/// Whether and how a daemon answers, for one IP version.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Daemon {
    family: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    socket: Option<String>,
    /// Why it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip)]
    running: bool,
}

impl Status {
    fn new(world: &World, node: &NodeState) -> Self {
        let mut peers = Vec::new();
        for bird in [node.bird.known(), node.bird6.known()].into_iter().flatten() {
            peers.extend(rows(world, node, bird));
        }
        let one_for_both = node.bird.known().is_some_and(Bird::speaks_both_families);
        let v6 = if one_for_both { &node.bird } else { &node.bird6 };
        Self {
            netdiag_node_status: 1,
            node: Identity::new(world, node),
            process: process(node),
            bird: [
                Daemon::new("IPv4", &node.bird, node, "bird"),
                Daemon::new("IPv6", v6, node, "bird6"),
            ],
            established: peers.iter().filter(|row| row.is_up()).count(),
            peers,
        }
    }

    fn outcome(&self) -> Outcome {
        let [v4, v6] = &self.bird;
        if v4.version.is_none() && v6.version.is_none() {
            // Running but silent, or not to be asked: nothing is known. Not running: that is the finding.
            let running = v4.running || v6.running || self.process == "not visible";
            return if running {
                Outcome::NotDecidable
            } else {
                Outcome::Findings
            };
        }
        if self.established < self.peers.len() {
            Outcome::Findings
        } else {
            Outcome::Good
        }
    }
}

impl Identity {
    fn new(world: &World, node: &NodeState) -> Self {
        let object = world.object(&node.name);
        let text =
            |address: Option<crate::calico::node::NodeAddress>| address.map(|address| address.to_string());
        let local_as = || {
            let bird = node.bird.known()?;
            bird.sessions().find_map(|(_, session)| session.local_as)
        };
        Self {
            name: node.name.clone(),
            ipv4_address: object.and_then(|object| text(object.ipv4)),
            ipv6_address: object.and_then(|object| text(object.ipv6)),
            as_number: match (world.cluster, object) {
                (Ok(cluster), Some(object)) => Some(cluster.as_of(object)),
                _ => local_as().or_else(|| {
                    node.bird_config
                        .known()?
                        .peers
                        .iter()
                        .find_map(|peer| peer.local_as)
                }),
            },
            router_id: node
                .bird
                .known()
                .and_then(|bird| bird.router_id)
                .map(|id| id.to_string()),
            unknown: unknown(world, node, object),
            faults: own_address_fault(world, &node.name),
        }
    }
}

fn unknown(world: &World, node: &NodeState, object: Option<&Node>) -> Option<String> {
    match (world.cluster, object) {
        (Err(why), _) => Some(why.to_owned()),
        (Ok(cluster), None) => Some(format!("{} has no Node {}", cluster.store, node.name)),
        _ => None,
    }
}

impl Daemon {
    fn new(family: &'static str, bird: &Fact<Bird>, node: &NodeState, program: &str) -> Self {
        let known = bird.known();
        let seen = node.processes.known().is_some_and(|processes| {
            processes.bird.iter().any(|process| {
                let name = process.command.split(' ').next().unwrap_or_default();
                name.rsplit('/').next() == Some(program)
            })
        });
        let refuses = bird
            .why()
            .is_some_and(|why| why.contains("permission denied") || why.contains("did not"));
        Self {
            family,
            version: known.map(|bird| bird.version.clone()),
            socket: known.map(|bird| bird.socket.clone()),
            why: bird.why().map(str::to_owned),
            running: known.is_some() || seen || refuses,
        }
    }
}

/// Whether Felix runs, as far as can be seen.
fn process(node: &NodeState) -> &'static str {
    match node.processes.known() {
        Some(processes) if processes.felix.is_some() => "running",
        // Where BIRD's process shows, calico-node's would too.
        Some(processes) if processes.host_visible || !processes.bird.is_empty() => "not running",
        _ => "not visible",
    }
}

fn show(cx: &mut Context, world: &World, node: &NodeState, status: &Status, wide: bool) -> Result<(), Error> {
    let style = cx.style;
    let width = usize::from(style.width);
    let line = match status.process {
        "running" => style.good("Calico process is running."),
        "not running" => style.bad("Calico process is not running."),
        _ => style.warn("Calico process can't be seen from here (no access to the host's processes)."),
    };
    writeln!(cx.out, "{line}")?;
    for (index, daemon) in status.bird.iter().enumerate() {
        let v6 = index == 1;
        writeln!(cx.out)?;
        let peers: Vec<&Row> = status.peers.iter().filter(|row| row.v6 == v6).collect();
        if daemon.version.is_some() || !peers.is_empty() {
            writeln!(
                cx.out,
                "{}",
                style.strong(&format!("{} BGP status", daemon.family))
            )?;
            if peers.is_empty() {
                writeln!(cx.out, "No {} peers found.", daemon.family)?;
            } else {
                writeln!(cx.out, "{}", peer_table(&peers, style, wide))?;
            }
        } else if v6 && status.bird[0].version.is_some() {
            // Most clusters have no bird6: no reason to alarm anybody.
            writeln!(
                cx.out,
                "{}\nNo IPv6 peers found.",
                style.strong("IPv6 BGP status")
            )?;
        } else {
            let what = if daemon.running {
                "does not answer"
            } else {
                "is not running"
            };
            let why = daemon.why.as_deref().unwrap_or_default();
            let line = format!("BIRD for {} {what}: {why}", daemon.family);
            writeln!(cx.out, "{}", text::wrap(&line, width, "", "  "))?;
        }
    }
    writeln!(cx.out)?;
    identity(cx, status, width)?;
    explanations(cx, world, node, status, width)
}

fn peer_table(peers: &[&Row], style: crate::output::Style, wide: bool) -> String {
    let mut headings = vec!["PEER ADDRESS", "PEER TYPE", "STATE", "SINCE", "INFO"];
    if wide {
        headings.extend([
            "NODE",
            "AS",
            "ROUTER ID",
            "HOLD",
            "KEEPALIVE",
            "IN",
            "OUT",
            "LAST ERROR",
        ]);
    }
    let rows: Vec<Vec<String>> = peers
        .iter()
        .map(|row| {
            let mut cells = vec![
                row.peer_address.clone(),
                row.peer_type.clone(),
                row.state.clone(),
                row.since.clone(),
                row.info.clone(),
            ];
            if wide {
                cells.extend(wide_cells(row));
            }
            cells
        })
        .collect();
    let style = if wide {
        crate::output::Style {
            width: u16::MAX,
            ..style
        }
    } else {
        style
    };
    table::boxed(&headings, &rows, style)
}

fn wide_cells(row: &Row) -> [String; 8] {
    let session = row.session.clone().unwrap_or_default();
    let number = |number: Option<u32>| number.map_or_else(String::new, |number| number.to_string());
    [
        row.peer_name(),
        number(session.neighbor_as),
        session.neighbor_id.map_or_else(String::new, |id| id.to_string()),
        session.hold_timer.unwrap_or_default(),
        session.keepalive_timer.unwrap_or_default(),
        session.routes.imported.to_string(),
        session.routes.exported.to_string(),
        session.last_error.unwrap_or_default(),
    ]
}

fn identity(cx: &mut Context, status: &Status, width: usize) -> Result<(), Error> {
    let style = cx.style;
    let node = &status.node;
    let mut parts = vec![node.name.clone()];
    parts.extend(node.ipv4_address.clone());
    parts.extend(node.ipv6_address.clone());
    parts.extend(node.as_number.map(|number| format!("AS {number}")));
    parts.extend(node.router_id.as_ref().map(|id| format!("router id {id}")));
    writeln!(cx.out, "{} {}", style.strong("This node:"), parts.join(", "))?;
    if let Some(unknown) = &node.unknown {
        for (index, line) in unknown.lines().enumerate() {
            let first = if index == 0 {
                "  objects not known: "
            } else {
                "    "
            };
            writeln!(cx.out, "{}", style.faint(&text::wrap(line, width, first, "    ")))?;
        }
    }
    for fault in &node.faults {
        let line = text::wrap(fault, width, "  wrong address: ", "    ");
        writeln!(cx.out, "{}", style.bad(&line))?;
    }
    Ok(())
}

/// One entry a peer that is down, then what to type.
fn explanations(
    cx: &mut Context,
    _world: &World,
    _node: &NodeState,
    status: &Status,
    width: usize,
) -> Result<(), Error> {
    let style = cx.style;
    let down: Vec<&Row> = status.peers.iter().filter(|row| !row.is_up()).collect();
    if down.is_empty() {
        if !status.peers.is_empty() {
            let line = format!("All {} are Established.", text::count(status.peers.len(), "peer"));
            writeln!(cx.out, "{}", style.good(&line))?;
        }
        return Ok(());
    }
    let line = format!(
        "{} of {} down:",
        down.len(),
        text::count(status.peers.len(), "peer")
    );
    writeln!(cx.out, "{}", style.bad(&line))?;
    let mut steps: Vec<&str> = Vec::new();
    for row in down {
        let likely = if row.certain || row.cause == Some(Cause::Connecting) {
            ""
        } else {
            "likely: "
        };
        let name = row.peer_name();
        let who = if name.is_empty() {
            String::new()
        } else {
            format!(" ({name})")
        };
        let why = row.explanation.as_deref().unwrap_or("BIRD tells nothing of it");
        let line = text::wrap(
            &format!("{likely}{why}"),
            width,
            &format!("  {}{who}: ", row.peer_address),
            "      ",
        );
        writeln!(cx.out, "{line}")?;
        if let Some(next) = row.next.as_deref()
            && !steps.contains(&next)
        {
            steps.push(next);
        }
    }
    for (index, step) in steps.iter().enumerate() {
        let first = if index == 0 { "Next: " } else { "      " };
        let line = text::wrap(step, width, first, "        ");
        writeln!(cx.out, "{}", style.strong(&line))?;
    }
    Ok(())
}
