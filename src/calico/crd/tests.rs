use serde_json::json;

use super::*;

#[test]
fn a_uid_is_reversed_byte_by_byte_and_back() {
    let uid = "01020304-0506-4708-890a-0b0c0d0e0f10";
    let shown = uid_shown(uid);
    assert_eq!(shown, "8040c020-a060-4710-8950-d030b070f008");
    assert_eq!(uid_shown(&shown), uid);
    for odd in [
        "",
        "x",
        "01020304-0506-4708-890a-0b0c0d0e0fzz",
        "ä1020304-0506-4708-890a-0b0c0d0e0f1",
    ] {
        assert_eq!(uid_shown(odd), odd);
    }
}

#[test]
fn what_users_gave_is_in_the_annotation_and_what_is_calicos_on_the_object() {
    let resource = Resource::from_value(json!({
        "kind": "BGPPeer", "apiVersion": API_VERSION,
        "metadata": {
            "name": "p", "uid": "01020304-0506-4708-890a-0b0c0d0e0f10", "resourceVersion": "7",
            "creationTimestamp": "2026-11-21T11:06:55Z",
            "labels": {"rack": "r1", "projectcalico.org/x": "y"}, "annotations": {"note": "n"},
        },
        "spec": {"peerIP": "192.0.2.9", "asNumber": 64512},
    }))
    .unwrap();
    let stored = encode(Group::Classic, &resource, "p");
    assert_eq!(stored["apiVersion"], V1);
    assert_eq!(
        stored["metadata"],
        json!({
            "name": "p", "resourceVersion": "7", "labels": {"projectcalico.org/x": "y"},
            "annotations": {NAME_ANNOTATION: "{\"creationTimestamp\":\"2026-11-21T11:06:55Z\",\
                \"labels\":{\"projectcalico.org/x\":\"y\",\"rack\":\"r1\"},\"annotations\":{\"note\":\"n\"}}"},
        })
    );
    let mut stored = stored;
    stored["metadata"]["uid"] = "8040c020-a060-4710-8950-d030b070f008".into();
    stored["metadata"]["managedFields"] = json!([1]);
    assert_eq!(decode(Kind::BgpPeer, stored).unwrap(), resource);
}

#[test]
fn policies_show_the_name_that_was_given_whatever_they_are_stored_under() {
    let mut policy = Resource::new(Kind::NetworkPolicy, "np");
    policy.set_namespace("shop");
    policy.set(
        &["metadata", "labels", "projectcalico.org/tier"],
        Some("default".into()),
    );
    policy.set(&["spec", "tier"], Some("default".into()));
    for name in ["np", "default.np"] {
        let stored = encode(Group::Classic, &policy, name);
        assert_eq!(stored["metadata"]["name"], name);
        let shown = decode(Kind::NetworkPolicy, stored).unwrap();
        assert_eq!(shown.id(), "shop/np");
        assert_eq!(shown.field(&["metadata", "annotations"]), None);
    }
    // Older releases wrote no name.
    let old = json!({"apiVersion": V1, "kind": "NetworkPolicy", "spec": {},
        "metadata": {"name": "default.np", "namespace": "shop", "annotations": {NAME_ANNOTATION: "{}"}}});
    assert_eq!(decode(Kind::NetworkPolicy, old).unwrap().name(), "np");
}

#[test]
fn native_resources_are_as_users_see_them() {
    let mut pool = Resource::new(Kind::IpPool, "p");
    pool.set(&["metadata", "labels", "a"], Some("b".into()));
    pool.set(&["spec", "cidr"], Some("10.0.0.0/16".into()));
    let stored = encode(Group::Native, &pool, "p");
    assert_eq!(stored["apiVersion"], API_VERSION);
    assert_eq!(stored["metadata"], json!({"name": "p", "labels": {"a": "b"}}));
    let shown = decode(Kind::IpPool, stored).unwrap();
    assert_eq!(shown.text(&["metadata", "labels", "a"]), Some("b"));
    assert_eq!(shown.text(&["spec", "assignmentMode"]), Some("Automatic"));
}

#[test]
fn an_annotation_that_is_not_json_is_told() {
    let stored = json!({"apiVersion": V1, "kind": "BGPPeer", "metadata": {"name": "p", "annotations": {NAME_ANNOTATION: "{"}}});
    let error = decode(Kind::BgpPeer, stored).unwrap_err();
    assert!(error.contains("is not JSON"), "{error}");
}
