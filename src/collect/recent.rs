//! Lists of netfilter's `recent` match of the calling thread's namespace.

use std::io::ErrorKind;
use std::path::Path;

use super::read;
use crate::parse;
use crate::state::recent::RecentList;
use crate::state::{Absence, Fact};

/// Not `/proc/net`: that is the namespace of the process's first thread.
const LISTS: &str = "/proc/thread-self/net/xt_recent";
const CLOCK: &str = "/proc/timer_list";

/// Reads all lists. The directory is there when the match is loaded.
pub(super) fn recent() -> Fact<Vec<RecentList>> {
    let unreadable = |why: String| Fact::absent_as(Absence::Unreadable, why);
    let mut names: Vec<String> = match std::fs::read_dir(LISTS) {
        Ok(files) => files
            .flatten()
            .map(|file| file.file_name().to_string_lossy().into_owned())
            .collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Fact::absent_as(
                Absence::Missing,
                format!("{LISTS}: not there: no rule of the kernel has the recent match"),
            );
        }
        Err(error) => return unreadable(format!("{LISTS}: {error}")),
    };
    names.sort_unstable();
    of_lists(names).unwrap_or_else(unreadable)
}

fn of_lists(names: Vec<String>) -> Result<Fact<Vec<RecentList>>, String> {
    let as_root = |error| format!("{error}: run as root");
    let (mut lists, mut clock) = (Vec::new(), None);
    for name in names {
        let path = format!("{LISTS}/{name}");
        let text = read(Path::new(&path)).map_err(as_root)?;
        // Entries alone want the clock.
        if clock.is_none() && !text.is_empty() {
            let list = read(Path::new(CLOCK)).map_err(as_root)?;
            clock = Some(parse::recent::ticks(&list).ok_or_else(|| format!("{CLOCK}: shows no jiffies"))?);
        }
        let entries = match clock {
            Some(ticks) => parse::recent::recent(&text, ticks).map_err(|error| format!("{path}: {error}"))?,
            None => Vec::new(),
        };
        lists.push(RecentList { name, entries });
    }
    Ok(Fact::Known(lists))
}
