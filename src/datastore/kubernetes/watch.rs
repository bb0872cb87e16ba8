//! Waiting for the API server to tell of a change.

use super::{Kubernetes, NODES, PODS};
use crate::calico::kind::Kind;
use crate::datastore::{Error, PAUSE};

/// Seconds after which the server ends a watch in which nothing happens: connections that broke silently are found then.
const PATIENCE: u64 = 60;

impl Kubernetes {
    /// Waits for the first event after a list; not longer than [`PATIENCE`].
    pub(super) async fn wait(&self, kind: Kind, version: Option<&str>) -> Result<(), Error> {
        let collection = match kind {
            Kind::Node => NODES.to_owned(),
            Kind::WorkloadEndpoint => PODS.to_owned(),
            // Of two collections.
            Kind::Profile => {
                tokio::time::sleep(PAUSE).await;
                return Ok(());
            }
            _ => self.collection(kind, None),
        };
        let version = version.unwrap_or_default();
        let path = format!("{collection}?watch=true&timeoutSeconds={PATIENCE}&resourceVersion={version}");
        self.api.first_event(&path).await
    }
}
