use super::*;
use crate::state::{Fact, kernel::Kernel};
use proptest::prelude::*;
use proptest::sample::Index;

const OLD: [&[u8]; 2] = [
    include_bytes!("../../fixtures/snapshot_v1/broken-node1.json"),
    include_bytes!("../../fixtures/snapshot_v1/healthy-node2.json"),
];

fn bytes(snapshot: &Snapshot, form: Form) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(snapshot, form, &mut bytes).unwrap();
    bytes
}

fn story() -> Snapshot {
    read(OLD[0]).unwrap()
}

#[test]
fn what_is_written_reads_back_and_is_written_alike() {
    for form in [Form::Json, Form::Zstd] {
        for old in OLD {
            let snapshot = read(old).unwrap();
            let first = bytes(&snapshot, form);
            let again = read(first.as_slice()).unwrap();
            assert_eq!(again, snapshot);
            assert_eq!(bytes(&again, form), first);
        }
    }
    let (json, zstd) = (bytes(&story(), Form::Json), bytes(&story(), Form::Zstd));
    assert!(zstd.len() * 4 < json.len(), "{} of {}", zstd.len(), json.len());
}

#[test]
fn format_1_is_read_as_this_one() {
    let node = story().nodes.remove(0);
    assert_eq!(node.net.links.items()[0].name, "lo");
    assert!(node.net.links.items()[0].is_up());
    assert!(node.net.routes.items().len() > 3);
    assert_eq!(node.net.rules.why(), Some("not collected"));
}

#[test]
fn a_version_after_the_nodes_counts_too() {
    let value: serde_json::Value = serde_json::from_slice(OLD[0]).unwrap();
    let late = format!(
        "{{\"nodes\": {}, \"objects\": {}, \"netdiagSnapshot\": 1}}",
        value["nodes"], value["objects"]
    );
    assert_eq!(read(late.as_bytes()).unwrap(), story());
    let newer = "{\"flows\": [1], \"nodes\": [{}], \"netdiagSnapshot\": 99}";
    assert!(
        read(newer.as_bytes())
            .unwrap_err()
            .starts_with("snapshot format 99 is newer than this netdiag reads"),
    );
}

#[test]
fn a_file_that_is_cut_short_is_told_with_the_place() {
    let whole = bytes(&story(), Form::Zstd);
    for length in [5, 100, whole.len() / 2, whole.len() - 1] {
        let why = read(&whole[..length]).unwrap_err();
        assert!(
            why.starts_with(&format!("cut short at byte {length}, after ")),
            "{length}: {why}"
        );
    }
    let json = bytes(&story(), Form::Json);
    let why = read(&json[..json.len() / 2]).unwrap_err();
    assert!(
        why.contains("EOF while parsing") && why.contains(" at line "),
        "{why}"
    );
}

#[test]
fn what_is_no_snapshot_is_told_by_its_first_bytes() {
    for (file, why) in [
        (&b"\x1f\x8b\x08\0"[..], "gzip"),
        (b"\xff\xfe{\0}", "neither zstd nor JSON"),
        (b"PK\x03\x04", "neither zstd nor JSON"),
        (b"", "EOF while parsing a value at line 1"),
        (b"(\xb5/\xfd", "cut short at byte 4"),
        (b"{} {}", "missing field"),
    ] {
        let error = read(file).unwrap_err();
        assert!(error.contains(why), "{error}");
    }
    let mut two = bytes(&story(), Form::Zstd);
    two.extend_from_slice(b"more");
    assert!(read(two.as_slice()).unwrap_err().starts_with("damaged at byte "));
}

#[test]
fn a_bomb_is_refused_before_it_goes_off() {
    let mut bomb = zstd::Encoder::new(Vec::new(), 19).unwrap();
    bomb.write_all(b"{\"netdiagSnapshot\": 2, \"nodes\": [").unwrap();
    io::copy(&mut io::repeat(b' ').take(64 << 20), &mut bomb).unwrap();
    let bomb = bomb.finish().unwrap();
    assert!(bomb.len() < 100_000);
    let why = read_within(&mut bomb.as_slice(), 1 << 20).unwrap_err();
    assert_eq!(
        why,
        "unpacks to more than 1048576 bytes: too large for a snapshot"
    );
}

#[test]
fn nodes_of_several_files_make_one_picture() {
    let [first, second] = OLD.map(|old| read(old).unwrap());
    let mut merge = Merge::new(false);
    merge.add("a".into(), first.clone()).unwrap();
    merge.add("b".into(), second.clone()).unwrap();
    let twice = merge.add("c".into(), second.clone()).unwrap_err();
    assert_eq!([&*twice.node, &*twice.first, &*twice.second], ["node2", "b", "c"]);
    let merged = merge.done();
    assert_eq!(merged.snapshot.nodes.len(), 2);
    assert_eq!(merged.snapshot.objects, first.objects);
    assert_eq!(
        merged.warnings,
        ["the datastore's objects differ between a and b: those of a are kept"]
    );
}

