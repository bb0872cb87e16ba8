//! The objects beside the walk: recorded networks with objects that fit them, and with objects that don't.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use netdiag::archive::{self, Form};
use netdiag::parse::iptables::iptables_save;
use netdiag::state::netfilter::Dialect;
use netdiag::state::{Fact, Snapshot};

fn fixtures(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(path)
}

/// Walks a packet with objects beside it: the exit status, and the lines below the ways.
fn trace(snapshot: &Path, objects: &[&Path], question: &str) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netdiag"));
    command
        .arg("trace")
        .args(question.split(' '))
        .arg("--snapshot")
        .arg(snapshot);
    for file in objects {
        command.arg("--objects").arg(file);
    }
    let output = command.env_clear().env("COLUMNS", "1000").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let kept = text.lines().filter(|line| {
        ["objects ", "note ", "differs "]
            .iter()
            .any(|start| line.starts_with(start))
    });
    let said = kept.collect::<Vec<_>>().join("\n") + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), said)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn services_of_recorded_rules_are_held_against_their_endpoints() {
    let title = "service default/web (ClusterIP 10.96.0.10:80/tcp)";
    for (snapshot, question, status, said) in [
        (
            "healthy-iptables",
            "n1/pod2 svc/web tcp/80",
            0,
            "its endpoints are those of the rules, 10.244.1.2:80, 10.244.2.2:80".to_owned(),
        ),
        (
            "healthy-nft",
            "n1/pod2 10.96.0.10 tcp/80",
            0,
            "its endpoints are those of the rules, 10.244.1.2:80, 10.244.2.2:80".to_owned(),
        ),
        (
            "healthy-iptables",
            "n2/pod2 svc/default/one tcp/80",
            0,
            "service default/one (ClusterIP 10.96.0.20:80/tcp): its endpoints are those of the rules, 10.244.2.2:80"
                .to_owned(),
        ),
        (
            "healthy-iptables",
            "n1/pod2 default/n2-pod1 tcp/80",
            0,
            "pod default/n2-pod1 allowed: no policy is for its ingress".to_owned(),
        ),
        (
            "healthy-iptables",
            "n2 192.168.100.11 tcp/30080",
            0,
            "service default/web (NodePort 192.168.100.11:30080/tcp): its endpoints are those of the rules".to_owned(),
        ),
        (
            "healthy-nft",
            "n1/pod2 svc/none tcp/80",
            2,
            "service default/none (ClusterIP 10.96.0.30:80/tcp) has no endpoint that is ready: no pod has its labels \
             (app=wbe)"
                .to_owned(),
        ),
        (
            "healthy-nft",
            "n1/pod2 svc/web tcp/81",
            2,
            "service default/web has no port 81/tcp; it has 80/tcp".to_owned(),
        ),
        (
            "stale-endpoint",
            "n1/pod2 svc/web tcp/80",
            2,
            format!(
                "{title}: the rules of node n1 send to 10.244.2.77:80 (no pod has that address), which is no endpoint of it"
            ),
        ),
        (
            "stale-endpoint",
            "n1/pod2 svc/web tcp/80",
            2,
            format!("{title}: the rules of node n1 lack its endpoint 10.244.2.2:80"),
        ),
    ] {
        let snapshot = fixtures(&format!("walks/kube_{snapshot}.zst"));
        let (code, lines) = trace(&snapshot, &[&fixtures("objects/kube.yaml")], question);
        assert!(lines.contains(&said), "{question}: {said}\n{lines}");
        assert_eq!(code, status, "{question}\n{lines}");
    }
}

#[test]
fn a_policy_that_nobody_enforces_is_a_finding() {
    let policy = |rules: &str| {
        file(&format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: deny-all}}\n\
             spec: {{podSelector: {{matchLabels: {{app: web}}}}, ingress: {rules}}}\n"
        ))
    };
    let snapshot = fixtures("walks/kube_healthy-iptables.zst");
    let kube = fixtures("objects/kube.yaml");
    let ask = |rules: &str| {
        let policy = policy(rules);
        trace(
            &snapshot,
            &[&kube, policy.path()],
            "n1/pod2 default/n2-pod1 tcp/80",
        )
    };
    let (code, lines) = ask("[]");
    assert!(
        lines.contains(
            "differs  the kernel delivers what the objects deny: pod default/n2-pod1 denied by NetworkPolicy \
             default/deny-all ingress (no rule matches), and no chain of a policy engine is on node n2"
        ),
        "{lines}"
    );
    assert_eq!(code, 2);
    let (code, lines) = ask("[{from: [{podSelector: {matchLabels: {app: clinet}}}]}]");
    assert!(
        lines.contains("nobody has app=clinet; did you mean app=client?"),
        "{lines}"
    );
    assert_eq!(code, 2);
    let (code, lines) = ask("[{from: [{podSelector: {matchLabels: {app: client}}}]}]");
    assert!(
        lines.contains("pod default/n2-pod1 allowed by NetworkPolicy default/deny-all ingress (rule 1)"),
        "{lines}"
    );
    assert_eq!(code, 0, "{lines}");
}

