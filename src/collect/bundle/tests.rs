use std::io::Write;

use proptest::prelude::*;

use super::archive::{is_archive, read_stream};
use super::*;
use crate::state::netns::NsId;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/bundle");

const SMALL: Limits = Limits {
    entries: 20,
    file: 2000,
    kept: 4000,
    unpacked: 1 << 20,
    depth: 4,
};

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        // Names that a careful archiver would refuse.
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn unpack(bytes: &[u8], limits: Limits) -> Result<Folder, String> {
    let mut store = Store::new(limits);
    read_stream(bytes, &mut store)?;
    Ok(store.folder)
}

const LINK: &[u8] = b"[{\"ifindex\":1,\"ifname\":\"lo\"}]";
const ROUTE: &[u8] = b"default via 10.0.0.1 dev eth0\n";

#[test]
fn a_directory_of_nodes_is_a_cluster_with_pods() {
    let path = Path::new(ROOT).join("cluster");
    assert!(is_bundle(&path));
    let snapshot = read(&path).unwrap();
    let names: Vec<_> = snapshot.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["n1", "n2"]);
    let node = &snapshot.nodes[0];
    assert_eq!(node.net.links.known().unwrap().len(), 4);
    assert!(node.net.routes.items().len() > 10);
    assert!(node.net.sysctl("net.ipv4.ip_forward").is_some());
    // One pod, whose veth names the node's.
    let [pod] = node.namespaces.items() else {
        panic!("{:?}", node.namespaces)
    };
    assert_eq!(pod.names, ["pod1"]);
    assert_eq!(node.net.peer(NsId(1)), Some(pod.id));
    assert_eq!(pod.id_of_host, Some(NsId(0)));
    assert_eq!(pod.net.peer(NsId(0)), node.net_id);
    assert!(
        node.net
            .vlans
            .why()
            .unwrap()
            .contains("not among the outputs (n1/vlan.json)")
    );
}

#[test]
fn a_file_that_cannot_be_read_costs_its_item_only() {
    let mut folder = Folder::default();
    folder.insert(
        "n1/link.json",
        Content::Text("[{\"ifindex\":1,\n\"ifname\":\"lo\"},\n{\"ifindex\":true}]".into()),
    );
    folder.insert(
        "n1/route.txt",
        Content::Text(String::from_utf8(ROUTE.to_vec()).unwrap()),
    );
    folder.insert("n1/neigh.json", Content::Unreadable("Permission denied".into()));
    let snapshot = snapshot(&folder, "x").unwrap();
    let net = &snapshot.nodes[0].net;
    assert_eq!(
        net.links.why(),
        Some("n1/link.json:3: [1].ifindex: not a number that fits here: true")
    );
    assert_eq!(net.neighbors.why(), Some("n1/neigh.json: Permission denied"));
    assert_eq!(net.routes.items().len(), 1);
}

#[test]
fn archives_give_what_directories_give() {
    let path = Path::new(ROOT).join("cluster");
    let mut builder = tar::Builder::new(Vec::new());
    // More than fits into a header's field.
    let long = "a-long-name-".repeat(12);
    builder.append_dir_all(&long, &path).unwrap();
    let plain = builder.into_inner().unwrap();
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("b.tar", plain.clone()),
        ("b.tar.gz", gzip(&plain)),
        ("b.tgz", gzip(&plain)),
    ] {
        let file = directory.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        assert!(is_bundle(&file));
        let mut of_archive = read(&file).unwrap();
        let of_directory = read(&path).unwrap();
        // Reasons name the whole path.
        for (one, other) in of_archive.nodes.iter_mut().zip(&of_directory.nodes) {
            assert_eq!(one.name, other.name);
            assert_eq!(one.net.links, other.net.links);
            assert_eq!(one.net.routes, other.net.routes);
            assert_eq!(one.namespaces.items().len(), other.namespaces.items().len());
        }
    }
    assert!(!is_archive(&path.join("n1/link.json")));
}

