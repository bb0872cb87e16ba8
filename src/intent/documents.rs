//! Objects from files: what kubectl and calicoctl print, `cluster diags`, and manifests.

use serde_json::Value;

use crate::calico::crd;
use crate::calico::kind::Kind;
use crate::calico::resource::{API_VERSION, Resource};
use crate::kubernetes::Object;
use crate::state::{Fact, Objects};

/// Lists in lists at most.
const DEPTH: usize = 4;

/// Adds the objects of a document: one, a list, or a list kind. Kinds that nothing depends on are left out.
pub fn add(objects: &mut Objects, document: Value) {
    let mut kubernetes = match std::mem::take(&mut objects.kubernetes) {
        Fact::Known(known) => known,
        Fact::Absent { .. } => Vec::new(),
    };
    each(document, None, DEPTH, &mut |object| {
        one(objects, &mut kubernetes, object);
    });
    objects.kubernetes = Fact::Known(kubernetes);
}

/// `apiVersion` and `kind` that the items of a list may leave out.
type Inherited = Option<(String, String)>;

fn each(document: Value, inherited: Inherited, depth: usize, take: &mut dyn FnMut(Value)) {
    let mut fields = match document {
        Value::Array(items) if depth > 0 => {
            for item in items {
                each(item, inherited.clone(), depth - 1, take);
            }
            return;
        }
        Value::Object(fields) => fields,
        _ => return,
    };
    let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    let kind = text("kind");
    if let Some(single) = kind.as_deref().and_then(|kind| kind.strip_suffix("List"))
        && fields
            .get("items")
            .is_some_and(|items| items.is_array() || items.is_null())
    {
        let version = text("apiVersion").unwrap_or_default();
        let inherited = (!single.is_empty()).then(|| (version, single.to_owned()));
        if let Some(items) = fields.remove("items") {
            each(items, inherited, depth.saturating_sub(1), take);
        }
        return;
    }
    if let (None, Some((version, kind))) = (kind, inherited) {
        fields.insert("apiVersion".to_owned(), version.into());
        fields.insert("kind".to_owned(), kind.into());
    }
    take(Value::Object(fields));
}

fn one(objects: &mut Objects, kubernetes: &mut Vec<Value>, object: Value) {
    let version = object
        .get("apiVersion")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let read = match version {
        API_VERSION => calico(object).map(|found| objects.resources.extend(found)),
        crd::V1 => of_crd(object).map(|found| objects.resources.extend(found)),
        _ => Object::read(&object).map(|found| kubernetes.extend(found.map(|found| found.value()))),
    };
    if let Err(why) = read {
        objects.unreadable.push(("a file".to_owned(), why));
    }
}

fn calico(object: Value) -> Result<Option<Value>, String> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    if Kind::from_document(kind).is_none() {
        return Ok(None);
    }
    Resource::from_value(object).map(|resource| Some(resource.body.into()))
}

/// The form in Kubernetes: users' labels may be in an annotation, and policies under another name than they show.
fn of_crd(object: Value) -> Result<Option<Value>, String> {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let Some(kind) = Kind::from_document(kind) else {
        return Ok(None);
    };
    crd::decode(kind, object).map(|resource| Some(resource.body.into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_every_form_are_taken_apart() {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}});
        let bare = json!({"metadata": {"name": "b"}});
        let mut objects = Objects::default();
        for document in [
            pod.clone(),
            json!([pod]),
            json!({"apiVersion": "v1", "kind": "List", "items": [pod, pod]}),
            json!({"apiVersion": "v1", "kind": "PodList", "items": [bare]}),
            json!({"apiVersion": "projectcalico.org/v3", "kind": "TierList", "items": [bare]}),
            json!({"apiVersion": "v1", "kind": "SecretList", "items": [bare]}),
            json!({"apiVersion": "v1", "kind": "List", "items": null}),
            json!(7),
        ] {
            add(&mut objects, document);
        }
        assert_eq!(objects.kubernetes.items().len(), 5);
        assert_eq!(objects.resources.len(), 1);
        assert_eq!(objects.unreadable, []);
    }

    #[test]
    fn calicos_objects_in_kubernetes_show_what_users_wrote() {
        let mut objects = Objects::default();
        add(
            &mut objects,
            json!({"apiVersion": "crd.projectcalico.org/v1", "kind": "HostEndpoint", "metadata": {"name": "n1",
                "annotations": {"projectcalico.org/metadata": "{\"labels\":{\"role\":\"db\"}}"}}, "spec": {"node": "n1"}}),
        );
        add(
            &mut objects,
            json!({"apiVersion": "crd.projectcalico.org/v1", "kind": "GlobalNetworkPolicy",
                "metadata": {"name": "default.deny"}, "spec": {}}),
        );
        add(
            &mut objects,
            json!({"apiVersion": "crd.projectcalico.org/v1", "kind": "BlockAffinity", "metadata": {"name": "x"}}),
        );
        assert_eq!(objects.resources.len(), 2);
        assert_eq!(objects.resources[0]["metadata"]["labels"]["role"], "db");
        assert_eq!(objects.resources[1]["metadata"]["name"], "deny");
    }

    #[test]
    fn what_can_not_be_understood_is_listed() {
        let mut objects = Objects::default();
        add(
            &mut objects,
            json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": 7}}),
        );
        add(
            &mut objects,
            json!({"apiVersion": "projectcalico.org/v3", "kind": "Tier"}),
        );
        assert_eq!(objects.unreadable.len(), 2);
    }
}
