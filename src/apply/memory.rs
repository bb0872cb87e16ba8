//! A datastore in memory, for tests: compare-and-swap, and failures on demand.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use serde_json::json;

use crate::calico::resource::{Kind, Resource};
use crate::datastore::{Answer, Datastore, Error, List, Unreadable};

#[derive(Default)]
pub(crate) struct Memory {
    resources: RefCell<BTreeMap<(Kind, String), Resource>>,
    revision: Cell<u64>,
    /// Writes so far, failed ones too.
    pub(crate) writes: Cell<usize>,
    /// How many of the next writes find that someone else set this label to a new number meanwhile.
    pub(crate) intruders: Cell<usize>,
    /// Names that fail to be written.
    pub(crate) broken: RefCell<Vec<String>>,
    /// No call succeeds.
    pub(crate) unreachable: Cell<bool>,
    pub(crate) unreadable: RefCell<Vec<Unreadable>>,
}

impl Memory {
    /// A store with these resources, at revisions from 1.
    pub(crate) fn with(resources: impl IntoIterator<Item = serde_json::Value>) -> Self {
        let store = Self::default();
        for resource in resources {
            store.put(&Resource::from_value(resource).unwrap());
        }
        store
    }

    pub(crate) fn put(&self, resource: &Resource) -> Resource {
        self.revision.set(self.revision.get() + 1);
        let mut resource = resource.clone();
        resource.set_resource_version(Some(self.revision.get().to_string()));
        let key = (resource.kind, resource.id());
        self.resources.borrow_mut().insert(key, resource.clone());
        resource
    }

    pub(crate) fn find(&self, kind: Kind, name: &str) -> Option<Resource> {
        self.resources.borrow().get(&(kind, name.to_owned())).cloned()
    }

    fn reach(&self) -> Result<(), Error> {
        if self.unreachable.get() {
            let failures = vec!["memory: connect: refused".into()];
            return Err(Error::Unreachable { failures });
        }
        Ok(())
    }

    fn write(&self, resource: &Resource, exists: bool) -> Result<Resource, Error> {
        self.reach()?;
        self.writes.set(self.writes.get() + 1);
        let (kind, name) = (resource.kind, resource.id());
        if self.broken.borrow().contains(&name) {
            return Err(Error::BadValue {
                key: name,
                why: "broken".into(),
            });
        }
        if self.intruders.get() > 0 {
            self.intruders.set(self.intruders.get() - 1);
            let mut other = self
                .find(kind, &name)
                .unwrap_or_else(|| Resource::new(kind, &name));
            other.body["metadata"]["labels"] = json!({ "intruder": self.revision.get().to_string() });
            self.put(&other);
        }
        match (self.find(kind, &name), exists) {
            (Some(_), false) => Err(Error::AlreadyExists { kind, name }),
            (None, true) => Err(Error::NotFound { kind, name }),
            (Some(stored), true) if stored.resource_version() != resource.resource_version() => {
                Err(Error::Conflict { kind, name })
            }
            _ => Ok(self.put(resource)),
        }
    }
}

impl Datastore for Memory {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn get<'a>(&'a self, kind: Kind, name: &'a str) -> Answer<'a, Resource> {
        Box::pin(async move {
            self.reach()?;
            let not_found = || Error::NotFound {
                kind,
                name: name.to_owned(),
            };
            self.find(kind, name).ok_or_else(not_found)
        })
    }

    fn list(&self, kind: Kind) -> Answer<'_, List> {
        Box::pin(async move {
            self.reach()?;
            let resources = self.resources.borrow();
            let items = resources
                .values()
                .filter(|resource| resource.kind == kind)
                .cloned();
            Ok(List {
                items: items.collect(),
                version: Some(self.revision.get().to_string()),
                unreadable: self.unreadable.borrow().clone(),
            })
        })
    }

    fn create<'a>(&'a self, resource: &'a Resource) -> Answer<'a, Resource> {
        Box::pin(async move { self.write(resource, false) })
    }

    fn update<'a>(&'a self, resource: &'a Resource) -> Answer<'a, Resource> {
        Box::pin(async move { self.write(resource, true) })
    }

    fn delete<'a>(&'a self, resource: &'a Resource) -> Answer<'a, ()> {
        Box::pin(async move {
            self.write(resource, true)?;
            self.resources
                .borrow_mut()
                .remove(&(resource.kind, resource.id()));
            Ok(())
        })
    }
}
