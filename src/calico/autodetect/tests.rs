//! Every method, on the links of the founding story.

use super::*;

fn interfaces() -> Vec<Interface> {
    let interface = |name: &str, addresses: &[&str]| Interface {
        name: name.into(),
        addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
    };
    vec![
        interface("lo", &["127.0.0.1/8", "::1/128"]),
        interface("eth0", &["192.168.80.23/24", "fe80::1/64", "fd00::23/64"]),
        interface("docker0", &["172.17.0.1/16"]),
        interface("cali5f8b38bf007", &[]),
        interface("cni0", &["10.244.1.1/24"]),
    ]
}

fn run(method: &str, release: &str, v6: bool) -> Detection {
    let sources = Sources {
        source_address: &|destination, v6| match (destination, v6) {
            ("192.168.80.254", false) => Ok("192.168.80.23".parse().unwrap()),
            _ => Err("no path".into()),
        },
        internal_ips: Ok(vec!["192.168.80.23".parse().unwrap()]),
    };
    detect(
        &Method::parse(method).unwrap(),
        release.parse().unwrap(),
        &interfaces(),
        v6,
        &sources,
    )
}

fn picks(method: &str, release: &str) -> String {
    let detection = run(method, release, false);
    detection.winner().map_or_else(String::new, |winner| {
        format!("{} {}", winner.interface, winner.address.unwrap())
    })
}

#[test]
fn releases_before_3_15_take_the_bridge_of_another_cni() {
    for release in ["v2.6.12", "v3.14.2"] {
        assert_eq!(picks("first-found", release), "cni0 10.244.1.1/24");
    }
    for release in ["v3.15.0", "v3.24.2", "v3.24.6", "v3.25.0", "v3.32.1"] {
        assert_eq!(picks("", release), "eth0 192.168.80.23/24");
    }
}

#[test]
fn every_method_finds_what_it_should() {
    assert_eq!(picks("interface=eth.*", "v3.14.0"), "eth0 192.168.80.23/24");
    assert_eq!(
        picks("interface=docker0, eth0", "v3.14.0"),
        "docker0 172.17.0.1/16"
    );
    assert_eq!(picks("skip-interface=cni.*", "v3.14.0"), "eth0 192.168.80.23/24");
    assert_eq!(
        picks("cidr=192.168.0.0/16,10.0.0.0/9", "v3.16.0"),
        "eth0 192.168.80.23/24"
    );
    assert_eq!(
        picks("can-reach=192.168.80.254", "v2.6.0"),
        "eth0 192.168.80.23/24"
    );
    assert_eq!(
        picks("kubernetes-internal-ip", "v3.32.1"),
        "eth0 192.168.80.23/24"
    );
}

#[test]
fn the_walk_goes_from_the_youngest_link_to_the_oldest_and_says_why() {
    let detection = run("first-found", "v3.25.0", false);
    let rows: Vec<String> = detection
        .candidates
        .iter()
        .map(|candidate| format!("{}: {}", candidate.interface, candidate.verdict))
        .collect();
    assert_eq!(
        rows,
        [
            "cni0: excluded by ^cni.*",
            "cali5f8b38bf007: excluded by ^cali.*",
            "docker0: excluded by ^docker.*",
            "eth0: picked",
            "lo: excluded by ^lo",
        ]
    );
}

#[test]
fn link_local_addresses_are_passed_over_and_unique_local_ones_taken() {
    let detection = run("interface=eth0", "v3.25.0", true);
    assert_eq!(detection.address(), Some("fd00::23/64".parse().unwrap()));
    let eth0 = detection
        .candidates
        .iter()
        .find(|candidate| candidate.interface == "eth0")
        .unwrap();
    assert_eq!(
        eth0.verdict,
        Verdict::NotUsable {
            because: "link-local"
        }
    );
}

#[test]
fn a_method_that_the_release_does_not_know_picks_nothing() {
    let detection = run("cidr=192.168.0.0/16", "v3.15.0", false);
    assert_eq!(
        detection.picked,
        Err("known from v3.16.0 on; v3.15.0 terminates at it".into())
    );
    assert!(run("kubernetes-internal-ip", "v3.21.0", false).picked.is_err());
}

#[test]
fn an_unanchored_exclusion_matches_anywhere_in_a_name() {
    let slow = [Interface {
        name: "ens-slow".into(),
        addresses: vec!["10.0.0.1/24".parse().unwrap()],
    }];
    let sources = Sources {
        source_address: &|_, _| Err(String::new()),
        internal_ips: Err(String::new()),
    };
    let detect = |release: &str| {
        detect(
            &Method::FirstFound,
            release.parse().unwrap(),
            &slow,
            false,
            &sources,
        )
    };
    assert_eq!(
        detect("v3.20.0").candidates[0].verdict,
        Verdict::Excluded { by: "lo".into() }
    );
    assert_eq!(detect("v3.25.0").candidates[0].verdict, Verdict::Picked);
}

#[test]
fn wrong_settings_are_refused_with_the_reason() {
    assert!(
        Method::parse("interface=(")
            .unwrap_err()
            .contains("regular expression")
    );
    assert!(
        Method::parse("cidr=10.0.0.0/33")
            .unwrap_err()
            .contains("10.0.0.0/33")
    );
    assert!(Method::parse("firstfound").unwrap_err().contains("terminates"));
}

#[test]
fn blanks_are_dropped_around_commas_only() {
    let names = |text: &str| match Method::parse(text) {
        Ok(Method::Interface(names)) => names,
        other => panic!("{other:?}"),
    };
    assert_eq!(names("interface= eth0 ,\tens3 "), [" eth0", "ens3 "]);
    assert_eq!(names("interface=eth0"), ["eth0"]);
    assert!(Method::parse("cidr=10.0.0.0/8 ").is_err());
    assert!(Method::parse("cidr=10.0.0.0/8 , fd00::/8").is_ok());
}

#[test]
fn segments_are_read_as_strictly_as_go_reads_them() {
    for text in [
        "cidr=010.0.0.0/8",
        "cidr=10/8",
        "cidr=10.0.0.0/+8",
        "cidr=10.0.0.0",
        "cidr=",
    ] {
        assert!(
            Method::parse(text).unwrap_err().contains("invalid CIDR"),
            "{text}"
        );
    }
    assert_eq!(
        Method::parse("cidr=::ffff:10.0.0.0/104,::ffff:10.0.0.0/90"),
        Ok(Method::Cidr(vec![
            "10.0.0.0/8".parse().unwrap(),
            "::ffff:10.0.0.0/90".parse().unwrap(),
        ]))
    );
}

#[test]
fn some_releases_store_the_network_of_the_internal_ip_and_the_verdict_says_so() {
    for release in ["v3.22.0", "v3.22.3", "v3.23.0", "v3.23.1"] {
        let detection = run("kubernetes-internal-ip", release, false);
        assert_eq!(detection.address(), Some("192.168.80.0/24".parse().unwrap()));
        let winner = detection.winner().unwrap();
        assert_eq!(winner.address, Some("192.168.80.23/24".parse().unwrap()));
        assert_eq!(
            winner.verdict.to_string(),
            format!("picked; {release} wrongly stores its network, 192.168.80.0/24")
        );
    }
    for release in ["v3.22.4", "v3.23.2", "v3.24.0"] {
        assert_eq!(picks("kubernetes-internal-ip", release), "eth0 192.168.80.23/24");
    }
}
