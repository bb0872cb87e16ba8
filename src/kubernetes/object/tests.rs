use serde_json::json;

use super::*;

#[test]
fn a_pod_is_kept_without_what_may_be_secret() {
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}, "uid": "x",
            "annotations": {"cni.projectcalico.org/podIP": "10.1.0.2/32",
                "kubectl.kubernetes.io/last-applied-configuration": "{\"password\": \"hidden\"}"}},
        "spec": {"nodeName": "n1", "serviceAccountName": "till", "volumes": [{"secret": {"secretName": "hidden"}}],
            "containers": [{"name": "c", "command": ["hidden"], "env": [{"name": "P", "value": "hidden"}],
                "ports": [{"name": "http", "containerPort": 8080}]}]},
        "status": {"phase": "Running", "podIP": "10.1.0.2", "podIPs": [{"ip": "10.1.0.2"}, {"ip": "fd00::2"}]}});
    let object = Object::read(&pod).unwrap().unwrap();
    let kept = object.value();
    assert!(!kept.to_string().contains("hidden"), "{kept}");
    assert_eq!(Object::read(&kept).unwrap().unwrap(), object);
    let Object::Pod(pod) = object else {
        panic!("{object:?}")
    };
    assert_eq!(pod.ips().len(), 2);
    assert_eq!(pod.ports().next().unwrap().container_port, 8080);
    assert_eq!(pod.metadata.annotations.len(), 1);
}

#[test]
fn a_policy_keeps_the_difference_between_nothing_and_everything() {
    let policy = |spec: Value| {
        let value = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "p", "namespace": "a"}, "spec": spec});
        let object = Object::read(&value).unwrap().unwrap();
        assert_eq!(Object::read(&object.value()).unwrap().unwrap(), object);
        let Object::NetworkPolicy(policy) = object else {
            panic!("{object:?}")
        };
        policy.spec
    };
    let everything = policy(json!({"podSelector": {}, "ingress": [{}]}));
    assert_eq!(everything.ingress.len(), 1);
    let nothing = policy(json!({"podSelector": {}, "ingress": null}));
    assert_eq!(nothing.ingress.len(), 0);
    let selectors = policy(json!({"podSelector": null, "egress": [{"to": [
        {"namespaceSelector": {}}, {"podSelector": {}}, {"namespaceSelector": null, "podSelector": {}}]}]}));
    let to = &selectors.egress[0].to;
    assert!(to[0].namespace_selector.is_some() && to[0].pod_selector.is_none());
    assert_eq!(to[1], to[2]);
}

#[test]
fn kinds_of_other_groups_with_the_same_name_are_not_taken() {
    for (version, kind) in [
        ("projectcalico.org/v3", "NetworkPolicy"),
        ("serving.knative.dev/v1", "Service"),
        ("v1", "Secret"),
    ] {
        let value = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}});
        assert_eq!(Object::read(&value), Ok(None), "{version} {kind}");
    }
    let broken =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{}]}});
    let why = Object::read(&broken).unwrap_err();
    assert!(why.starts_with("Service s: "), "{why}");
}
