//! API servers that one test has for itself: emptied, they go from hand to hand.

use std::{
    ops::Deref,
    sync::{Mutex, PoisonError},
};

use super::Kubernetes;
use crate::Result;

/// Those that nobody has now.
static FREE: Mutex<Vec<Kubernetes>> = Mutex::new(Vec::new());

/// An API server without objects of others; dropped, it is emptied and given to the next.
#[derive(Debug)]
pub(crate) struct Alone {
    /// there until it is dropped
    server: Option<Kubernetes>,
    namespace: &'static str,
}

impl Alone {
    pub(super) fn new(namespace: &'static str) -> Result<Self> {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let server = match free {
            Some(server) => server,
            None => Kubernetes::start()?,
        };
        let body = serde_json::json!({"metadata": {"name": namespace}});
        // It may be there from the last one's time.
        server.request("POST", "/api/v1/namespaces", Some(&body))?;
        Ok(Self {
            server: Some(server),
            namespace,
        })
    }

    /// Paths of the collections of what kube-proxy and netdiag read of services.
    pub(crate) fn collections(&self) -> [String; 4] {
        let of = |path: &str| format!("{path}/namespaces/{}", self.namespace);
        [
            "/api/v1/nodes".into(),
            format!("{}/pods", of("/api/v1")),
            format!("{}/services", of("/api/v1")),
            format!("{}/endpointslices", of("/apis/discovery.k8s.io/v1")),
        ]
    }
}

impl Deref for Alone {
    type Target = Kubernetes;

    #[expect(clippy::expect_used, reason = "only `drop` takes it away")]
    fn deref(&self) -> &Kubernetes {
        self.server.as_ref().expect("an API server until the end")
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        let paths = self.collections();
        let Some(server) = self.server.take() else { return };
        let emptied = paths.iter().all(|path| {
            let at_once = format!("{path}?gracePeriodSeconds=0");
            matches!(server.request("DELETE", &at_once, None), Ok((200, _)))
        });
        // One that can't be emptied is nobody's.
        if emptied {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).push(server);
        }
    }
}
