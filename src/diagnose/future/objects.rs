//! The objects as they will be.

use serde_json::Value;

use super::{Change, Changed};
use crate::calico::merge::merge;
use crate::calico::resource::Resource;
use crate::state::Objects;

/// The objects after a change, and what that changes.
pub(super) fn changed(objects: &Objects, changes: &[Change]) -> Result<(Objects, Vec<Changed>), String> {
    let mut after = objects.clone();
    let mut changed = Vec::new();
    for change in changes {
        let resource = change.resource();
        let same = |value: &Value| {
            Resource::from_value(value.clone())
                .is_ok_and(|stored| stored.kind == resource.kind && stored.id() == resource.id())
        };
        let at = after.resources.iter().position(same);
        let stored = at
            .and_then(|at| after.resources.get(at))
            .and_then(|value| Resource::from_value(value.clone()).ok());
        let title = format!("{} {}", resource.kind, resource.id());
        let (title, new) = match change {
            Change::Apply(document) => {
                let merged = merge(stored.as_ref(), document).map_err(|error| error.to_string())?;
                if !merged.changed {
                    continue;
                }
                let title = format!("{} {}", merged.resource.kind, merged.resource.id());
                (title, Some(merged.resource))
            }
            Change::Delete(_) if stored.is_none() => {
                return Err(format!("{title} is not among the objects: it can't be deleted"));
            }
            Change::Delete(_) => (title, None),
        };
        let body = new.map(|resource| Value::Object(resource.body));
        match (at, &body) {
            (Some(at), Some(body)) => {
                if let Some(place) = after.resources.get_mut(at) {
                    place.clone_from(body);
                }
            }
            (Some(at), None) => drop(after.resources.remove(at)),
            (None, body) => after.resources.extend(body.clone()),
        }
        let kind = resource.kind.name().to_owned();
        if !after.kinds.is_empty() && !after.kinds.contains(&kind) {
            after.kinds.push(kind);
        }
        changed.push(Changed {
            kind: resource.kind,
            title,
            before: stored.map(|stored| Value::Object(stored.body)),
            after: body.unwrap_or_default(),
        });
    }
    Ok((after, changed))
}
