use super::*;

const NONE: Lookup<'static> = &|_| None;

fn lookup<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |key| {
        pairs
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| (*value).to_owned())
    }
}

fn v3(spec: &str) -> String {
    format!("apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nmetadata: {{}}\nspec:\n{spec}")
}

#[test]
fn a_v3_file_is_read_with_all_its_etcd_settings() {
    let text = v3(
        "  datastoreType: etcdv3\n  etcdEndpoints: https://e1:2379, https://e2:2379\n  etcdUsername: u\n  \
                   etcdPassword: p\n  etcdKeyFile: /k\n  etcdCertFile: /c\n  etcdCACertFile: /ca\n",
    );
    let config = ApiConfig::from_file("x.cfg", &text, NONE).unwrap();
    assert_eq!(config.datastore, DatastoreType::EtcdV3);
    assert_eq!(config.endpoints, ["https://e1:2379", "https://e2:2379"]);
    assert_eq!(config.username.as_deref(), Some("u"));
    assert_eq!(config.password.as_ref().map(Secret::expose), Some("p"));
    let ca = config.tls.authority.unwrap();
    assert_eq!(
        (ca.setting.as_str(), ca.pem),
        ("etcdCACertFile", Pem::File("/ca".into()))
    );
    assert!(config.notes.is_empty());
}

#[test]
fn an_unknown_key_is_an_error_with_file_line_and_key() {
    let text = v3("  datastoreType: etcdv3\n  etcdEndpoint: http://e1:2379\n");
    let error = ApiConfig::from_file("x.cfg", &text, NONE).unwrap_err();
    assert_eq!(error, "x.cfg:6: unknown key \"etcdEndpoint\"");
    let text = v3("  etcdAuthority: e1:2379\n");
    let error = ApiConfig::from_file("x.cfg", &text, NONE).unwrap_err();
    assert!(
        error.starts_with("x.cfg:5: unknown key \"etcdAuthority\""),
        "{error}"
    );
}

#[test]
fn a_wrong_kind_or_version_is_named() {
    let text = "apiVersion: projectcalico.org/v3\nkind: Node\n";
    assert_eq!(
        ApiConfig::from_file("x.cfg", text, NONE).unwrap_err(),
        "x.cfg:2: kind is \"Node\", not \"CalicoAPIConfig\""
    );
    let error = ApiConfig::from_file("x.cfg", "apiVersion: v2\nkind: x\n", NONE).unwrap_err();
    assert!(error.starts_with("x.cfg:1: apiVersion is \"v2\""), "{error}");
}

#[test]
fn a_v1_file_chooses_etcd_v2_and_takes_authority_and_scheme() {
    let text = "apiVersion: v1\nkind: calicoApiConfig\nmetadata:\nspec:\n  etcdScheme: https\n  etcdAuthority: \
                10.0.0.1:4001\n";
    let config = ApiConfig::from_file("x.cfg", text, NONE).unwrap();
    assert_eq!(config.datastore, DatastoreType::EtcdV2);
    assert_eq!(config.generation, Generation::V1);
    assert_eq!(config.endpoints, ["https://10.0.0.1:4001"]);
    let text = "apiVersion: v1\nkind: calicoApiConfig\nspec:\n  datastoreType: etcdv2\n";
    let config = ApiConfig::from_file("x.cfg", text, NONE).unwrap();
    assert_eq!(config.endpoints, ["http://127.0.0.1:2379"]);
}

#[test]
fn the_prefixed_variable_wins_over_the_bare_one() {
    let pairs = [
        ("ETCD_ENDPOINTS", "http://bare:1"),
        ("CALICO_ETCD_ENDPOINTS", "http://prefixed:1"),
    ];
    let config = ApiConfig::from_environment(&lookup(&pairs)).unwrap();
    assert_eq!(config.endpoints, ["http://prefixed:1"]);
    assert_eq!(config.datastore, DatastoreType::EtcdV3);
}

