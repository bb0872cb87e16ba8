//! Patches: JSON patch (RFC 6902), merge patch (RFC 7386), and Kubernetes' strategic one, which for Calico's kinds is a
//! merge patch with directives: their structures name no merge keys.

use serde_json::{Map, Value};

/// The ways to patch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchType {
    Strategic,
    Merge,
    Json,
}

/// A patch that can't be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatchError(String);

fn fail<T>(why: impl Into<String>) -> Result<T, PatchError> {
    Err(PatchError(why.into()))
}

/// Applies a patch.
///
/// # Errors
/// The patch is no patch of this type, or names what isn't there.
pub fn apply(document: &mut Value, patch: &Value, kind: PatchType) -> Result<(), PatchError> {
    match (kind, patch) {
        (PatchType::Json, Value::Array(operations)) => {
            for (index, operation) in operations.iter().enumerate() {
                operate(document, operation)
                    .map_err(|PatchError(why)| PatchError(format!("operation {}: {why}", index + 1)))?;
            }
            Ok(())
        }
        (PatchType::Json, _) => fail(
            "a JSON patch is a list of operations, such as [{\"op\": \"remove\", \"path\": \"/spec/node\"}]",
        ),
        (_, Value::Object(patch)) => merge(document, patch, kind == PatchType::Strategic),
        _ => fail("the patch is not a JSON object"),
    }
}

/// Sets what the patch names, removes what it names as null. Lists are replaced whole.
fn merge(document: &mut Value, patch: &Map<String, Value>, directives: bool) -> Result<(), PatchError> {
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    let Value::Object(object) = document else {
        return Ok(());
    };
    if directives {
        match patch
            .get("$patch")
            .map(|directive| directive.as_str().unwrap_or_default())
        {
            None | Some("merge") => {}
            Some("replace" | "delete") => object.clear(),
            Some(other) => return fail(format!("$patch is {other:?}, must be replace, merge or delete")),
        }
    }
    for (key, value) in patch {
        if directives && key.starts_with('$') {
            if key != "$patch" {
                return fail(format!("the directive {key} is not supported"));
            }
            continue;
        }
        match value {
            Value::Null => {
                object.remove(key);
            }
            Value::Object(patch) => {
                merge(
                    object.entry(key.clone()).or_insert(Value::Null),
                    patch,
                    directives,
                )?;
                let deleted = patch.get("$patch").is_some_and(|directive| directive == "delete");
                if directives && deleted {
                    object.remove(key);
                }
            }
            value => {
                object.insert(key.clone(), value.clone());
            }
        }
    }
    Ok(())
}

fn operate(document: &mut Value, operation: &Value) -> Result<(), PatchError> {
    let text = |key: &str| match operation.get(key).and_then(Value::as_str) {
        Some(text) => Ok(text),
        None => fail(format!("{key} is missing, or no text")),
    };
    let value = || match operation.get("value") {
        Some(value) => Ok(value.clone()),
        None => fail("value is missing"),
    };
    let path = text("path")?;
    match text("op")? {
        "add" => add(document, path, value()?),
        "remove" => remove(document, path).map(|_| ()),
        "replace" => {
            *find(document, path)? = value()?;
            Ok(())
        }
        "move" => {
            let from = text("from")?;
            if path.strip_prefix(from).is_some_and(|rest| rest.starts_with('/')) {
                return fail(format!("{from} can't be moved into itself"));
            }
            let value = remove(document, from)?;
            add(document, path, value)
        }
        "copy" => {
            let value = find(document, text("from")?)?.clone();
            add(document, path, value)
        }
        "test" => {
            let wanted = value()?;
            match find(document, path)? {
                found if *found == wanted => Ok(()),
                found => fail(format!("{path} is {found}, not {wanted}")),
            }
        }
        other => fail(format!(
            "op {other:?} is not one of add, remove, replace, move, copy, test"
        )),
    }
}

/// The steps of a JSON pointer (RFC 6901).
fn steps(path: &str) -> Result<Vec<String>, PatchError> {
    match path.strip_prefix('/') {
        Some(rest) => Ok(rest
            .split('/')
            .map(|step| step.replace("~1", "/").replace("~0", "~"))
            .collect()),
        None if path.is_empty() => Ok(Vec::new()),
        None => fail(format!("path {path:?} must begin with /")),
    }
}

fn index(step: &str) -> Option<usize> {
    let plain = step == "0" || !step.starts_with('0');
    (plain && step.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| step.parse().ok())
        .flatten()
}

fn find<'d>(document: &'d mut Value, path: &str) -> Result<&'d mut Value, PatchError> {
    let mut found = document;
    for step in steps(path)? {
        let next = match found {
            Value::Object(object) => object.get_mut(&step),
            Value::Array(items) => index(&step).and_then(|index| items.get_mut(index)),
            _ => None,
        };
        found = next.ok_or_else(|| PatchError(format!("there is no {path}")))?;
    }
    Ok(found)
}

