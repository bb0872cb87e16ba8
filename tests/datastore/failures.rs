//! Endpoints that don't work: each is an error with endpoint and step, in time.

use std::net::TcpListener;
use std::time::Duration;

use netdiag::datastore::{Error, load_config};

use crate::server::{Etcd, free_port};
use crate::{open, refusal, run};

const DEADLINE: Duration = Duration::from_secs(2);

/// What both stores say of these endpoints.
fn said(endpoints: &str) -> Vec<String> {
    ["etcdv3", "etcdv2"]
        .iter()
        .map(|store| {
            let error = refusal(
                &[("DATASTORE_TYPE", store), ("ETCD_ENDPOINTS", endpoints)],
                DEADLINE,
            );
            assert!(matches!(error, Error::Unreachable { .. }), "{error}");
            error.to_string()
        })
        .collect()
}

#[test]
fn a_refused_port_is_a_failure_to_connect() {
    let url = format!("http://127.0.0.1:{}", free_port());
    for text in said(&url) {
        assert_eq!(
            text,
            format!("cannot reach the datastore\n  {url}: connect: Connection refused")
        );
    }
}

#[test]
fn a_server_that_never_answers_is_a_failed_request() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    for text in said(&url) {
        assert!(
            text.contains(&format!("{url}: request: no answer within 2 s")),
            "{text}"
        );
    }
    let url = url.replace("http:", "https:");
    for text in said(&url) {
        assert!(
            text.contains(&format!("{url}: TLS handshake: no answer within 2 s")),
            "{text}"
        );
    }
}

#[test]
fn an_unknown_host_is_a_failure_to_resolve() {
    // Too long for DNS: no resolver asks the network for it.
    let url = format!("http://{}.invalid:2379", "x".repeat(64));
    for text in said(&url) {
        assert!(text.contains(&format!("{url}: resolve the name: ")), "{text}");
    }
}

#[test]
fn when_all_endpoints_fail_there_is_a_line_for_each() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("http://{}", silent.local_addr().unwrap());
    let refused = format!("http://127.0.0.1:{}", free_port());
    for text in said(&format!("{silent},{refused}")) {
        assert!(
            text.contains(&format!("\n  {silent}: request: no answer within 1 s")),
            "{text}"
        );
        assert!(text.contains(&format!("\n  {refused}: connect: ")), "{text}");
    }
}

#[test]
fn the_first_endpoint_that_works_is_used() {
    let Some(etcd) = Etcd::start() else { return };
    let endpoints = format!("http://127.0.0.1:{},{}", free_port(), etcd.url());
    for store in ["etcdv3", "etcdv2"] {
        run(async {
            let store = open(&[("DATASTORE_TYPE", store), ("ETCD_ENDPOINTS", &endpoints)]).await;
            assert!(store.describe().ends_with(&etcd.url()), "{}", store.describe());
        });
    }
}

#[test]
fn a_server_that_dies_gives_an_error_in_time() {
    let Some(etcd) = Etcd::start() else { return };
    let url = etcd.url();
    run(async {
        let store = open(&[("ETCD_ENDPOINTS", &url)]).await;
        drop(etcd);
        let error = store
            .list(netdiag::calico::resource::Kind::Node)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(&url), "{error}");
    });
}

#[test]
fn a_named_configuration_file_must_exist() {
    let error = load_config(Some("/nonexistent.cfg".as_ref()), &|_| None)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "datastore configuration: /nonexistent.cfg: No such file or directory"
    );
}
