//! TLS: it works, and every way in which it doesn't is told apart.

use std::time::Duration;

use netdiag::calico::resource::{Kind, Resource};
use netdiag::datastore::Error;

use crate::certificates::{Authority, Pair};
use crate::server::Etcd;
use crate::{open, refusal, run};

const DEADLINE: Duration = Duration::from_secs(4);
/// Every failure is checked for both stores: they share the steps, not the requests.
const STORES: [&str; 2] = ["etcdv3", "etcdv2"];

fn serve(pair: &Pair, more: &[&str]) -> Option<Etcd> {
    let mut arguments = vec![
        "--enable-v2",
        "--cert-file",
        &pair.certificate,
        "--key-file",
        &pair.key,
    ];
    arguments.extend(more);
    Etcd::start_with("https", &arguments)
}

/// Connects with each store, which must fail, and returns what both say.
fn failures(variables: &[(&str, &str)]) -> Vec<String> {
    STORES
        .iter()
        .map(|store| {
            let mut variables = variables.to_vec();
            variables.push(("DATASTORE_TYPE", store));
            let error = refusal(&variables, DEADLINE);
            assert!(matches!(error, Error::Unreachable { .. }), "{error}");
            error.to_string()
        })
        .collect()
}

fn assert_all(failures: &[String], parts: &[&str]) {
    for failure in failures {
        for part in parts {
            assert!(failure.contains(part), "{part:?} is not in: {failure}");
        }
    }
}

#[test]
fn both_stores_work_over_mutual_tls() {
    let authority = Authority::new("ca");
    let server = authority.issue("etcd", &["127.0.0.1"], false);
    let client = authority.issue("calico", &[], false);
    let ca = authority.path();
    let Some(etcd) = serve(&server, &["--client-cert-auth", "--trusted-ca-file", &ca]) else {
        return;
    };
    let url = etcd.url();
    for store in STORES {
        run(async {
            let store = open(&[
                ("DATASTORE_TYPE", store),
                ("ETCD_ENDPOINTS", &url),
                ("ETCD_CA_CERT_FILE", &ca),
                ("ETCD_CERT_FILE", &client.certificate),
                ("ETCD_KEY_FILE", &client.key),
            ])
            .await;
            store.create(&Resource::new(Kind::Node, "n")).await.unwrap();
            assert_eq!(store.list(Kind::Node).await.unwrap().items.len(), 1);
        });
    }

    let missing = failures(&[("ETCD_ENDPOINTS", &url), ("ETCD_CA_CERT_FILE", &ca)]);
    assert_all(
        &missing,
        &[
            &url,
            "TLS handshake",
            "wants a client certificate",
            "ETCD_CERT_FILE",
        ],
    );

    let other = Authority::new("other-ca").issue_forgotten();
    let rejected = failures(&[
        ("ETCD_ENDPOINTS", &url),
        ("ETCD_CA_CERT_FILE", &ca),
        ("ETCD_CERT_FILE", &other.0.certificate),
        ("ETCD_KEY_FILE", &other.0.key),
    ]);
    assert_all(
        &rejected,
        &[
            &url,
            "TLS handshake",
            "rejects the client certificate of ETCD_CERT_FILE",
            "CN=stranger",
            "CN=other-ca",
        ],
    );
}

impl Authority {
    /// A client certificate, and the authority, whose files must live as long.
    fn issue_forgotten(self) -> (Pair, Self) {
        (self.issue("stranger", &[], false), self)
    }
}

#[test]
fn an_unknown_authority_is_named_with_the_server_certificate() {
    let (authority, other) = (Authority::new("ca"), Authority::new("other-ca"));
    let Some(etcd) = serve(&authority.issue("etcd", &["127.0.0.1"], false), &[]) else {
        return;
    };
    let found = failures(&[
        ("ETCD_ENDPOINTS", &etcd.url()),
        ("ETCD_CA_CERT_FILE", &other.path()),
    ]);
    let place = format!("ETCD_CA_CERT_FILE {}", other.path());
    assert_all(
        &found,
        &[
            &etcd.url(),
            "TLS handshake",
            "subject CN=etcd, issuer CN=ca",
            "signed by none of",
            &place,
        ],
    );
}

