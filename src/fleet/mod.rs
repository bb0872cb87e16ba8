//! Asks many nodes for their snapshots at once. Each answers for itself: one that is silent costs its own time only.

pub mod kube;
pub mod ssh;

mod relay;
mod remote;

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;

use crate::state::{NodeState, machine};

pub use relay::Relay;
pub use remote::Program;

/// A node to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub node: String,
    /// Where it may be reached, the likeliest first; the next one is tried when one means nothing to ssh.
    pub hosts: Vec<String>,
}

/// The way to the nodes.
#[derive(Clone)]
pub enum Way {
    Ssh(ssh::Ssh),
    Kube(kube::Kube),
}

impl Way {
    /// Asks one node.
    pub async fn ask(&self, target: &Target) -> Answer {
        match self {
            Self::Ssh(ssh) => ssh.ask(target).await,
            Self::Kube(kube) => kube.ask(target).await,
        }
    }

    /// Runs netdiag with these words on a node, until it ends or until `stop`: then it is told to end, and waited for.
    /// Its output goes on as it comes.
    ///
    /// # Errors
    /// Says why it could not be run, or what became of the connection or of the output. What it ended with is no error.
    pub async fn run(
        &self,
        target: &Target,
        words: &[&str],
        relay: &mut Relay<'_>,
        stop: impl Future<Output = ()>,
    ) -> Result<i32, Failure> {
        let stop = std::pin::pin!(stop);
        match self {
            Self::Ssh(ssh) => ssh.run(target, words, relay, stop).await,
            Self::Kube(kube) => kube.run(target, words, relay, stop).await,
        }
    }
}

/// Why a node gave nothing, and what may help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub why: String,
    pub hint: Option<&'static str>,
}

impl Failure {
    fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            hint: None,
        }
    }

    const fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// What a node gave.
pub type Answer = Result<NodeState, Failure>;

/// What happens while nodes are asked.
#[derive(Debug)]
pub enum Event<'a> {
    Done {
        node: &'a str,
        answer: &'a Answer,
    },
    /// Somebody has had enough: those that are left are given up.
    Stopped,
}

/// Asks all, some at a time, and tells of each answer as it comes. Answers are in the order of the targets; those
/// still awaited at `stop` have failed.
pub async fn gather<A>(
    targets: &[Target],
    parallel: usize,
    patience: Duration,
    ask: impl Fn(Target) -> A,
    stop: impl Future<Output = ()>,
    mut tell: impl FnMut(Event),
) -> Vec<Answer>
where
    A: Future<Output = Answer>,
{
    let mut answers: Vec<Option<Answer>> = targets.iter().map(|_| None).collect();
    let asking = targets.iter().enumerate().map(|(at, target)| {
        let asked = ask(target.clone());
        async move {
            let answer = tokio::time::timeout(patience, asked).await;
            let seconds = patience.as_secs_f64();
            (
                at,
                answer.unwrap_or_else(|_| Err(Failure::new(format!("no answer within {seconds} s")))),
            )
        }
    });
    let mut asking = stream::iter(asking).buffer_unordered(parallel.max(1));
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            next = asking.next() => {
                let Some((at, answer)) = next else { break };
                if let (Some(target), Some(place)) = (targets.get(at), answers.get_mut(at)) {
                    tell(Event::Done { node: &target.node, answer: &answer });
                    *place = Some(answer);
                }
            }
            () = &mut stop => {
                tell(Event::Stopped);
                break;
            }
        }
    }
    answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(|| Err(Failure::new("interrupted before it answered"))))
        .collect()
}

/// The one node of a snapshot that came over the network.
fn the_node(program: &Program, bytes: &[u8], from: &str) -> Answer {
    if bytes.is_empty() {
        return Err(Failure::new(format!("{from} answered with nothing")));
    }
    let mut snapshot = program
        .read(bytes)
        .map_err(|why| Failure::new(format!("the answer of {from} is no snapshot: {why}")))?;
    match (snapshot.nodes.pop(), snapshot.nodes.len()) {
        (Some(node), 0) => Ok(node),
        (_, more) => Err(Failure::new(format!(
            "the answer of {from} holds {} nodes",
            if more == 0 { 0 } else { more + 1 }
        ))),
    }
}

/// Takes out those that another node has given already: two names may lead to one host. Two hosts may have one name, too:
/// the second gets another.
pub fn once_each(targets: &[Target], answers: &mut [Answer]) {
    let mut seen: HashMap<String, Vec<&NodeState>> = HashMap::new();
    for (target, answer) in targets.iter().zip(&mut *answers) {
        let again = answer.as_ref().ok().filter(|node| {
            let machines = seen.get(&node.name).into_iter().flatten();
            machines.into_iter().any(|first| !node.is_other_machine(first))
        });
        if let Some(node) = again {
            let why = format!("{} leads to {}, which answered already", target.node, node.name);
            *answer = Err(Failure::new(why));
        } else if let Ok(node) = answer {
            seen.entry(node.name.clone()).or_default().push(node);
        }
    }
    machine::tell_apart(answers.iter_mut().flatten());
}

#[cfg(test)]
mod tests;