#[test]
fn a_source_that_a_node_translated_is_told() {
    // From n2 by the NodePort of n1 and back to a pod of n2: n1 puts its own address in.
    let policy = file(
        "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {name: nodes, namespace: default}\n\
         spec: {selector: one == 'yes', types: [Ingress], ingress: [{action: Allow, source: {nets: [192.168.100.11/32]}}]}\n",
    );
    let snapshot = fixtures("walks/kube_healthy-iptables.zst");
    let kube = fixtures("objects/kube.yaml");
    let (code, lines) = trace(&snapshot, &[&kube, policy.path()], "n2 192.168.100.11 tcp/30080");
    assert!(
        lines.contains("note     node n2 sees 192.168.100.11 as the source, and so its policies allow it"),
        "{lines}"
    );
    assert!(!lines.contains("differs"), "{lines}");
    assert_eq!(code, 0, "{lines}");
}

/// A recorded network in which a node has other rules as well, as Felix names them.
fn with_rules(node: &str, rules: &str) -> tempfile::NamedTempFile {
    let recorded = std::fs::File::open(fixtures("walks/kube_healthy-iptables.zst")).unwrap();
    let mut snapshot: Snapshot = archive::read(recorded).unwrap();
    let changed = snapshot
        .nodes
        .iter_mut()
        .find(|known| known.name == node)
        .unwrap();
    let ruleset = iptables_save(rules, Dialect::IptablesLegacy).unwrap();
    let Fact::Known(rulesets) = &mut changed.net.netfilter else {
        panic!("no rules were recorded");
    };
    rulesets.push(ruleset);
    let mut file = tempfile::Builder::new().suffix(".zst").tempfile().unwrap();
    archive::write(&snapshot, Form::Zstd, &mut file).unwrap();
    file
}

#[test]
fn rules_of_a_policy_engine_are_held_against_the_objects() {
    const TO_POD: &str = "*filter\n:FORWARD ACCEPT [0:0]\n:cali-FORWARD - [0:0]\n:cali-tw-pod - [0:0]\n\
        -A FORWARD -j cali-FORWARD\n-A cali-FORWARD -d 10.244.2.2/32 -j cali-tw-pod\n\
        -A cali-tw-pod -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n";
    let drops = with_rules("n2", &format!("{TO_POD}-A cali-tw-pod -j DROP\nCOMMIT\n"));
    let stale = with_rules(
        "n2",
        &format!("{TO_POD}-A cali-tw-pod -s 10.244.1.99/32 -j RETURN\n-A cali-tw-pod -j DROP\nCOMMIT\n"),
    );
    let missing = with_rules("n2", &format!("{TO_POD}COMMIT\n"));
    let back = with_rules(
        "n1",
        "*filter\n:FORWARD ACCEPT [0:0]\n:cali-FORWARD - [0:0]\n-A FORWARD -j cali-FORWARD\n\
         -A cali-FORWARD -s 10.244.2.2/32 -j DROP\nCOMMIT\n",
    );
    let policy = |rules: &str| {
        format!(
            "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nmetadata: {{name: web, namespace: default}}\n\
             spec: {{selector: app == 'web', types: [Ingress], ingress: [{rules}]}}\n"
        )
    };
    let denies = file(&policy(""));
    let allows = file(&policy("{action: Allow, source: {selector: app == 'client'}}"));
    let kube = fixtures("objects/kube.yaml");
    for (name, snapshot, objects, status, said) in [
        (
            "both deny",
            &drops,
            Some(&denies),
            2,
            "denied by Calico NetworkPolicy default/web ingress (no rule matches)",
        ),
        (
            "a stale address in the rules",
            &stale,
            Some(&allows),
            2,
            "differs  the objects allow what node n2 drops, by a rule of its policy engine: ",
        ),
        (
            "a rule that is missing",
            &missing,
            Some(&denies),
            2,
            "differs  the kernel delivers what the objects deny: pod default/n2-pod1 denied by Calico NetworkPolicy \
             default/web ingress (no rule matches)",
        ),
        (
            "the answer",
            &back,
            Some(&allows),
            2,
            "differs  the objects allow the connection, and node n1 drops its answer, by a rule of its policy engine: ",
        ),
        (
            "both allow",
            &missing,
            Some(&allows),
            0,
            "allowed by Calico NetworkPolicy default/web ingress (rule 1)",
        ),
        (
            "objects of Calico that nobody gave",
            &drops,
            None,
            2,
            "note     node n2 has Calico's chains, and no object of Calico is known: its policies may say otherwise",
        ),
    ] {
        let mut files = vec![kube.as_path()];
        files.extend(objects.map(tempfile::NamedTempFile::path));
        let (code, lines) = trace(snapshot.path(), &files, "n1/pod2 default/n2-pod1 tcp/80");
        assert!(lines.contains(said), "{name}: {said}\n{lines}");
        assert_eq!(code, status, "{name}\n{lines}");
        let differs = said.starts_with("differs");
        assert_eq!(lines.contains("differs"), differs, "{name}\n{lines}");
    }
}
