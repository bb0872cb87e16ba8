//! A real Kubernetes API server on loopback, with an etcd of its own: no kubelets, no controllers; nodes and pods are
//! objects that tests write. `scripts/kubernetes` builds the programs.

mod alone;
mod credentials;
mod door;

use std::{
    path::PathBuf,
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Error, Node, Result, daemons, loopback, loopback::Supervised, wait_for};
pub(crate) use alone::Alone;
use credentials::Credentials;
pub use door::Door;

/// Users with a token each: who it is, and whether it may do everything.
const USERS: [(&str, bool); 3] = [("admin", true), ("reader", false), ("nobody", false)];

/// A running API server. Everything of it goes away when it is dropped, or when the process of the tests ends.
#[derive(Debug)]
pub struct Kubernetes {
    daemons: Supervised,
    port: u16,
    agent: ureq::Agent,
    /// from the start of etcd until the API server said that it was ready
    pub took: Duration,
}

impl Kubernetes {
    /// Starts one.
    ///
    /// # Errors
    /// [`Error::Skip`] where etcd or kube-apiserver are missing; the last lines of its log when it doesn't get ready.
    pub fn start() -> Result<Self> {
        let programs = (
            daemons::path("etcd-server", "usr/bin/etcd")?,
            Self::program("kube-apiserver")?,
        );
        // A port that was free may be taken when its daemon comes.
        let mut tries = 3;
        loop {
            match Self::try_start(&programs.0, &programs.1) {
                Err(Error::Failed(why)) if tries > 1 && why.contains("address already in use") => tries -= 1,
                outcome => return outcome,
            }
        }
    }

