//! Changes of what is stored: patches, labels, and deletion. Each is made anew when someone else was faster.

use serde_json::Value;

use super::{Error, Mode, TRIES, Verb, effects, is_race, rules};
use crate::calico::kinds;
use crate::calico::manifest::{self, Document, Form};
use crate::calico::merge::merge;
use crate::calico::names;
use crate::calico::patch::{self, PatchType};
use crate::calico::resource::{Kind, Resource};
use crate::calico::schema::Fault;
use crate::calico::tree::Mark;
use crate::datastore::{self, Datastore};

/// Applies a patch to a stored resource; returns it as it is then, or with [`Mode::DryRun`] would be.
///
/// # Errors
/// What the datastore answers, a patch that can't be applied, or one that makes the resource invalid.
pub async fn patch(
    store: &dyn Datastore,
    (kind, id): (Kind, &str),
    with: &Value,
    how: PatchType,
    mode: Mode,
) -> Result<Resource, Error> {
    change(store, (kind, id), mode, &|stored| {
        let mut patched = Value::Object(stored.body.clone());
        patch::apply(&mut patched, with, how)?;
        let resource = checked(stored, patched)?;
        if resource.id() != stored.id() {
            return Err(Error::Refused(
                "a patch can't change the name or the namespace".into(),
            ));
        }
        replaced(stored, resource)
    })
    .await
}

/// A patched resource, if the patch leaves it valid. What netdiag doesn't know in the stored one, since a newer release
/// wrote it, isn't the patch's fault, and stays.
fn checked(stored: &Resource, patched: Value) -> Result<Resource, Error> {
    let lines = |faults: Vec<Fault>| -> Vec<String> {
        let line = |fault: Fault| match fault.path.as_str() {
            "" => fault.why,
            path => format!("{path}: {}", fault.why),
        };
        faults.into_iter().map(line).collect()
    };
    let faults = match manifest::check(stored.kind, &patched) {
        Ok(resource) => return Ok(resource),
        Err(faults) => lines(faults),
    };
    let before = manifest::check(stored.kind, &Value::Object(stored.body.clone()));
    let known = before.map_or_else(lines, |_| Vec::new());
    let new: Vec<String> = faults
        .into_iter()
        .filter(|fault| !known.contains(fault))
        .collect();
    if new.is_empty() {
        return Resource::from_value(patched).map_err(|why| Error::Invalid(vec![why]));
    }
    Err(Error::Invalid(new))
}

/// What is stored, with labels, annotations, spec and status of this.
fn replaced(stored: &Resource, mut new: Resource) -> Result<Resource, Error> {
    kinds::prepare(&mut new);
    let document = Document {
        file: String::new(),
        at: Mark { line: 1, column: 1 },
        form: Form::V3,
        resource: new,
        notes: Vec::new(),
    };
    Ok(merge(Some(stored), &document)?.resource)
}

/// What to do to a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label<'a> {
    /// Give it a value; one that is there stays, unless `overwrite`.
    Set {
        value: &'a str,
        overwrite: bool,
    },
    Remove,
}

/// Changes one label of a stored resource; returns it as it is then, or with [`Mode::DryRun`] would be, and whether it had
/// this label before.
///
/// # Errors
/// What the datastore answers, and calicoctl's own refusals, which name the kind as it was typed.
pub async fn change_label(
    store: &dyn Datastore,
    (kind, id, typed): (Kind, &str, &str),
    key: &str,
    label: Label<'_>,
    mode: Mode,
) -> Result<(Resource, bool), Error> {
    let name = id.rsplit('/').next().unwrap_or_default();
    let had = std::cell::Cell::new(false);
    let changed = change(store, (kind, id), mode, &|stored| {
        let path = ["metadata", "labels", key];
        had.set(stored.field(&path).is_some());
        let mut new = stored.clone();
        match label {
            Label::Set { overwrite: false, .. } if had.get() => {
                return Err(Error::Refused(format!(
                    "failed to update label of {typed} {name}, key {key} is already present. please use '--overwrite' \
                     to set a new value"
                )));
            }
            Label::Set { value, .. } => {
                let valid = names::check_key(key).and_then(|()| names::check_label_value(value));
                valid.map_err(|why| {
                    Error::Refused(format!("failed to update {typed} {name}, label not changed: {why}"))
                })?;
                new.set(&path, Some(value.into()));
            }
            Label::Remove if !had.get() => {
                return Err(Error::Refused(format!(
                    "cannot remove label of {typed} {name}, key {key} does not exist"
                )));
            }
            Label::Remove => new.set(&path, None),
        }
        Ok(new)
    })
    .await?;
    Ok((changed, had.get()))
}

/// Reads, changes and writes until nobody else was faster.
async fn change(
    store: &dyn Datastore,
    (kind, id): (Kind, &str),
    mode: Mode,
    make: &dyn Fn(&Resource) -> Result<Resource, Error>,
) -> Result<Resource, Error> {
    let mut tries = 1;
    loop {
        let stored = store.get(kind, id).await?;
        rules::writable(&stored, Verb::Replace)?;
        let new = make(&stored)?;
        if new == stored {
            return Ok(stored);
        }
        rules::check(store, Some(&stored), &new).await?;
        if mode == Mode::DryRun {
            return Ok(new);
        }
        match store.update(&new).await {
            Ok(written) => return Ok(written),
            Err(error) if tries < TRIES && is_race(&error) => tries += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Deletes a resource, and what Calico deletes with it. With a `version`, only if that is the stored one.
///
/// # Errors
/// What the datastore answers, and what Calico doesn't allow to be deleted.
pub async fn delete(store: &dyn Datastore, kind: Kind, id: &str, version: Option<&str>) -> Result<(), Error> {
    let mut tries = 1;
    loop {
        rules::deletable(kind, id)?;
        let stored = store.get(kind, id).await?;
        if version.is_some() && version != stored.resource_version() {
            let name = id.to_owned();
            return Err(datastore::Error::Conflict { kind, name }.into());
        }
        rules::unused(store, &stored).await?;
        let stored = effects::before_delete(store, stored).await?;
        match store.delete(&stored).await {
            Ok(()) => return Ok(()),
            Err(error @ datastore::Error::Conflict { .. }) if version.is_none() && tries < TRIES => {
                tries += 1;
                drop(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
}
