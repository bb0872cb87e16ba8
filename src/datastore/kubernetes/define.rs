//! CustomResourceDefinitions, where a cluster has none of Calico's.

use std::time::Duration;

use hyper::Method;

use super::Kubernetes;
use super::api::Subject;
use crate::calico::crd::definition;
use crate::calico::kind::Kind;
use crate::datastore::endpoint::Deadline;
use crate::datastore::{Error, Step};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// How long a server may take to serve what was defined.
const SERVED: Duration = Duration::from_secs(60);
/// How often it is asked.
const AGAIN: Duration = Duration::from_millis(100);

impl Kubernetes {
    /// Makes the definitions that are missing, and waits until the kinds are served. A definition that is there is left
    /// as its release made it.
    pub(super) async fn define(&self) -> Result<usize, Error> {
        let mut made = Vec::new();
        for definition in definition::all(self.group) {
            let text = |pointer: &str| definition.pointer(pointer).and_then(|value| value.as_str());
            let name = text("/metadata/name").unwrap_or_default();
            let plural = text("/spec/names/plural").unwrap_or_default().to_owned();
            let path = format!("{DEFINITIONS}/{name}");
            if self.api.call(Method::GET, &path, None).await?.is_ok() {
                continue;
            }
            let subject = Subject {
                kind: Kind::ClusterInformation,
                name,
            };
            let created = self
                .api
                .demand(Method::POST, DEFINITIONS, Some(&definition), subject);
            match created.await {
                Ok(_) => made.push(plural),
                Err(Error::AlreadyExists { .. } | Error::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let deadline = Deadline::after(SERVED);
        for plural in &made {
            let path = format!("/apis/{}/{plural}?limit=1", self.group.version());
            while !self.api.call(Method::GET, &path, None).await?.is_ok() {
                if deadline.is_over() {
                    let why = format!("{plural} was defined, but is not served");
                    return Err(self.endpoint().failed(Step::Request, why));
                }
                tokio::time::sleep(AGAIN).await;
            }
        }
        Ok(made.len())
    }
}
