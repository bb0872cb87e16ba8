//! Who a resource is: its name, and what it gets when it is created, a uid and a time.

use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use tokio_rustls::rustls::crypto::ring;

use super::Error;
use crate::calico::resource::Resource;

const FIELDS: [&str; 2] = ["uid", "creationTimestamp"];

/// Gives a new resource its uid (random UUID) and creationTimestamp (RFC 3339, UTC, seconds).
pub(super) fn give(resource: &mut Resource) -> Result<(), Error> {
    let now = time::OffsetDateTime::now_utc();
    let now = now.replace_nanosecond(0).unwrap_or(now);
    let now = now.format(&Rfc3339).map_err(|error| failed(&error.to_string()))?;
    let uid = uuid()?;
    insert(resource, "uid", uid.into());
    insert(resource, "creationTimestamp", now.into());
    Ok(())
}

/// Refuses a name that would become several parts of a key.
pub(super) fn check_name(resource: &Resource) -> Result<(), Error> {
    let one_part = |name: &str| !name.is_empty() && !name.contains('/') && !name.starts_with('.');
    let fail = |why: &str| {
        Err(Error::BadValue {
            key: format!("{}({})", resource.kind, resource.id()),
            why: why.into(),
        })
    };
    if !one_part(resource.name()) {
        return fail("metadata.name is missing, has a slash, or begins with a dot");
    }
    if resource.kind.is_namespaced() && !resource.namespace().is_some_and(one_part) {
        return fail("metadata.namespace is missing, has a slash, or begins with a dot");
    }
    Ok(())
}

/// Whether a resource has both.
pub(super) fn has(resource: &Resource) -> bool {
    FIELDS
        .iter()
        .all(|field| resource.text(&["metadata", field]).is_some())
}

/// Copies those that are missing.
pub(super) fn copy(from: &Resource, to: &mut Resource) {
    for field in FIELDS {
        if let (None, Some(value)) = (to.text(&["metadata", field]), from.field(&["metadata", field])) {
            insert(to, field, value.clone());
        }
    }
}

/// Sets a field of the metadata.
fn insert(resource: &mut Resource, field: &str, value: Value) {
    let metadata = resource
        .body
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(metadata) = metadata {
        metadata.insert(field.into(), value);
    }
}

fn failed(why: &str) -> Error {
    Error::Config(format!("cannot make an identity for a new resource: {why}"))
}

/// 32 random hexadecimal digits, as Calico gives a cluster its GUID.
///
/// # Errors
/// The system gave no random numbers.
pub fn random_id() -> Result<String, Error> {
    uuid().map(|uuid| uuid.replace('-', ""))
}

/// A random UUID (version 4, RFC 9562).
fn uuid() -> Result<String, Error> {
    let mut bytes = [0_u8; 16];
    ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| failed("the system gave no random numbers"))?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let number = u128::from_be_bytes(bytes);
    let text = format!("{number:032x}");
    let parts = [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ];
    Ok(parts.join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calico::resource::Kind;

    #[test]
    fn a_new_resource_gets_a_random_uuid_and_the_time_in_whole_utc_seconds() {
        let mut resource = Resource::new(Kind::Node, "n");
        give(&mut resource).unwrap();
        let uid = resource.text(&["metadata", "uid"]).unwrap().to_owned();
        let shape =
            regex::Regex::new("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
                .unwrap();
        assert!(shape.is_match(&uid), "{uid}");
        let time = resource.text(&["metadata", "creationTimestamp"]).unwrap();
        let shape = regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$").unwrap();
        assert!(shape.is_match(time), "{time}");
        give(&mut resource).unwrap();
        assert_ne!(resource.text(&["metadata", "uid"]), Some(uid.as_str()));
    }
}
