//! Ways in which the API server can't be reached, or doesn't allow something: each is an error with what to do.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use netdiag_lab::Kubernetes;
use serde_json::json;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, ServerConnection, StreamOwned, crypto::ring};

use super::{as_user, shared};
use crate::certificates::Authority;
use crate::command::Netdiag;
use crate::server::free_port;

/// netdiag with these settings and nothing else.
fn with(settings: &[(&'static str, String)]) -> Netdiag {
    let mut all = vec![("DATASTORE_TYPE", "kubernetes".to_owned())];
    all.extend(settings.iter().cloned());
    Netdiag(all)
}

fn path(kubernetes: &Kubernetes, file: &str) -> String {
    kubernetes.file(file).to_str().unwrap().to_owned()
}

fn file(kubernetes: &Kubernetes, user: &str, url: &str) -> String {
    kubernetes
        .kubeconfig(user, url)
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned()
}

const GET: [&str; 2] = ["get", "bgppeer"];

#[test]
fn tokens_certificates_and_contexts_all_lead_in() {
    let Some(kubernetes) = shared() else { return };
    let (url, ca) = (kubernetes.url(), path(&kubernetes, "ca.pem"));
    let token = [
        ("K8S_API_ENDPOINT", url.clone()),
        ("K8S_CA_FILE", ca.clone()),
        ("K8S_API_TOKEN", "admin-token".to_owned()),
    ];
    with(&token).done(&GET, "");
    let certificate = [
        ("K8S_API_ENDPOINT", url.clone()),
        ("K8S_CA_FILE", ca),
        ("K8S_CERT_FILE", path(&kubernetes, "admin.pem")),
        ("K8S_KEY_FILE", path(&kubernetes, "admin-key.pem")),
    ];
    with(&certificate).done(&GET, "");
    let insecure = [
        ("K8S_API_ENDPOINT", url.clone()),
        ("K8S_INSECURE_SKIP_TLS_VERIFY", "true".to_owned()),
        ("K8S_API_TOKEN", "admin-token".to_owned()),
    ];
    with(&insecure).done(&GET, "");
    let kubeconfig = file(&kubernetes, "admin", &url);
    let netdiag = with(&[("KUBECONFIG", kubeconfig)]);
    netdiag.done(&["get", "bgppeer", "--context", "admin"], "");
    netdiag.refused(&["get", "bgppeer", "--context", "nope"], "", "context \"nope\"");
}

#[test]
fn an_ipv6_address_of_the_server_will_do() {
    let Some(kubernetes) = shared() else { return };
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        eprintln!("skipped: no IPv6 on loopback");
        return;
    };
    let (port, target) = (listener.local_addr().unwrap().port(), kubernetes.port());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect(("127.0.0.1", target)).unwrap();
            for (mut from, mut to) in [
                (client.try_clone().unwrap(), server.try_clone().unwrap()),
                (server, client),
            ] {
                thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    let kubeconfig = file(&kubernetes, "admin", &format!("https://[::1]:{port}"));
    with(&[("KUBECONFIG", kubeconfig)]).done(&GET, "");
}

#[test]
fn what_a_user_may_not_do_is_told_and_reading_needs_no_right_to_write() {
    let Some(kubernetes) = shared() else { return };
    let nobody = as_user(&kubernetes, "nobody");
    nobody.refused(
        &GET,
        "",
        "not allowed: bgppeers.crd.projectcalico.org is forbidden",
    );
    nobody.refused(&GET, "", "kubectl auth can-i --list");
    let (status, _, told) = nobody.calicoctl(&GET, "");
    assert_eq!(status, 1);
    assert!(
        told.contains("connection is unauthorized: bgppeers.crd.projectcalico.org is forbidden: User \"nobody\" cannot list")
            && !told.contains("https:"),
        "{told}"
    );
    let group = "/apis/rbac.authorization.k8s.io/v1";
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "read-calico"},
        "rules": [{"apiGroups": ["crd.projectcalico.org"], "resources": ["*"], "verbs": ["get", "list"]}],
    });
    kubernetes
        .create(&format!("{group}/clusterroles"), &role)
        .unwrap();
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "read-calico"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "read-calico"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}],
    });
    kubernetes
        .create(&format!("{group}/clusterrolebindings"), &binding)
        .unwrap();
    let reader = as_user(&kubernetes, "reader");
    reader.done(&GET, "");
    let manifest =
        "{apiVersion: projectcalico.org/v3, kind: GlobalNetworkSet, metadata: {name: readonly}, spec: {}}";
    reader.refused(
        &["apply", "-f", "-"],
        manifest,
        "cannot create resource \"globalnetworksets\"",
    );
    let stored = "/apis/crd.projectcalico.org/v1/globalnetworksets/readonly";
    assert_eq!(kubernetes.get(stored).unwrap(), None);
}

#[test]
fn every_step_that_fails_is_named_in_time() {
    let Some(kubernetes) = shared() else { return };
    let url = kubernetes.url();
    let started = Instant::now();
    let refused = |settings: &[(&'static str, String)], why: &[&str]| {
        for why in why {
            with(settings).refused(&["get", "bgppeer", "--timeout", "2"], "", why);
        }
    };
    let unknown = format!("https://127.0.0.1:{}", free_port());
    refused(
        &[("KUBECONFIG", file(&kubernetes, "admin", &unknown))],
        &[&unknown, "connect: Connection refused"],
    );
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("https://{}", silent.local_addr().unwrap());
    refused(&[("KUBECONFIG", file(&kubernetes, "admin", &silent))], &[&silent]);
    let wrong_token = [
        ("K8S_API_ENDPOINT", url.clone()),
        ("K8S_CA_FILE", path(&kubernetes, "ca.pem")),
        ("K8S_API_TOKEN", "no-token".to_owned()),
    ];
    refused(&wrong_token, &["log in: the API server doesn't know this user"]);
    let (status, told, _) = with(&wrong_token).calicoctl(&GET, "");
    assert_eq!(status, 1);
    assert!(
        told.ends_with("connection is unauthorized: Unauthorized\n"),
        "{told}"
    );
    let other = Authority::new("other-ca");
    let wrong_ca = [
        ("K8S_API_ENDPOINT", url.clone()),
        ("K8S_CA_FILE", other.path()),
        ("K8S_API_TOKEN", "admin-token".to_owned()),
    ];
    refused(
        &wrong_ca,
        &[
            "TLS handshake",
            "subject CN=kube-apiserver, issuer CN=kubernetes",
            "signed by none of",
            "K8S_CA_FILE",
        ],
    );
    refused(
        &[("KUBECONFIG", "/nonexistent".to_owned())],
        &["kubeconfig /nonexistent"],
    );
    refused(&[], &["no kubeconfig is set, and this is no pod of a cluster"]);
    assert!(
        started.elapsed() < Duration::from_secs(40),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn an_expired_certificate_of_the_server_is_told_with_its_end() {
    let Some(kubernetes) = shared() else { return };
    let read = |name: &str| std::fs::read(kubernetes.file(name)).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&read("expired.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&read("expired-key.pem")).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = StreamOwned::new(connection, client);
            let _ = stream.read(&mut [0; 1]);
            let _ = stream.flush();
        }
    });
    let kubeconfig = file(&kubernetes, "admin", &url);
    for why in [
        "TLS handshake",
        "CN=kube-apiserver",
        "expired on 2020-01-01T00:00:00Z",
    ] {
        with(&[("KUBECONFIG", kubeconfig.clone())]).refused(&GET, "", why);
    }
}