#[test]
fn the_archive_of_calicoctl_node_diags_is_a_node() {
    let addr: &[u8] = b"1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n\
        2: eth0@if5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default \n    inet 10.0.0.2/24 brd 10.0.0.255 scope global eth0\n       valid_lft forever preferred_lft forever\n";
    let bytes = gzip(&tar(&[
        ("diagnostics/hostname", b"Node-7\n"),
        ("diagnostics/date", b"Sat Nov 21 16:36:40 UTC 2026\n"),
        ("diagnostics/ipv4_addr", addr),
        ("diagnostics/ipv4_route", ROUTE),
        ("diagnostics/ipv6_route", b"fd00::/64 dev eth0 proto kernel metric 256 pref medium\ndefault via fe80::1 dev eth0 metric 1024\n"),
        (
            "diagnostics/ipv4_tables",
            b"# Generated by iptables-save v1.6.0 on x\n*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n",
        ),
        ("diagnostics/logs/felix.log", b"link.json"),
    ]));
    let folder = unpack(&bytes, LIMITS).unwrap();
    let snapshot = snapshot(&folder, "x").unwrap();
    let node = &snapshot.nodes[0];
    assert_eq!(node.name, "node-7");
    assert_eq!(node.net.addresses.items().len(), 2);
    assert_eq!(node.net.routes.items().len(), 3);
    assert_eq!(node.net.netfilter.items().len(), 1);
}

#[test]
fn names_are_keys_and_lead_nowhere() {
    let bytes = tar(&[
        ("/etc/link.json", LINK),
        ("../../n2/link.json", LINK),
        ("a\x1b[2J/link.json", LINK),
    ]);
    let folder = unpack(&bytes, SMALL).unwrap();
    let names: Vec<_> = folder.folders.keys().map(String::as_str).collect();
    assert_eq!(names, ["..", "a?[2J", "etc"]);
}

#[test]
fn limits_stop_what_is_too_large() {
    let large = vec![b' '; 3000];
    let folder = unpack(&tar(&[("n/link.json", &large), ("n/route.txt", ROUTE)]), SMALL).unwrap();
    let node = &snapshot(&folder, "x").unwrap().nodes[0];
    assert_eq!(node.net.links.why(), Some("n/link.json: larger than 2000 bytes"));
    assert_eq!(node.net.routes.items().len(), 1);
    let some = vec![b' '; 1900];
    let many = [
        ("a/link.json", &some[..]),
        ("b/link.json", &some),
        ("c/link.json", &some),
    ];
    assert_eq!(
        unpack(&tar(&many), SMALL),
        Err("the outputs are larger than 4000 bytes together".into())
    );
    let files = vec![("x", &b""[..]); 30];
    assert_eq!(unpack(&tar(&files), SMALL), Err("more than 20 files".into()));
    // Small, and large once unpacked.
    let bomb = gzip(&tar(&[("n/felix.log", &vec![0; 4 << 20])]));
    assert!(bomb.len() < 10_000);
    assert_eq!(
        unpack(&bomb, SMALL),
        Err("unpacks to more than 1048576 bytes".into())
    );
    // Deeper than anything is looked for.
    let deep = tar(&[("a/b/c/d/e/f/link.json", LINK)]);
    assert_eq!(unpack(&deep, SMALL).unwrap(), Folder::default());
}

#[test]
fn of_an_archive_cut_short_what_came_is_kept() {
    let whole = tar(&[("n/link.json", LINK), ("n/route.txt", ROUTE)]);
    // In the middle of the second file.
    let folder = unpack(&whole[..1024 + 512 + 10], SMALL).unwrap();
    let node = &snapshot(&folder, "x").unwrap().nodes[0];
    assert_eq!(node.net.links.items().len(), 1);
    let why = node.net.routes.why().unwrap();
    assert!(
        why.starts_with("n/route.txt: the archive is cut short at byte 1546"),
        "{why}"
    );
    let why = node.net.rules.why().unwrap();
    assert!(why.contains("cut short"), "{why}");
    let packed = gzip(&whole);
    assert!(unpack(&packed[..packed.len() - 12], SMALL).is_ok());
    assert!(unpack(&packed[..20], SMALL).unwrap_err().contains("cut short"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000), at in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), byte: u8) {
        let _ = unpack(&bytes, SMALL);
        let mut real = tar(&[("n/link.json", LINK), ("n/route.txt", ROUTE)]);
        let at = at.index(real.len());
        real[at] = byte;
        let packed = gzip(&real);
        for bytes in [&real, &packed] {
            if let Ok(folder) = unpack(&bytes[..cut.index(bytes.len())], SMALL) {
                let _ = snapshot(&folder, "x");
            }
        }
    }
}
