//! Lists of addresses, held against what was written into them and when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use netdiag::collect;
use netdiag_lab::{Random, in_netns, or_skip};

use super::run;

/// What was written: when it began and when it had ended.
type Written = Vec<(Instant, Instant)>;

/// A tick of the slowest kernel.
const TICK: Duration = Duration::from_millis(10);

#[test]
fn lists_of_recent_addresses_have_their_ages() {
    or_skip(in_netns(|| {
        let lists = ["knock", "KUBE-SEP-AAAA"];
        let rules = lists.map(|list| format!("-A INPUT -m recent --rcheck --name {list}"));
        run(
            &["iptables-nft-restore"],
            &format!("*filter\n{}\nCOMMIT\n", rules.join("\n")),
        )
        .unwrap();
        let mut random = Random::new(7);
        let mut written: BTreeMap<(&str, String), Written> = BTreeMap::new();
        for _ in 0..60 {
            let list = *random.pick(&lists);
            let ip = format!("10.9.0.{}", random.below(8));
            let begun = Instant::now();
            std::fs::write(
                format!("/proc/thread-self/net/xt_recent/{list}"),
                format!("+{ip}\n"),
            )
            .unwrap();
            written
                .entry((list, ip))
                .or_default()
                .push((begun, Instant::now()));
            std::thread::sleep(Duration::from_millis(random.below(30)));
        }
        let asked = Instant::now();
        let net = collect::of_thread(true, &[]);
        let answered = Instant::now();
        let read = net.recent.known().expect("lists of this kernel");
        assert_eq!(
            read.iter().map(|list| &*list.name).collect::<Vec<_>>(),
            ["KUBE-SEP-AAAA", "knock"]
        );
        let entries = read.iter().map(|list| list.entries.len()).sum::<usize>();
        assert_eq!(entries, written.len());
        for ((list, ip), times) in written {
            let list = read.iter().find(|read| read.name == list).unwrap();
            let entry = list
                .entries
                .iter()
                .find(|entry| entry.ip.to_string() == ip)
                .unwrap();
            let mut ages = entry.ages.clone();
            ages.sort_unstable_by_key(|age| std::cmp::Reverse(*age));
            assert_eq!(ages.len(), times.len(), "{ip}");
            for (age, (begun, ended)) in ages.into_iter().zip(times) {
                let age = Duration::from_millis(age);
                let (least, most) = (asked.duration_since(ended), answered.duration_since(begun));
                assert!(age + TICK * 2 >= least && age <= most + TICK * 2, "{ip}: {age:?}");
            }
        }
    }));
}
