//! Whether two pictures show one machine: a name alone doesn't say so, cloned machines have the same.

use std::collections::HashSet;

use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::NodeState;

impl NodeState {
    /// Whether that is surely another machine: other machine-ids (machine-id(5)), or other boot ids though the one was up
    /// when the other was looked at. Between two pictures of one machine, it may have been started again.
    pub fn is_other_machine(&self, other: &Self) -> bool {
        let (Some(one), Some(two)) = (self.kernel.known(), other.kernel.known()) else {
            return false;
        };
        let differ =
            |one: Option<&String>, two: Option<&String>| one.zip(two).is_some_and(|(one, two)| one != two);
        differ(one.machine_id.known(), two.machine_id.known())
            || (differ(one.boot_id.known(), two.boot_id.known()) && self.was_up_with(other) == Some(true))
    }

    /// Whether each was up when the other was looked at.
    fn was_up_with(&self, other: &Self) -> Option<bool> {
        let [(began, seen), (others_began, others_seen)] = [self.up()?, other.up()?];
        Some(began < others_seen && others_began < seen)
    }

    /// When it began to run, and until when it is known to have run.
    fn up(&self) -> Option<(OffsetDateTime, OffsetDateTime)> {
        let seen = OffsetDateTime::parse(&self.taken, &Rfc3339).ok()?;
        let uptime = i64::try_from(*self.kernel.known()?.uptime.known()?).ok()?;
        Some((seen.checked_sub(Duration::seconds(uptime))?, seen))
    }

    /// The name that Calico knows it by, whatever it is called here.
    pub fn own_name(&self) -> &str {
        self.name_in_use.as_deref().unwrap_or(&self.name)
    }
}

/// Of machines with one name, all but the first get another one in this picture: their host's where that one is free.
pub fn tell_apart<'n>(nodes: impl Iterator<Item = &'n mut NodeState>) {
    let nodes: Vec<&mut NodeState> = nodes.collect();
    let mut taken: HashSet<String> = nodes.iter().map(|node| node.name.clone()).collect();
    let mut seen: HashSet<String> = HashSet::new();
    for node in nodes {
        if seen.insert(node.name.clone()) {
            continue;
        }
        let host = node.kernel.known().map(|kernel| kernel.hostname.to_lowercase());
        let numbered = (2_usize..).map(|number| format!("{}#{number}", node.name));
        let mut names = host.into_iter().chain(numbered);
        let free = names.find(|name| !name.is_empty() && !taken.contains(name));
        if let Some(free) = free {
            taken.insert(free.clone());
            node.name_in_use = Some(std::mem::replace(&mut node.name, free));
        }
    }
}
