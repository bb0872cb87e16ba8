//! What `cluster diags` asks in Calico's pod of a node: the kernel's tables (calicoctl `commands/cluster/diags.go`).

/// A command, and the file that has its output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) file: String,
    pub(super) command: String,
    /// For releases whose program has no such command.
    pub(super) older: Option<Box<Table>>,
}

const KERNEL: [(&str, &str); 12] = [
    ("iptables-legacy-save.txt", "iptables-legacy-save -c"),
    ("iptables-nft-save.txt", "iptables-nft-save -c"),
    ("nft-ruleset.txt", "nft -n -a list ruleset"),
    ("ip-route.txt", "ip route show table all"),
    ("ip-route-v6.txt", "ip -6 route show table all"),
    ("ip-rule.txt", "ip rule"),
    ("ip-addr.txt", "ip addr"),
    ("ip-link.txt", "ip link"),
    ("ip-neigh.txt", "ip neigh"),
    ("ipset-list.txt", "ipset list"),
    ("conntrack-list.txt", "conntrack -LSC"),
    ("tc-qdisc.txt", "tc qdisc show"),
];

/// Maps of the eBPF data plane, by the words of Calico's own tool.
const MAPS: [&str; 10] = [
    "conntrack dump",
    "ipsets dump",
    "nat dump",
    "routes dump",
    "counters dump",
    "arp dump",
    "ifstate dump",
    "conntrack stats",
    "nat aff",
    "nat maglev",
];

const PROGRAMS: [(&str, &str); 2] = [
    ("bpf-prog.txt", "bpftool prog list"),
    (LISTED, "bpftool map list"),
];

/// Where the kernel's list of maps is, which [`named`] reads.
pub(super) const LISTED: &str = "bpf-maps.txt";

/// What is asked of each node.
pub(super) fn all(bpf: bool) -> Vec<Table> {
    let plain = |(file, command): &(&str, &str)| table((*file).to_owned(), (*command).to_owned());
    let mut all: Vec<Table> = KERNEL.iter().map(plain).collect();
    if bpf {
        all.extend(MAPS.iter().map(|words| {
            let file = format!("bpf-{}", words.trim_end_matches(" dump").replace(' ', "-"));
            let older = table(format!("{file}.txt"), format!("calico-node -bpf {words}"));
            Table {
                older: Some(Box::new(older)),
                ..table(
                    format!("{file}.json"),
                    format!("calico component node bpf {words} --json"),
                )
            }
        }));
        all.extend(PROGRAMS.iter().map(plain));
    }
    all
}

fn table(file: String, command: String) -> Table {
    Table {
        file,
        command,
        older: None,
    }
}

/// Calico's own maps in the kernel's list, whose lines begin like `35: lru_hash  name cali_v4_srmsg  flags 0x0`.
pub(super) fn named(list: &str) -> Vec<Table> {
    let one = |line: &str| {
        let (id, rest) = line.split_once(':')?;
        let id: u32 = id.parse().ok()?;
        let name = rest.split_once(" name ")?.1.split_whitespace().next()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (name.starts_with("cali") && name.chars().all(plain)).then(|| {
            table(
                format!("bpf-maps/{name}-id_{id}.txt"),
                format!("bpftool map dump id {id}"),
            )
        })
    };
    list.lines().filter_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_asked_for_only_where_the_data_plane_has_them() {
        assert_eq!(all(false).len(), KERNEL.len());
        let all = all(true);
        let nat = all.iter().find(|table| table.file == "bpf-nat.json").unwrap();
        assert_eq!(nat.command, "calico component node bpf nat dump --json");
        let older = nat.older.as_ref().unwrap();
        assert_eq!(
            (older.file.as_str(), older.command.as_str()),
            ("bpf-nat.txt", "calico-node -bpf nat dump")
        );
        assert!(all.iter().any(|table| table.file == "bpf-conntrack-stats.json"));
    }

    #[test]
    fn calico_s_own_maps_are_known_in_the_kernel_s_list() {
        let list = "\
            35: lru_hash  name cali_v4_srmsg  flags 0x0\n\tkey 16B  value 8B  max_entries 510000  memlock 12242944B\n\
            \tpids calico-node(28576)\n36: hash  name other  flags 0x0\n37: array  name cali/../x  flags 0x0\n";
        let named = named(list);
        assert_eq!(named.len(), 1, "{named:?}");
        assert_eq!(named[0].file, "bpf-maps/cali_v4_srmsg-id_35.txt");
        assert_eq!(named[0].command, "bpftool map dump id 35");
    }
}
