use proptest::prelude::*;

use super::*;

/// Seconds since 1970 of 2024-01-15 and 2024-07-15, 12:00 UTC.
const WINTER: i64 = 1_705_320_000;
const SUMMER: i64 = 1_721_044_800;

fn hours(zone: &Zone, time: i64) -> f64 {
    f64::from(i32::try_from(zone.ahead(time).0).unwrap()) / 3600.0
}

fn rule(text: &str) -> Zone {
    Zone::from_rule(text).unwrap()
}

#[test]
fn rules_as_posix_has_them() {
    for (text, winter, summer) in [
        ("UTC0", 0.0, 0.0),
        ("<-03>3", -3.0, -3.0),
        ("IST-5:30", 5.5, 5.5),
        ("CET-1CEST,M3.5.0,M10.5.0/3", 1.0, 2.0),
        ("EST5EDT", -5.0, -4.0),
        // Summer is in January.
        ("NZST-12NZDT,M9.5.0,M4.1.0/3", 13.0, 12.0),
        ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 11.0, 10.5),
        // It is winter in which clocks are changed.
        ("IST-1GMT0,M10.5.0,M3.5.0/1", 0.0, 1.0),
        // Always summer (RFC 9636, 3.3.1).
        ("XXX3EDT4,0/0,J365/23", -4.0, -4.0),
    ] {
        let zone = rule(text);
        assert_eq!(
            (hours(&zone, WINTER), hours(&zone, SUMMER)),
            (winter, summer),
            "{text}"
        );
    }
    for text in [
        "",
        "CE-1",
        "CET",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.1.0,J400",
        "CET-25",
        "UTC0 ",
    ] {
        assert_eq!(Zone::from_rule(text), None, "{text}");
    }
}

#[test]
fn clocks_change_at_the_second() {
    let zone = rule("CET-1CEST,M3.5.0,M10.5.0/3");
    // 2024-03-31 01:00 and 2024-10-27 01:00 UTC.
    let (start, end) = (1_711_846_800, 1_729_990_800);
    assert_eq!(zone.ahead(start - 1).0, 3600);
    assert_eq!(zone.ahead(start), (7200, start..end));
    assert_eq!(zone.ahead(end - 1), (7200, start..end));
    assert_eq!(zone.ahead(end).0, 3600);
}

/// A file of version 2, with one change, and a rule after it.
fn file() -> Vec<u8> {
    let part = |wide: bool| {
        let mut bytes = b"TZif2".to_vec();
        bytes.resize(20, 0);
        for count in [0u32, 0, 0, 1, 2, 8] {
            bytes.extend(count.to_be_bytes());
        }
        if wide {
            bytes.extend(0i64.to_be_bytes());
        } else {
            bytes.extend(0i32.to_be_bytes());
        }
        bytes.push(1);
        bytes.extend([0xff, 0xff, 0xf1, 0xf0, 0, 0]);
        bytes.extend([0, 0, 0x0e, 0x10, 0, 4]);
        bytes.extend(b"LMT\0CET\0");
        bytes
    };
    let mut bytes = part(false);
    bytes.extend(part(true));
    bytes.extend(b"\nCET-1CEST,M3.5.0,M10.5.0/3\n");
    bytes
}

#[test]
fn a_file_has_changes_and_a_rule() {
    let zone = Zone::from_file(&file()).unwrap();
    assert_eq!(zone.ahead(-1), (-3600, i64::MIN..0));
    assert_eq!(zone.ahead(0).0, 3600);
    assert_eq!(zone.ahead(SUMMER).0, 7200);
    // Of version 1, only the first part.
    let mut old = file();
    old[4] = 0;
    assert_eq!(Zone::from_file(&old).unwrap().ahead(SUMMER), (3600, 0..i64::MAX));
    assert_eq!(Zone::from_file(b"TZif2"), None);
}

proptest! {
    #[test]
    fn no_text_and_no_file_panics(text in "[A-Z<>+0-9:,./MJ-]{0,30}", time: i64, at: usize, byte: u8, length: usize) {
        if let Some(zone) = Zone::from_rule(&text) {
            prop_assert!(zone.ahead(time).1.contains(&time) || time == i64::MAX);
        }
        let mut bytes = file();
        let count = bytes.len();
        bytes[at % count] = byte;
        bytes.truncate(length % (count + 1));
        if let Some(zone) = Zone::from_file(&bytes) {
            zone.ahead(time);
        }
    }
}