/// One machine read twice, and one that was started again between, are not told apart from clones by chance.
#[test]
fn machines_of_one_name_are_two_only_when_that_is_sure() {
    let one = story();
    let at = |machine: &str, boot: &str, taken: &str, uptime: u64| {
        let mut other = one.clone();
        other.nodes.truncate(1);
        let kernel = Kernel {
            machine_id: Fact::Known(machine.into()),
            boot_id: Fact::Known(boot.into()),
            uptime: Fact::Known(uptime),
            hostname: "clone".into(),
            ..Kernel::default()
        };
        other.nodes[0].kernel = Fact::Known(kernel);
        other.nodes[0].taken = taken.into();
        other
    };
    let first = at("m", "b1", "2026-01-01T10:00:00Z", 3600);
    let name = &first.nodes[0].name;
    for (second, names) in [
        (at("m", "b1", "2026-01-01T10:00:00Z", 3600), None),
        // Started again at 10:20, after the first was looked at.
        (at("m", "b2", "2026-01-01T10:30:00Z", 600), None),
        // Up since 09:50: they ran at the same time.
        (at("m", "b2", "2026-01-01T10:30:00Z", 2400), Some("clone")),
        (at("n", "b1", "2026-01-01T10:30:00Z", 600), Some("clone")),
    ] {
        let mut merge = Merge::new(false);
        merge.add("a".into(), first.clone()).unwrap();
        let added = merge.add("b".into(), second.clone());
        assert_eq!(added.is_ok(), names.is_some(), "{second:?}");
        let Some(other) = names else { continue };
        // A third has no host name that is free.
        merge
            .add("c".into(), at("x", "b3", "2026-01-01T10:30:00Z", 600))
            .unwrap();
        let nodes = merge.done().snapshot.nodes;
        let called: Vec<_> = nodes
            .iter()
            .map(|node| (node.name.clone(), node.own_name()))
            .collect();
        let third = format!("{name}#2");
        assert_eq!(
            called,
            [(name.clone(), name.as_str()), (other.into(), name), (third, name)]
        );
    }
}

#[test]
fn the_newest_of_a_node_can_be_kept() {
    let old = story();
    let mut new = story();
    new.nodes[0].taken = "2999-01-01T00:00:00Z".into();
    for files in [[&old, &new], [&new, &old]] {
        let mut merge = Merge::new(true);
        for (name, file) in ["a", "b"].into_iter().zip(files) {
            merge.add(name.into(), file.clone()).unwrap();
        }
        let merged = merge.done();
        assert_eq!(merged.snapshot, new);
        assert_eq!(merged.warnings.len(), 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_damage_makes_reading_panic(
        form in prop::sample::select(vec![Form::Json, Form::Zstd]),
        flips in prop::collection::vec((any::<Index>(), 0..8_u8), 0..4),
        end in any::<Option<Index>>(),
    ) {
        let mut file = bytes(&story(), form);
        let whole = file.clone();
        for (place, bit) in flips {
            let place = place.index(file.len());
            file[place] ^= 1 << bit;
        }
        if let Some(end) = end {
            file.truncate(end.index(file.len()));
        }
        match read_within(&mut file.as_slice(), 64 << 20) {
            Ok(read) if form == Form::Zstd => {
                // Its checksum lets nothing pass but a flipped bit that means nothing, such as of the checksum's flag.
                prop_assert_eq!(bytes(&read, Form::Zstd), whole);
            }
            Ok(_) => {}
            Err(why) => prop_assert!(!why.is_empty()),
        }
    }
}

/// Whole or as a stream, broken or not: the same snapshot, or the same error.
#[test]
fn long_texts_are_read_as_short_ones() {
    let whole = bytes(&story(), Form::Json);
    let mut many = story();
    many.nodes = (0..40)
        .map(|number| {
            let mut node = many.nodes[0].clone();
            node.name = format!("node{number}");
            node
        })
        .collect();
    let many = bytes(&many, Form::Json);
    let broken = String::from_utf8(many.clone())
        .unwrap()
        .replace("\"node39\"", "39")
        .into_bytes();
    for text in [
        &whole[..],
        &whole[..whole.len() / 3],
        OLD[0],
        &many,
        &broken,
        b"{}",
        b"",
    ] {
        let told = |in_memory| parse_text(&mut &*text, in_memory).map_err(|error| error.to_string());
        let read = told(u64::MAX);
        for in_memory in [0, 1, 1_000, text.len() as u64] {
            assert_eq!(told(in_memory), read);
        }
    }
    let node = |at: usize| read(many.as_slice()).unwrap().nodes[at].name.clone();
    assert_eq!((node(0), node(39)), ("node0".to_owned(), "node39".to_owned()));
    assert!(
        read(broken.as_slice())
            .unwrap_err()
            .contains("invalid type: integer `39`")
    );
}