    /// The one of this process, which is started when it is first asked for. Tests that share it name their objects
    /// apart.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn shared() -> Result<std::sync::Arc<Self>> {
        static SHARED: OnceLock<Mutex<Option<std::sync::Arc<Kubernetes>>>> = OnceLock::new();
        let mut shared = SHARED
            .get_or_init(Mutex::default)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = &*shared {
            return Ok(std::sync::Arc::clone(running));
        }
        let started = std::sync::Arc::new(Self::start()?);
        *shared = Some(std::sync::Arc::clone(&started));
        Ok(started)
    }

    /// One that nobody else has, with this namespace, and nothing in it.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn alone(namespace: &'static str) -> Result<Alone> {
        Alone::new(namespace)
    }

    /// Where `scripts/kubernetes` put a program.
    ///
    /// # Errors
    /// [`Error::Skip`] where it isn't there.
    pub fn program(name: &str) -> Result<String> {
        daemons::path("kubernetes", name).map_err(|error| match error {
            Error::Skip(_) => Error::Skip(format!(
                "{name} is not built: scripts/kubernetes builds it, with Go 1.24 or newer"
            )),
            other => other,
        })
    }

    fn try_start(etcd: &str, server: &str) -> Result<Self> {
        let directory = Supervised::directory("kubernetes")?;
        let credentials = Credentials::make()?;
        credentials.write(&directory, USERS)?;
        let (client, peer, port) = (
            loopback::free_port()?,
            loopback::free_port()?,
            loopback::free_port()?,
        );
        let script = format!(
            "'{etcd}' --data-dir=etcd --unsafe-no-fsync --logger=zap --listen-client-urls=http://127.0.0.1:{client} \
             --advertise-client-urls=http://127.0.0.1:{client} --listen-peer-urls=http://127.0.0.1:{peer} \
             --initial-advertise-peer-urls=http://127.0.0.1:{peer} --initial-cluster=default=http://127.0.0.1:{peer} \
             --heartbeat-interval=50 --election-timeout=500 >etcd.log 2>&1 </dev/null &
             children=\"$children $!\"
             '{server}' --etcd-servers=http://127.0.0.1:{client} --bind-address=127.0.0.1 --secure-port={port} \
             --cert-dir=. --tls-cert-file=server.pem --tls-private-key-file=server-key.pem --client-ca-file=ca.pem \
             --token-auth-file=tokens.csv --authorization-mode=RBAC --anonymous-auth=true \
             --service-account-issuer=https://kubernetes.default.svc --service-account-key-file=account-public.pem \
             --service-account-signing-key-file=account-key.pem --service-cluster-ip-range=10.96.0.0/16,fd00:10:96::/112 \
             --endpoint-reconciler-type=none --enable-priority-and-fairness=false --profiling=false \
             --disable-admission-plugins=ServiceAccount,TaintNodesByCondition --allow-privileged=true \
             --etcd-compaction-interval=0 --max-requests-inflight=2000 --max-mutating-requests-inflight=1000 \
             >apiserver.log 2>&1 </dev/null &
             children=\"$children $!\""
        );
        let started = Instant::now();
        let daemons = Supervised::start(directory, &script)?;
        let agent = credentials.agent()?;
        let mut server = Self {
            daemons,
            port,
            agent,
            took: Duration::ZERO,
        };
        let ready = wait_for("kube-apiserver is ready", loopback::PATIENCE, || {
            let log = server.daemons.log("apiserver.log");
            if log.contains("address already in use") {
                return Some(false);
            }
            matches!(server.raw("GET", "/readyz", "", None), Ok((200, _))).then_some(true)
        });
        match ready {
            Ok(true) => {
                server.took = started.elapsed();
                Ok(server)
            }
            Ok(false) => Err(Error::failed("address already in use")),
            Err(error) => Err(Error::failed(format!(
                "{error}\n{}\n{}",
                server.daemons.log("etcd.log"),
                server.daemons.log("apiserver.log")
            ))),
        }
    }

    /// `https://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// A way to it from a node's network, and the URL there; it is open until what comes back is dropped.
    ///
    /// # Errors
    /// The node's port is taken.
    pub fn door(&self, node: &Node) -> Result<(Door, String)> {
        Door::open(node, self.port)
    }

    /// The port of 127.0.0.1; the server's certificate is also for `localhost` and `::1`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// A file of its directory: `ca.pem`, `ca-key.pem`, `admin.pem` and `admin-key.pem` (a client's certificate),
    /// `expired.pem` and `expired-key.pem` (a server's). Tokens are `USER-token`, for the users `admin`, `reader` and
    /// `nobody`; the last two may do what tests allow them by RBAC.
    pub fn file(&self, name: &str) -> PathBuf {
        self.daemons.path(name)
    }

    /// A new kubeconfig for this user, which asks this URL.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn kubeconfig(&self, user: &str, url: &str) -> Result<PathBuf> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = self.file(&format!("{user}-{number}.conf"));
        loopback::write(&path, &credentials::kubeconfig(&self.file("ca.pem"), user, url))?;
        Ok(path)
    }

    /// Makes an object, at the path of its collection: `/api/v1/nodes`.
    ///
    /// # Errors
    /// What the server says.
    pub fn create(&self, path: &str, object: &Value) -> Result<Value> {
        self.demand("POST", path, Some(object))
    }

    /// Replaces an object, or its `/status`.
    ///
    /// # Errors
    /// What the server says.
    pub fn put(&self, path: &str, object: &Value) -> Result<Value> {
        self.demand("PUT", path, Some(object))
    }

    /// An object, or a list; nothing if it isn't there.
    ///
    /// # Errors
    /// What the server says.
    pub fn get(&self, path: &str) -> Result<Option<Value>> {
        match self.request("GET", path, None)? {
            (200, answer) => Ok(Some(answer)),
            (404, _) => Ok(None),
            (status, answer) => Err(Error::failed(format!("GET {path}: {status} {answer}"))),
        }
    }

    /// Deletes an object.
    ///
    /// # Errors
    /// What the server says.
    pub fn delete(&self, path: &str) -> Result<Value> {
        self.demand("DELETE", path, None)
    }

    pub(crate) fn demand(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        match self.request(method, path, body)? {
            (200..=299, answer) => Ok(answer),
            (status, answer) => Err(Error::failed(format!("{method} {path}: {status} {answer}"))),
        }
    }

    /// Any request as the administrator; a JSON merge patch when the method is PATCH.
    ///
    /// # Errors
    /// The server doesn't answer, or not with JSON.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let kind = if method == "PATCH" {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let (status, text) = self.raw(method, path, kind, body)?;
        let answer = serde_json::from_str(&text)
            .map_err(|error| Error::failed(format!("{method} {path}: {error} in {text}")))?;
        Ok((status, answer))
    }

    fn raw(&self, method: &str, path: &str, kind: &str, body: Option<&Value>) -> Result<(u16, String)> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::failed(format!("kube-apiserver: {method} {path}: {error}"))
        };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url()))
            .header("Authorization", "Bearer admin-token");
        let answered = match body {
            Some(body) => request
                .header("Content-Type", kind)
                .body(body.to_string())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
            None => request
                .body(())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
        };
        let mut answer = answered.map_err(|error| failed(&error))?;
        let text = answer
            .body_mut()
            .with_config()
            .limit(256 << 20)
            .read_to_string()
            .map_err(|error| failed(&error))?;
        Ok((answer.status().as_u16(), text))
    }
}
