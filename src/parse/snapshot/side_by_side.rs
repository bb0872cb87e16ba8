//! A snapshot that is in memory whole: its nodes are read from the text itself, by all processors if it is long.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::state::snapshot::{Snapshot, VERSION};
use crate::state::{Fact, NodeState, Objects};

/// Text below which threads cost more than they save, bytes: some ten nodes.
const SHORT: usize = 16 << 20;

/// Reads a snapshot as [`super::snapshot`] does, several times as fast.
///
/// # Errors
/// Those of [`super::snapshot`], which reads again what this could not: it knows older versions, and lines.
pub fn snapshot_in_memory(text: &[u8]) -> Result<Snapshot, serde_json::Error> {
    quick(text).map_or_else(|| super::snapshot(&mut &*text), Ok)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Cut<'a> {
    netdiag_snapshot: u32,
    #[serde(borrow)]
    nodes: Vec<&'a RawValue>,
    #[serde(default)]
    objects: Fact<Objects>,
}

fn quick(text: &[u8]) -> Option<Snapshot> {
    let cut: Cut = serde_json::from_slice(text).ok()?;
    if cut.netdiag_snapshot != VERSION {
        return None;
    }
    let threads = match text.len() {
        ..SHORT => 1,
        _ => thread::available_parallelism().map_or(1, NonZero::get),
    };
    Some(Snapshot {
        netdiag_snapshot: VERSION,
        nodes: nodes(&cut.nodes, threads.min(cut.nodes.len()))?,
        objects: cut.objects,
    })
}

fn nodes(texts: &[&RawValue], threads: usize) -> Option<Vec<NodeState>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut read = Vec::new();
        while let Some((at, text)) = following(texts, &next) {
            read.push((at, super::node(text.get().as_bytes(), VERSION).ok()?));
        }
        Some(read)
    };
    let mut read = thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut read = work()?;
        for thread in others {
            read.extend(thread.join().ok()??);
        }
        Some(read)
    })?;
    read.sort_by_key(|(at, _)| *at);
    Some(read.into_iter().map(|(_, node)| node).collect())
}

fn following<'a>(texts: &[&'a RawValue], next: &AtomicUsize) -> Option<(usize, &'a RawValue)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, *texts.get(at)?))
}
