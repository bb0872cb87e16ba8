//! `netdiag snapshot save --nodes`: many nodes at once, into one snapshot.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::time::Duration;

use clap::Args;

use super::progress::Progress;
use super::script::SCRIPT;
use super::targets;
use super::ways::Ways;
use crate::cli::source::{Depth, Source};
use crate::cli::{Context, Error, Outcome, seconds, source};
use crate::collect;
use crate::fleet::{Answer, Program, Target, Way, gather, once_each};
use crate::output::{table, text};
use crate::state::{Fact, NodeState, Objects, Snapshot, snapshot};

/// Which nodes, and how to get to them.
#[derive(Debug, Args)]
pub(in crate::cli) struct Fleet {
    /// Ask these nodes, commas between, in place of this one; `all` are the Nodes of the datastore; for trace, `auto` are
    /// those on the way
    #[arg(long, value_name = "NODE,…|all", value_delimiter = ',', conflicts_with_all = ["snapshot", "bird_socket"])]
    nodes: Vec<String>,
    /// How many nodes are asked at a time
    #[arg(long, value_name = "NUMBER", default_value = "20", requires = "nodes", value_parser = clap::value_parser!(u16).range(1..))]
    parallel: u16,
    /// Seconds that each node may take
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "nodes", value_parser = seconds)]
    node_timeout: Duration,
    /// Bring a shell script along that writes down what the node's own tools print, for nodes on which netdiag can't run
    #[arg(long, requires = "nodes", conflicts_with = "push")]
    script: bool,
    #[command(flatten)]
    ways: Ways,
}

impl Fleet {
    pub(in crate::cli) fn is_asked_for(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// Whether who is asked depends on the way of a packet.
    pub(in crate::cli) fn is_auto(&self) -> bool {
        self.nodes == ["auto"]
    }

    /// Asks all nodes and the datastore. The outcome is not decidable where a node is missing.
    pub(in crate::cli) fn read(
        &self,
        cx: &mut Context,
        source: &Source,
    ) -> Result<(Snapshot, Outcome), Error> {
        if self.is_auto() {
            return Err(
                Error::new("--nodes auto: only the way of one packet tells which nodes those are")
                    .hint("name the nodes, or ask for all: --nodes all"),
            );
        }
        let objects = source.objects(cx, Depth::Whole)?;
        let (nodes, outcome) = self.ask(cx, source, &objects, &self.nodes)?;
        if nodes.is_empty() {
            return Err(Error::new("no node answered: nothing is written"));
        }
        let snapshot = Snapshot {
            netdiag_snapshot: snapshot::VERSION,
            nodes,
            objects,
        };
        Ok((snapshot, outcome))
    }

    /// Asks these nodes; who doesn't answer is told.
    pub(in crate::cli) fn ask(
        &self,
        cx: &mut Context,
        source: &Source,
        objects: &Fact<Objects>,
        names: &[String],
    ) -> Result<(Vec<NodeState>, Outcome), Error> {
        let mut given: BTreeMap<String, String> = self.ways.hosts.iter().cloned().collect();
        if self.is_auto() {
            given.retain(|node, _| names.contains(node));
        }
        let way = self.way(cx)?;
        let pods = match &way {
            Way::Ssh(_) => Vec::new(),
            Way::Kube(kube) => kube.nodes().map(str::to_owned).collect(),
        };
        let targets = targets::targets(names, objects, &pods, &given)?;
        let local = collect::name();
        let (here, there): (Vec<Target>, Vec<Target>) = targets
            .iter()
            .cloned()
            .partition(|target| target.node == local && !given.contains_key(&target.node));
        let mut progress = Progress::new(targets.len(), std::io::stderr().is_terminal(), cx.style);
        let mut answers: Vec<Answer> = Vec::new();
        for target in &here {
            let answer = Ok(source.node(cx, Depth::Whole));
            progress.done(&mut *cx.err, &target.node, &answer);
            answers.push(answer);
        }
        let asked = gather(
            &there,
            usize::from(self.parallel),
            self.node_timeout,
            |target| {
                let way = &way;
                async move { way.ask(&target).await }
            },
            async {
                // Where there are no signals, nobody interrupts.
                if tokio::signal::ctrl_c().await.is_err() {
                    std::future::pending::<()>().await;
                }
            },
            |event| progress.tell(&mut *cx.err, &event),
        );
        answers.extend(cx.runtime.block_on(asked));
        progress.end(&mut *cx.err);
        let targets: Vec<Target> = here.into_iter().chain(there).collect();
        once_each(&targets, &mut answers);
        let failed = summary(cx, &targets, &answers)?;
        let nodes = sorted(cx, &targets, answers)?;
        let outcome = if failed {
            Outcome::NotDecidable
        } else {
            Outcome::Good
        };
        Ok((nodes, outcome))
    }

    fn way(&self, cx: &Context) -> Result<Way, Error> {
        let program = if self.script {
            Program::Script {
                text: SCRIPT,
                read: collect::bundle::read_archive,
            }
        } else {
            self.ways.program()?
        };
        self.ways.way(cx, program, self.node_timeout)
    }
}

/// Which nodes are missing, why, and what may help.
fn summary(cx: &mut Context, targets: &[Target], answers: &[Answer]) -> Result<bool, Error> {
    let failures: Vec<_> = targets
        .iter()
        .zip(answers)
        .filter_map(|(target, answer)| Some((target, answer.as_ref().err()?)))
        .collect();
    let came = targets.len() - failures.len();
    let line = format!("{came} of {} answered", text::count(targets.len(), "node"));
    if failures.is_empty() {
        writeln!(cx.err, "{line}")?;
        return Ok(false);
    }
    writeln!(cx.err, "{}", cx.style.bad(&line))?;
    let rows: Vec<Vec<String>> = failures
        .iter()
        .map(|(target, failure)| vec![target.node.clone(), failure.why.clone()])
        .collect();
    let width = usize::from(cx.style.width);
    write!(
        cx.err,
        "{}",
        table::columns(&["MISSING", "WHY"], &rows, 2, Some(width))
    )?;
    let mut hints: Vec<&str> = failures.iter().filter_map(|(_, failure)| failure.hint).collect();
    hints.sort_unstable();
    hints.dedup();
    for hint in hints {
        let hint = text::wrap(hint, width, &format!("{} ", cx.style.strong("hint:")), "  ");
        writeln!(cx.err, "{hint}")?;
    }
    Ok(true)
}

/// The nodes that came, by name; one that calls itself by another name is told.
fn sorted(cx: &mut Context, targets: &[Target], answers: Vec<Answer>) -> Result<Vec<NodeState>, Error> {
    let mut nodes = Vec::new();
    let mut warnings = Vec::new();
    for (target, answer) in targets.iter().zip(answers) {
        let Ok(node) = answer else { continue };
        if node.own_name() != target.node {
            warnings.push(format!("{} calls itself {}", target.node, node.own_name()));
        }
        nodes.push(node);
    }
    source::warn(cx, &warnings)?;
    nodes.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(nodes)
}
