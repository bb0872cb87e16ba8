//! A guest's kernel has the links that labs need, says how a command ended, and goes when it should.

use std::{fs, time::Duration};

use netdiag_lab::{Error, guest, or_skip, wait_until};

const BOOTS: Duration = Duration::from_secs(60);

fn sh(script: &str) -> [String; 3] {
    ["sh", "-ec", script].map(str::to_owned)
}

fn said(script: &str, within: Duration) -> netdiag_lab::Result<(i32, String)> {
    let mut text = String::new();
    let code = guest::run(&sh(script), within, |line| {
        text += line;
        text.push('\n');
    })?;
    Ok((code, text))
}

/// Processes of this one's guests: their kernels are called with the words of the guest's command.
fn kernels(word: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap().map_while(Result::ok);
    all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
        .filter(|line| String::from_utf8_lossy(line).contains(word))
        .count()
}

#[test]
fn a_guest_has_every_kind_of_link_and_ends_with_its_command() {
    let kinds = "
        ip link add d0 type dummy
        ip link add vrf1 type vrf table 10
        ip link add name vlan1 link d0 type vlan id 5
        ip link add t1 type ipip remote 10.0.0.1 local 10.0.0.2
        ip link add t2 type gre remote 10.0.0.1 local 10.0.0.2
        ip link add t3 type gretap remote 10.0.0.1 local 10.0.0.2
        ip link add t4 type sit remote 10.0.0.1 local 10.0.0.2
        ip link add t5 type ip6tnl remote fd00::1 local fd00::2
        ip link add t6 type geneve id 5 remote 10.0.0.1
        ip link add br0 type bridge vlan_filtering 1
        ip link add name i1 link vlan1 type ipvlan mode l3
        ip link add bond1 type bond
        iptables -A FORWARD -m set ! --match-set none src -j DROP 2>&1 | grep none
        head -1 /proc/net/ip_vs 2>/dev/null || modprobe ip_vs; head -1 /proc/net/ip_vs
        ip -br link
        id -u >/proof
        exit 7";
    let Some((code, text)) = or_skip(said(kinds, BOOTS)) else {
        return;
    };
    assert_eq!(code, 7, "{text}");
    for link in ["vrf1", "vlan1@d0", "tunl0", "t6", "i1@vlan1", "IP Virtual Server"] {
        assert!(text.contains(link), "no {link}:\n{text}");
    }
    assert!(!fs::exists("/proof").unwrap(), "the guest wrote to this machine");
}

#[test]
fn a_guest_that_does_not_end_is_ended() {
    let ended = said("echo before; sleep 987", Duration::from_secs(15));
    let Some(error) = or_skip(match ended {
        Err(Error::Failed(said)) => Ok(said),
        Err(other) => Err(other),
        Ok(said) => panic!("{said:?}"),
    }) else {
        return;
    };
    assert!(error.contains("did not end within"), "{error}");
    assert!(error.contains("before"), "{error}");
    // What the sleep is called with: its kernel and all that runs in it are processes of this machine. They were killed;
    // those that a dying one traced go a moment after it.
    wait_until("all of the guest is gone", Duration::from_secs(10), || {
        kernels("c2xlZXAgOTg3") + kernels("sleep\x00987") == 0
    })
    .unwrap();
}
