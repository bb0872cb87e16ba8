use super::*;
use crate::parse::iptables::iptables_save;
use crate::state::netfilter::Dialect;

fn verdict(rules: &str) -> Option<Blocked> {
    let text = format!("*filter\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:own - [0:0]\n{rules}\nCOMMIT\n");
    let ruleset = iptables_save(&text, Dialect::IptablesNft).unwrap();
    let packet = Packet {
        src: "192.168.80.24".parse().unwrap(),
        dst: "192.168.80.23".parse().unwrap(),
        sport: 40000,
        dport: 179,
        in_link: Some("eth0"),
        out_link: None,
        new: true,
    };
    blocked(&[ruleset], "INPUT", &packet)
}

#[test]
fn the_rule_that_stops_bgp_is_named_with_its_counter() {
    let blocked = verdict("[9:540] -A INPUT -p tcp -m tcp --dport 179 -j DROP").unwrap();
    assert_eq!(
        blocked.rule,
        "iptables-nft: -A INPUT -p tcp -m tcp --dport 179 -j DROP"
    );
    assert_eq!(
        blocked.undo,
        "iptables-nft -D INPUT -p tcp -m tcp --dport 179 -j DROP"
    );
    assert_eq!(
        (blocked.packets, blocked.rejects, blocked.certain),
        (Some(9), false, true)
    );
    assert!(
        verdict("-A INPUT -p tcp -m multiport --dports 80,170:180 -j REJECT --reject-with tcp-reset")
            .unwrap()
            .rejects
    );
}

#[test]
fn a_rule_for_everything_is_not_taken_away() {
    let blocked = verdict("-A INPUT -j REJECT --reject-with icmp-host-prohibited").unwrap();
    assert_eq!(
        blocked.undo,
        "iptables-nft -I INPUT -s 192.168.80.24 -p tcp --dport 179 -j ACCEPT"
    );
}

#[test]
fn rules_for_other_traffic_do_not_count() {
    for rule in [
        "-A INPUT -p udp -m udp --dport 179 -j DROP",
        "-A INPUT -p tcp -m tcp --dport 22 -j DROP",
        "-A INPUT ! -i eth0 -j DROP",
        "-A INPUT -i cali+ -j DROP",
        "-A INPUT -s 10.0.0.0/8 -j DROP",
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j DROP",
        "-A INPUT -j LOG --log-prefix \"-j DROP\"",
        "-A INPUT -s 192.168.80.0/24 -j ACCEPT\n-A INPUT -j DROP",
        "-A INPUT -j own\n-A own -p tcp -j RETURN\n-A own -j DROP",
    ] {
        assert_eq!(verdict(rule), None, "{rule}");
    }
}

#[test]
fn jumps_gotos_and_policies_are_followed() {
    assert!(verdict("-A INPUT -j own\n-A own -p tcp -j DROP").is_some());
    assert_eq!(
        verdict("-A INPUT -g own\n-A INPUT -j DROP\n-A own -p udp -j DROP"),
        None
    );
    assert!(verdict("-A INPUT -j own\n-A own -j own").is_none());
    let policy = verdict(":INPUT DROP [0:0]");
    // A second declaration is another chain: the first holds.
    assert_eq!(policy, None);
}

#[test]
fn a_match_that_is_not_understood_makes_it_uncertain() {
    let blocked = verdict("-A INPUT -m set --match-set allowed src -j ACCEPT\n-A INPUT -j DROP").unwrap();
    assert!(!blocked.certain);
    let blocked =
        verdict("-A INPUT -p udp -m set --match-set allowed src -j ACCEPT\n-A INPUT -j DROP").unwrap();
    assert!(blocked.certain);
}
