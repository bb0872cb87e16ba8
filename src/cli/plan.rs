//! `netdiag plan`: what manifests bring about, before they are applied.

mod answer;
mod pairs;
mod show;

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::Args as ClapArgs;

use super::format::Format;
use super::input::{Input, Namespace};
use super::source::{Depth, Picture, Source};
use super::write::refuse;
use super::{Context, Error, Outcome};
use crate::diagnose::future::{Change, Future, future};
use crate::diagnose::{Finding, check};
use crate::forward::walk::side_by_side;
use crate::state::Snapshot;
use answer::Answer;
use pairs::Pairs;

/// Tell what manifests bring about before they are applied
///
/// Which fields of which objects change; which sessions, routes and tunnels follow on each node that can be seen; which
/// pods begin or cease to reach each other; what policies then allow and no longer allow, by the labels of pods; which
/// checks appear and vanish; what breaks meanwhile. Nothing is written.
///
/// Exit status: 0 nothing gets worse, 2 pods lose each other or checks appear, 3 not decidable, 1 error.
#[derive(Debug, ClapArgs)]
pub(super) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    input: Input<true>,
    /// As if the manifests' objects were deleted, as `netdiag delete -f` does
    #[arg(long)]
    delete: bool,
    /// How to show it
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// What manifests in these files bring about.
pub(super) fn future_of(cx: &mut Context, snapshot: &Snapshot, files: &[PathBuf]) -> Result<Future, Error> {
    let input = Input::<true>::of(files);
    read_future(cx, snapshot, &input, false)
}

fn read_future(
    cx: &mut Context,
    snapshot: &Snapshot,
    input: &Input<true>,
    delete: bool,
) -> Result<Future, Error> {
    let checked = input.read(&Namespace::default(), &mut std::io::stdin().lock())?;
    let documents = match checked {
        Ok(documents) => documents,
        Err(problems) => return Err(refuse(&problems, None, "nothing is told", cx.err)?),
    };
    let changes: Vec<Change> = documents
        .into_iter()
        .map(|document| {
            if delete {
                Change::Delete(Box::new(document.resource))
            } else {
                Change::Apply(Box::new(document))
            }
        })
        .collect();
    future(snapshot, &changes).map_err(|why| {
        Error::new(why).hint("give snapshots with objects (--snapshot), or objects (--objects)")
    })
}

/// What is found in both pictures, side by side.
fn checked(pictures: [&Picture; 2]) -> [Vec<Finding>; 2] {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut found = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(picture) = pictures.get(at) else {
                return found;
            };
            found.push((at, check(&picture.world()).findings));
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let all = side_by_side(threads.min(pictures.len()), work);
    let mut both = [Vec::new(), Vec::new()];
    for (at, findings) in all.into_iter().flatten() {
        if let Some(place) = both.get_mut(at) {
            *place = findings;
        }
    }
    both
}

impl Args {
    pub(super) fn run(&self, cx: &mut Context) -> Result<Outcome, Error> {
        let before = self.source.read(cx, Depth::Whole)?;
        let mut future = read_future(cx, &before, &self.input, self.delete)?;
        let after = std::mem::take(&mut future.snapshot);
        let [old, new] = [before, after].map(Picture::new);
        let findings = checked([&old, &new]);
        let pairs = Pairs::new(&old.snapshot, &new.snapshot);
        let answer = Answer::new(&future, &findings, &pairs);
        if !self.output.write(cx, &answer)? {
            show::show(cx, &future, &answer)?;
        }
        Ok(if answer.is_worse() {
            Outcome::Findings
        } else {
            Outcome::Good
        })
    }
}
