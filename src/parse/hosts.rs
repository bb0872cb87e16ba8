//! hosts(5).

use crate::state::hosts::HostsEntry;

/// Reads the lines that hold an address and a name; others say nothing and are passed over.
pub fn hosts(text: &str) -> Vec<HostsEntry> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split('#').next()?.split_whitespace();
            let ip = words.next()?.parse().ok()?;
            let names: Vec<String> = words.map(str::to_owned).collect();
            (!names.is_empty()).then_some(HostsEntry { ip, names })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_lines_without_an_address_are_passed_over() {
        let hosts = hosts(
            "127.0.0.1 localhost\n# 10.0.0.1 no\n192.168.80.24\tnode2 node2.example # yes\nnonsense\n\n",
        );
        assert_eq!(hosts.len(), 2);
        assert_eq!(hosts[1].ip.to_string(), "192.168.80.24");
        assert_eq!(hosts[1].names, ["node2", "node2.example"]);
    }
}