#[test]
fn a_wrong_server_name_is_told_with_the_names_that_are_right() {
    let authority = Authority::new("ca");
    let pair = authority.issue("etcd", &["etcd.example", "10.9.9.9"], false);
    let Some(etcd) = serve(&pair, &[]) else { return };
    let found = failures(&[
        ("ETCD_ENDPOINTS", &etcd.url()),
        ("ETCD_CA_CERT_FILE", &authority.path()),
    ]);
    assert_all(
        &found,
        &[
            "TLS handshake",
            "is for etcd.example, 10.9.9.9, not for 127.0.0.1",
        ],
    );
}

#[test]
fn a_server_that_shows_the_configured_certificate_itself_is_trusted_under_its_names_only() {
    let own = Authority::with_names("self", &["127.0.0.1"]);
    let Some(etcd) = serve(&own.itself(), &[]) else {
        return;
    };
    run(async {
        let (url, ca) = (etcd.url(), own.path());
        let store = open(&[("ETCD_ENDPOINTS", &url), ("ETCD_CA_CERT_FILE", &ca)]).await;
        store.list(Kind::Node).await.unwrap();
    });
    let nameless = Authority::new("nameless");
    let Some(etcd) = serve(&nameless.itself(), &[]) else {
        return;
    };
    let found = failures(&[
        ("ETCD_ENDPOINTS", &etcd.url()),
        ("ETCD_CA_CERT_FILE", &nameless.path()),
    ]);
    assert_all(
        &found,
        &[
            "CN=nameless",
            "has no subject alternative name: issue it anew, with the name 127.0.0.1",
        ],
    );
}

#[test]
fn an_expired_certificate_is_told_with_its_end() {
    let authority = Authority::new("ca");
    let Some(etcd) = serve(&authority.issue("etcd", &["127.0.0.1"], true), &[]) else {
        return;
    };
    let found = failures(&[
        ("ETCD_ENDPOINTS", &etcd.url()),
        ("ETCD_CA_CERT_FILE", &authority.path()),
    ]);
    assert_all(
        &found,
        &["TLS handshake", "CN=etcd", "expired on 2020-01-01T00:00:00Z"],
    );
}

#[test]
fn http_to_a_tls_port_and_https_to_a_plain_port_are_recognised() {
    let authority = Authority::new("ca");
    let Some(secure) = serve(&authority.issue("etcd", &["127.0.0.1"], false), &[]) else {
        return;
    };
    let wrong = format!("http://{}", secure.authority);
    assert_all(
        &failures(&[("ETCD_ENDPOINTS", &wrong)]),
        &[&wrong, "speaks TLS: use https://"],
    );

    let Some(plain) = Etcd::start() else { return };
    let wrong = format!("https://{}", plain.authority);
    let found = failures(&[
        ("ETCD_ENDPOINTS", &wrong),
        ("ETCD_CA_CERT_FILE", &authority.path()),
    ]);
    assert_all(
        &found,
        &[&wrong, "TLS handshake", "speaks plain HTTP: use http://"],
    );
}

#[test]
fn bad_key_and_certificate_files_are_named_with_their_setting() {
    let authority = Authority::new("ca");
    let (one, two) = (
        authority.issue("one", &[], false),
        authority.issue("two", &[], false),
    );
    let check = |variables: &[(&str, &str)], parts: &[&str]| {
        let mut all = vec![("ETCD_ENDPOINTS", "https://127.0.0.1:1")];
        all.extend(variables);
        let error = refusal(&all, DEADLINE);
        assert!(matches!(error, Error::Config(_)), "{error}");
        assert_all(&[error.to_string()], parts);
    };
    check(
        &[("ETCD_CA_CERT_FILE", "/nonexistent/ca")],
        &["ETCD_CA_CERT_FILE /nonexistent/ca: No such file"],
    );
    check(
        &[("ETCD_CA_CERT_FILE", &one.key)],
        &["ETCD_CA_CERT_FILE", "holds no certificate"],
    );
    let ca = authority.path();
    check(
        &[("ETCD_CA_CERT_FILE", &ca), ("ETCD_CERT_FILE", &one.certificate)],
        &["without its key", "ETCD_KEY_FILE"],
    );
    check(
        &[
            ("ETCD_CA_CERT_FILE", &ca),
            ("ETCD_CERT_FILE", &one.certificate),
            ("ETCD_KEY_FILE", &ca),
        ],
        &["ETCD_KEY_FILE", "not a PEM private key"],
    );
    check(
        &[
            ("ETCD_CA_CERT_FILE", &ca),
            ("ETCD_CERT_FILE", &one.certificate),
            ("ETCD_KEY_FILE", &two.key),
        ],
        &["ETCD_CERT_FILE", "ETCD_KEY_FILE", "don't make a client identity"],
    );
}
