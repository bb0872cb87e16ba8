//! What a check says: findings, each with its evidence and its fix.

use serde::Serialize;
use serde_json::Value;

use super::catalogue;
use super::groups::Between;
use super::session::Cause;

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Traffic is lost.
    Error,
    /// Traffic may be lost, or will be after the next change.
    Warning,
}

impl Severity {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One fact that a finding rests on, and where it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// For example `Node(node1) spec.bgp.ipv4Address` or `ip neigh on node1`.
    pub source: String,
    pub text: String,
}

impl Evidence {
    pub fn new(source: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            text: text.into(),
        }
    }
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sure {
    /// What was seen leaves no other.
    Proved,
    /// What was seen speaks for it.
    Likely,
    /// One of several.
    Possible,
}

impl Sure {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }
}

/// Something to type, and how to take it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Command {
    /// The node on which it is typed; none: wherever netdiag reaches the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    pub run: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// It changes nothing, it only shows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub looks: bool,
}

impl Command {
    /// One that changes something on a node, and what takes it back (empty: nothing does).
    pub(super) fn on(node: &str, run: impl Into<String>, undo: impl Into<String>) -> Self {
        Self {
            node: Some(node.to_owned()),
            run: run.into(),
            undo: Some(undo.into()).filter(|undo: &String| !undo.is_empty()),
            looks: false,
        }
    }

    /// One that shows something of a node.
    pub(super) fn look(node: &str, run: impl Into<String>) -> Self {
        Self {
            looks: true,
            ..Self::on(node, run, "")
        }
    }
}

/// Fields of one object of Calico's, and what they should be; the object is made where there is none.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    pub kind: &'static str,
    pub name: String,
    /// Below `spec`: `ipipMode`, or `bgp.ipv4Address`.
    pub fields: Vec<(&'static str, Value)>,
}

/// What mends it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fix {
    /// What to do, a line a step.
    pub steps: Vec<String>,
    /// The field that has to change, for `netdiag apply -f`.
    pub change: Option<Change>,
    /// Other objects that have to change, for `netdiag apply -f`.
    pub manifest: Option<Manifest>,
    /// What to type now, in this order.
    pub commands: Vec<Command>,
}

/// Pairs of pods that can't reach each other because of it, as walks tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Affected {
    /// Ordered pairs.
    pub pairs: u64,
    /// `default/a → default/b`.
    pub example: String,
}

/// A fault that another one explains.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Consequence {
    pub id: &'static str,
    pub node: String,
    pub title: String,
}

/// One field of a Node object, and what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    pub node: String,
    /// A field of `spec.bgp`, for example `ipv4Address`.
    pub bgp_field: &'static str,
    /// What is stored now.
    pub from: String,
    pub value: String,
    /// How the right value is known.
    pub why: String,
}

/// One fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The check's id in the catalogue, for example `forwarding-off`.
    pub id: &'static str,
    pub severity: Severity,
    /// The node it is about; empty for what is of the whole cluster.
    pub node: String,
    /// The object, link or route it is about, where the node alone doesn't say it.
    pub subject: String,
    pub title: String,
    /// Why the session is down, when it is about one.
    pub cause: Option<Cause>,
    pub sure: Sure,
    pub evidence: Vec<Evidence>,
    pub fix: Fix,
    pub affected: Option<Affected>,
    /// What it brings about.
    pub consequences: Vec<Consequence>,
    /// The session that it is about, for grouping.
    pub(super) between: Option<Between>,
    /// The nodes of each session that is down for it.
    pub(super) sessions: Vec<[String; 2]>,
}

impl Finding {
    /// A finding of this check, proved until said otherwise.
    pub fn of(id: &'static str, node: impl Into<String>, title: impl Into<String>) -> Self {
        Self::new(id, node.into(), title.into())
    }

    #[inline(never)]
    fn new(id: &'static str, node: String, title: String) -> Self {
        Self {
            id,
            severity: catalogue::find(id).map_or(Severity::Error, |check| check.severity),
            node,
            subject: String::new(),
            title,
            cause: None,
            sure: Sure::Proved,
            evidence: Vec::new(),
            fix: Fix::default(),
            affected: None,
            consequences: Vec::new(),
            between: None,
            sessions: Vec::new(),
        }
    }

    pub(super) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    pub(super) const fn sure(mut self, sure: Sure) -> Self {
        self.sure = sure;
        self
    }

    pub(super) fn shown(mut self, source: impl Into<String>, text: impl Into<String>) -> Self {
        self.add_evidence(source.into(), text.into());
        self
    }

    /// To do, in words.
    pub(super) fn step(mut self, step: impl Into<String>) -> Self {
        self.add_step(step.into());
        self
    }

    /// To type on its node, and what takes it back.
    pub(super) fn run(mut self, run: impl Into<String>, undo: impl Into<String>) -> Self {
        self.add_command(run.into(), Some(undo.into()));
        self
    }

    /// To type on its node, to see more.
    pub(super) fn look(mut self, run: impl Into<String>) -> Self {
        self.add_command(run.into(), None);
        self
    }

    // Out of line: hundreds of findings are made.
    #[inline(never)]
    pub(super) fn add_evidence(&mut self, source: String, text: String) {
        self.evidence.push(Evidence::new(source, text));
    }

    #[inline(never)]
    pub(super) fn add_step(&mut self, step: String) {
        self.fix.steps.push(step);
    }

    #[inline(never)]
    fn add_command(&mut self, run: String, undo: Option<String>) {
        self.fix.commands.push(match undo {
            Some(undo) => Command::on(&self.node, run, undo),
            None => Command::look(&self.node, run),
        });
    }

    /// One field of an object that has to change.
    pub(super) fn set(
        mut self,
        kind: &'static str,
        name: &str,
        field: &'static str,
        value: impl Into<Value>,
    ) -> Self {
        self.fix.manifest = Some(Manifest {
            kind,
            name: name.to_owned(),
            fields: vec![(field, value.into())],
        });
        self
    }
}

/// All that a check found, and what it could not see.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    pub findings: Vec<Finding>,
    /// What was looked at, a line each.
    pub seen: Vec<String>,
    /// What could not be looked at, and why.
    pub unseen: Vec<String>,
    /// Without it nothing can be said: no datastore and no BIRD, for example.
    pub undecidable: Option<String>,
    /// Worth knowing, but no fault.
    pub notes: Vec<String>,
    /// Settings of calico-node that keep the mended addresses (`IP_AUTODETECTION_METHOD=…`).
    pub settings: Vec<String>,
}

impl Report {
    /// Leaves what an older report doesn't have: findings of other checks, nodes or subjects.
    pub fn keep_new(&mut self, before: &Self) {
        let same = |new: &Finding, old: &Finding| {
            (new.id, &new.node, &new.subject) == (old.id, &old.node, &old.subject)
        };
        self.findings
            .retain(|new| !before.findings.iter().any(|old| same(new, old)));
    }
}