#[test]
fn the_environment_may_choose_etcd_v2() {
    let pairs = [("DATASTORE_TYPE", "etcdv2"), ("ETCD_AUTHORITY", "e:2379")];
    let config = ApiConfig::from_environment(&lookup(&pairs)).unwrap();
    assert_eq!(
        (config.datastore, config.endpoints),
        (DatastoreType::EtcdV2, vec!["http://e:2379".into()])
    );
}

#[test]
fn a_file_that_hides_variables_gives_a_note() {
    let text = v3("  etcdEndpoints: http://file:2379\n");
    let pairs = [
        ("ETCD_ENDPOINTS", "http://env:2379"),
        ("CALICO_DATASTORE_TYPE", "etcdv3"),
    ];
    let config = ApiConfig::from_file("x.cfg", &text, &lookup(&pairs)).unwrap();
    assert_eq!(config.endpoints, ["http://file:2379"]);
    assert_eq!(
        config.notes,
        ["CALICO_DATASTORE_TYPE, ETCD_ENDPOINTS in the environment is ignored, because x.cfg exists"]
    );
}

#[test]
fn nothing_set_says_what_to_set() {
    let error = ApiConfig::from_environment(NONE).unwrap_err();
    assert!(error.contains("set ETCD_ENDPOINTS=http://HOST:2379"), "{error}");
    let error = ApiConfig::from_environment(&lookup(&[("DATASTORE_TYPE", "etcdv3")])).unwrap_err();
    assert!(error.contains("names no endpoint"), "{error}");
}

#[test]
fn endpoints_and_discovery_together_are_refused() {
    let pairs = [
        ("ETCD_ENDPOINTS", "http://e:1"),
        ("ETCD_DISCOVERY_SRV", "example.org"),
    ];
    let error = ApiConfig::from_environment(&lookup(&pairs)).unwrap_err();
    assert!(error.contains("keep one of the two"), "{error}");
}

#[test]
fn debug_output_and_errors_never_show_the_password_or_an_inline_key() {
    let text = v3(
        "  etcdEndpoints: http://e:1\n  etcdUsername: u\n  etcdPassword: s3cret\n  etcdKey: |\n    inlinekey\n",
    );
    let config = ApiConfig::from_file("x.cfg", &text, NONE).unwrap();
    let debug = format!("{config:?}");
    assert!(
        !debug.contains("s3cret") && !debug.contains("inlinekey"),
        "{debug}"
    );
    for broken in [
        "  etcdPassword: [s3cret]\n",
        "  etcdPassword: 's3cret\n",
        "  etcdPassword: s3cret: x\n",
        "  etcdPassword: !!int s3cret\n",
        "  etcdPassword: {s3cret: x}\n",
        "  k8sUsePodCIDR: s3cret\n",
    ] {
        let error = ApiConfig::from_file("x.cfg", &v3(broken), NONE).unwrap_err();
        assert!(
            !error.contains("s3cret") && error.starts_with("x.cfg:"),
            "{error}"
        );
    }
}

#[test]
fn what_is_written_without_quotes_is_the_text_that_is_written() {
    let text = v3(
        "  etcdEndpoints: http://e:1\n  etcdUsername: yes\n  etcdPassword: 0123\n  k8sClientQPS: 7\n  usePodCIDR: true\n",
    );
    let config = ApiConfig::from_file("x.cfg", &text, NONE).unwrap();
    assert_eq!(config.username.as_deref(), Some("yes"));
    assert_eq!(config.password.as_ref().map(Secret::expose), Some("0123"));
    assert!(config.kubernetes.use_pod_cidr);
    for empty in ["", "# nothing\n", "---\n"] {
        let error = ApiConfig::from_file("x.cfg", empty, NONE).unwrap_err();
        assert!(error.starts_with("x.cfg:1: apiVersion"), "{error}");
    }
}

#[test]
fn a_user_without_a_password_is_not_used_and_noted() {
    let pairs = [("ETCD_ENDPOINTS", "http://e:1"), ("ETCD_USERNAME", "u")];
    let config = ApiConfig::from_environment(&lookup(&pairs)).unwrap();
    assert_eq!(config.username, None);
    assert_eq!(config.notes.len(), 1);
}
