//! IPAM's objects as entries: read, and written if nobody else was faster.

use hyper::Method;
use serde_json::{Value, json};

use super::Kubernetes;
use super::api::Subject;
use super::ipam::{Place, Sort};
use crate::calico::kind::Kind;
use crate::datastore::{Entry, Error};

impl Kubernetes {
    /// The path of IPAM's objects of a sort.
    fn ipam(&self, sort: Sort) -> String {
        format!("/apis/{}/{}", self.group.version(), sort.names(self.group).1)
    }

    pub(super) async fn list_entries(&self, prefix: &str) -> Result<Vec<Entry>, Error> {
        let mut entries = Vec::new();
        let subject = Subject {
            kind: Kind::IpamConfiguration,
            name: "",
        };
        for sort in Sort::of_prefix(prefix) {
            let each = &mut |object: Value| {
                entries.extend(as_entry(sort, &object).filter(|entry| entry.key.starts_with(prefix)));
            };
            match self.api.list(&self.ipam(sort), subject, each).await {
                // Without the definition, there are none.
                Ok(_) | Err(Error::Unsupported { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        entries.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(entries)
    }

    pub(super) async fn read_entry(&self, key: &str) -> Result<Option<Entry>, Error> {
        let Some(place) = Place::of(key) else {
            return Ok(None);
        };
        let path = format!("{}/{}", self.ipam(place.sort), place.name);
        let reply = self.api.call(Method::GET, &path, None).await?;
        match reply.status {
            404 => Ok(None),
            _ if reply.is_ok() => Ok(as_entry(place.sort, &reply.body).filter(|entry| entry.key == key)),
            _ => Err(self.api.refusal(&reply, ipam_subject(key))),
        }
    }

    pub(super) async fn swap(&self, entry: &Entry, value: Option<&str>) -> Result<bool, Error> {
        let bad = |why: String| Error::BadValue {
            key: entry.key.clone(),
            why,
        };
        let place = Place::of(&entry.key).ok_or_else(|| bad("this isn't kept in Kubernetes".into()))?;
        let collection = self.ipam(place.sort);
        let path = format!("{collection}/{}", place.name);
        let subject = ipam_subject(&entry.key);
        let version = entry.revision.to_string();
        let done = match value {
            None => self.api.delete(&path, &version, subject).await,
            Some(value) => {
                let spec = place.spec(value, self.group).map_err(bad)?;
                let (kind, _) = place.sort.names(self.group);
                let mut object = json!({
                    "apiVersion": self.group.version(), "kind": kind,
                    "metadata": {"name": place.name}, "spec": spec,
                });
                if entry.revision == 0 {
                    let created = self.api.demand(Method::POST, &collection, Some(&object), subject);
                    created.await.map(drop)
                } else {
                    // Its labels stay.
                    let reply = self.api.call(Method::GET, &path, None).await?;
                    if let Some(metadata) = reply.body.get("metadata").filter(|_| reply.is_ok()) {
                        object["metadata"] = metadata.clone();
                    }
                    object["metadata"]["resourceVersion"] = version.into();
                    let written = self.api.demand(Method::PUT, &path, Some(&object), subject);
                    written.await.map(drop)
                }
            }
        };
        match done {
            Ok(()) => Ok(true),
            Err(Error::Conflict { .. } | Error::NotFound { .. } | Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn ipam_subject(key: &str) -> Subject<'_> {
    Subject {
        kind: Kind::IpamConfiguration,
        name: key,
    }
}

fn as_entry(sort: Sort, object: &Value) -> Option<Entry> {
    let (key, value) = sort.entry(object)?;
    let revision = object["metadata"]["resourceVersion"].as_str()?.parse().ok()?;
    Some(Entry {
        key,
        value: value.into_bytes(),
        revision,
    })
}
