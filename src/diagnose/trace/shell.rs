//! Names in commands that are typed into a shell.
//!
//! The kernel lets links have any name without `/` and white space (`dev_valid_name`, net/core/dev.c): `a;reboot` is one.

use super::Explained;
use crate::forward::topology::Topology;

/// Puts names that a shell would take for more than a word into quotes, in all commands.
pub(super) fn quoted(mut explained: Explained, topology: &Topology) -> Explained {
    if explained.commands.is_empty() {
        return explained;
    }
    for name in odd_names(topology) {
        let quoted = format!("'{}'", name.replace('\'', r"'\''"));
        for command in &mut explained.commands {
            command.run = command.run.replace(name, &quoted);
            command.undo = command.undo.take().map(|undo| undo.replace(name, &quoted));
        }
    }
    explained
}

fn odd_names<'t>(topology: &'t Topology) -> Vec<&'t str> {
    let links = topology.places().flat_map(|(_, place)| {
        let links = place.net.links.items().iter();
        links.map(|link| link.name.as_str())
    });
    let namespaces = topology
        .places()
        .filter_map(|(_, place)| place.namespace.as_deref());
    let mut odd: Vec<&str> = links
        .chain(namespaces)
        .filter(|name| !name.is_empty() && !name.bytes().all(is_plain))
        .collect();
    odd.sort_unstable();
    odd.dedup();
    odd
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b'-' | b':' | b'@' | b'/' | b'+' | b',' | b'=')
}
