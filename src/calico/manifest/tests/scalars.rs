//! What YAML 1.1, and so calicoctl, reads in another way than YAML 1.2.

use super::*;

#[test]
fn unquoted_texts_that_calicoctl_reads_as_something_else_are_refused() {
    insta::assert_snapshot!(refused("
apiVersion: projectcalico.org/v3
kind: Node
metadata:
  name: no
  labels:
    rack: y
    row: Off
    octal: 0100
    grouped: 1_000
    binary: 0b11
    endless: .inf
    on: a
    True: b
    0x10: c
  annotations: {~: a, yes: b}
spec:
  bgp: {asNumber: 0100}
  orchRefs: yes
---
apiVersion: projectcalico.org/v3
kind: Yes
---
on
"), @r#"
    f.yaml:5:9: metadata.name: is no without quotes, which calicoctl would read as a boolean: quote it, "no"
    f.yaml:7:11: metadata.labels.rack: is y without quotes, which calicoctl would read as a boolean: quote it, "y"
    f.yaml:8:10: metadata.labels.row: is Off without quotes, which calicoctl would read as a boolean: quote it, "Off"
    f.yaml:9:12: metadata.labels.octal: is 0100 without quotes, which calicoctl would read as octal 64: quote it, "0100"
    f.yaml:10:14: metadata.labels.grouped: is 1_000 without quotes, which calicoctl would read as the number 1000: quote it, "1_000"
    f.yaml:11:13: metadata.labels.binary: is 0b11 without quotes, which calicoctl would read as the number 3: quote it, "0b11"
    f.yaml:12:14: metadata.labels.endless: is .inf without quotes, which calicoctl would read as a number: quote it, ".inf"
    f.yaml:13:5: metadata.labels.on: the key is on without quotes, which calicoctl would read as a boolean: quote it, "on"
    f.yaml:14:5: metadata.labels.True: the key is True without quotes, which calicoctl would read as true: quote it, "True"
    f.yaml:15:5: metadata.labels.0x10: the key is 0x10 without quotes, which calicoctl would read as the number 16: quote it, "0x10"
    f.yaml:16:17: metadata.annotations["~"]: the key is ~ without quotes, which calicoctl would read as null: quote it, "~"
    f.yaml:16:23: metadata.annotations.yes: the key is yes without quotes, which calicoctl would read as a boolean: quote it, "yes"
    f.yaml:18:19: spec.bgp.asNumber: is 0100 without quotes, which calicoctl would read as octal 64: quote it, "0100"
    f.yaml:19:13: spec.orchRefs: is yes without quotes, which calicoctl would read as a boolean: quote it, "yes"
    f.yaml:22:7: kind: is Yes without quotes, must be a text
    f.yaml:24:1: is on without quotes, not a resource (a map with apiVersion, kind, metadata and spec)
    "#);
}

#[test]
fn quoted_they_are_texts() {
    let text = r#"
apiVersion: projectcalico.org/v3
kind: Node
metadata:
  name: "no"
  labels: {rack: 'y', row: "Off", octal: '0100', "on": a, 'True': b, "0x10": c, 1: one, true: t, day: 2026-11-21}
spec:
  bgp: {asNumber: "0100"}
"#;
    let document = accepted(("f.yaml", text.as_bytes())).remove(0);
    assert_eq!(
        document.resource.body["metadata"],
        json!({"name": "no", "labels": {
            "rack": "y", "row": "Off", "octal": "0100", "on": "a", "True": "b", "0x10": "c", "1": "one", "true": "t",
            "day": "2026-11-21",
        }})
    );
    assert_eq!(document.resource.body["spec"], json!({"bgp": {"asNumber": 100}}));
}