/// What holds the last step, and that step.
fn parent<'d>(document: &'d mut Value, path: &str) -> Result<(&'d mut Value, String), PatchError> {
    let mut steps = steps(path)?;
    let Some(last) = steps.pop() else {
        return fail("the whole resource can't be replaced");
    };
    let above = path.rsplit_once('/').map_or("", |(above, _)| above);
    Ok((find(document, above)?, last))
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), PatchError> {
    let (parent, last) = parent(document, path)?;
    match parent {
        Value::Object(object) => {
            object.insert(last, value);
            Ok(())
        }
        Value::Array(items) if last == "-" => {
            items.push(value);
            Ok(())
        }
        Value::Array(items) => match index(&last).filter(|index| *index <= items.len()) {
            Some(index) => {
                items.insert(index, value);
                Ok(())
            }
            None => fail(format!("{path}: the list has {} items", items.len())),
        },
        _ => fail(format!(
            "there is no {path}: what is above it is neither a map nor a list"
        )),
    }
}

fn remove(document: &mut Value, path: &str) -> Result<Value, PatchError> {
    let (parent, last) = parent(document, path)?;
    let removed = match parent {
        Value::Object(object) => object.remove(&last),
        Value::Array(items) => index(&last)
            .filter(|index| *index < items.len())
            .map(|index| items.remove(index)),
        _ => None,
    };
    removed.ok_or_else(|| PatchError(format!("there is no {path}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn patched(document: &Value, patch: &Value, kind: PatchType) -> Result<Value, String> {
        let mut document = document.clone();
        apply(&mut document, patch, kind).map_err(|error| error.to_string())?;
        Ok(document)
    }

    /// The table of RFC 7386, appendix A, as far as documents are objects.
    #[test]
    fn a_merge_patch_sets_and_removes() {
        for (document, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            for kind in [PatchType::Merge, PatchType::Strategic] {
                assert_eq!(patched(&document, &patch, kind), Ok(result.clone()), "{patch}");
            }
        }
    }

    #[test]
    fn strategic_directives_replace_and_delete() {
        let document = json!({"spec": {"a": 1, "b": {"c": 2}}});
        let strategic = |patch: &Value| patched(&document, patch, PatchType::Strategic);
        assert_eq!(
            strategic(&json!({"spec": {"$patch": "replace", "d": 3}})),
            Ok(json!({"spec": {"d": 3}}))
        );
        assert_eq!(
            strategic(&json!({"spec": {"b": {"$patch": "delete"}}})),
            Ok(json!({"spec": {"a": 1}}))
        );
        assert!(strategic(&json!({"spec": {"$retainKeys": ["a"]}})).is_err());
        assert!(strategic(&json!({"$patch": "x"})).is_err());
        assert!(strategic(&json!([])).is_err());
    }

    #[test]
    fn a_json_patch_does_its_operations_in_order() {
        let document = json!({"a": {"b": [1, 2]}, "m~n": {"x/y": 1}});
        for (operations, result) in [
            (
                json!([{"op": "add", "path": "/a/b/1", "value": 9}]),
                json!({"a": {"b": [1, 9, 2]}, "m~n": {"x/y": 1}}),
            ),
            (
                json!([{"op": "add", "path": "/a/b/-", "value": 9}]),
                json!({"a": {"b": [1, 2, 9]}, "m~n": {"x/y": 1}}),
            ),
            (
                json!([{"op": "replace", "path": "/m~0n/x~1y", "value": 2}]),
                json!({"a": {"b": [1, 2]}, "m~n": {"x/y": 2}}),
            ),
            (
                json!([{"op": "remove", "path": "/a/b/0"}]),
                json!({"a": {"b": [2]}, "m~n": {"x/y": 1}}),
            ),
            (
                json!([{"op": "test", "path": "/a/b/0", "value": 1}, {"op": "move", "from": "/a/b", "path": "/c"}]),
                json!({"a": {}, "c": [1, 2], "m~n": {"x/y": 1}}),
            ),
            (
                json!([{"op": "copy", "from": "/a/b/0", "path": "/c"}]),
                json!({"a": {"b": [1, 2]}, "c": 1, "m~n": {"x/y": 1}}),
            ),
        ] {
            assert_eq!(
                patched(&document, &operations, PatchType::Json),
                Ok(result),
                "{operations}"
            );
        }
        for operations in [
            json!({"op": "remove"}),
            json!([{"op": "remove", "path": "/nope"}]),
            json!([{"op": "replace", "path": "/a/nope", "value": 1}]),
            json!([{"op": "add", "path": "/a/b/3", "value": 1}]),
            json!([{"op": "add", "path": "/a/b/01", "value": 1}]),
            json!([{"op": "add", "path": "a", "value": 1}]),
            json!([{"op": "add", "path": "/a"}]),
            json!([{"op": "test", "path": "/a/b/0", "value": 2}]),
            json!([{"op": "move", "from": "/a", "path": "/a/b/c"}]),
            json!([{"op": "replace", "path": "/a/b/0/c", "value": 1}]),
            json!([{"op": "grow", "path": "/a"}]),
            json!([{"op": "remove", "path": ""}]),
        ] {
            assert!(
                patched(&document, &operations, PatchType::Json).is_err(),
                "{operations}"
            );
        }
    }
}
