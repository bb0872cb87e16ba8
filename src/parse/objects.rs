//! Cuts secrets out of objects of Kubernetes: of Secrets all but certificates, and where others have some: environments,
//! command lines, settings, annotations that repeat an object.

use serde_json::Value;

use super::secrets::{CUT, cut, cut_value, names_secret};

/// Data of Secrets that is no secret.
const CERTIFICATES: [&str; 8] = [
    "tls.crt",
    "ca.crt",
    "cert",
    "cert.crt",
    "apiserver.crt",
    "managed-cluster.crt",
    "management-cluster.crt",
    "ca-bundle.crt",
];

/// What kubectl keeps of an object beside it.
const REPEATED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Cuts the secrets of an object, or of a list of such.
pub fn cut_object(object: &mut Value) {
    if let Some(items) = object.get_mut("items").and_then(Value::as_array_mut) {
        items.iter_mut().for_each(cut_object);
        return;
    }
    let is = |object: &Value, kind: &str| object["kind"] == kind;
    let (secret, settings) = (is(object, "Secret"), is(object, "ConfigMap"));
    for field in ["data", "stringData", "binaryData"] {
        let Some(Value::Object(data)) = object.get_mut(field) else {
            continue;
        };
        for (key, value) in data {
            match value {
                Value::String(text) if settings && field == "data" => *text = cut_value(key, text),
                Value::String(text) if secret && CERTIFICATES.contains(&key.as_str()) && !holds_key(text) => {
                }
                value if secret || settings => *value = CUT.into(),
                _ => {}
            }
        }
    }
    if !secret {
        inside(object);
    }
    let annotations = object
        .get_mut("metadata")
        .and_then(|metadata| metadata.get_mut("annotations"));
    if let Some(repeated) = annotations.and_then(|annotations| annotations.get_mut(REPEATED)) {
        *repeated = CUT.into();
    }
}

/// Whether what should be a certificate is more than that.
fn holds_key(base64: &str) -> bool {
    use base64::Engine as _;
    let plain = base64::engine::general_purpose::STANDARD.decode(base64);
    plain.map_or(true, |bytes| {
        String::from_utf8_lossy(&bytes).contains("PRIVATE KEY")
    })
}

/// Names of fields say nothing here: `tokenExpirationSeconds` and `imagePullSecrets` are no secrets.
fn inside(value: &mut Value) {
    match value {
        Value::String(text) => *text = cut(text),
        Value::Array(items) => items.iter_mut().for_each(inside),
        Value::Object(fields) => {
            let name = fields.get("name").and_then(Value::as_str).map(str::to_owned);
            for (field, value) in fields.iter_mut() {
                match (field.as_str(), value) {
                    // A variable of an environment.
                    ("value", Value::String(text)) => {
                        *text = cut_value(name.as_deref().unwrap_or_default(), text);
                    }
                    ("command" | "args", Value::Array(words)) => command(words),
                    (_, value) => inside(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Words of a command line; an option's value may be the next one.
fn command(words: &mut [Value]) {
    let mut secret_next = false;
    for word in words {
        let Value::String(text) = word else { continue };
        if std::mem::take(&mut secret_next) && !text.starts_with('-') {
            CUT.clone_into(text);
            continue;
        }
        secret_next = text.starts_with('-') && !text.contains('=') && names_secret(text);
        *text = cut(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn cut_of(mut object: Value) -> Value {
        cut_object(&mut object);
        object
    }

    #[test]
    fn of_a_secret_only_certificates_stay() {
        let secret = json!({"kind": "Secret", "metadata": {"name": "node-certs", "annotations": {REPEATED: "{hunter2}"}},
            "type": "kubernetes.io/tls", "stringData": {"a": "hunter2"},
            "data": {"tls.crt": "Y2VydA==", "tls.key": "aHVudGVyMg==", "cert": "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t"}});
        let list = cut_of(json!({"kind": "List", "items": [secret]}));
        assert_eq!(
            list["items"][0]["data"],
            json!({"tls.crt": "Y2VydA==", "tls.key": CUT, "cert": CUT})
        );
        assert!(!list.to_string().contains("hunter2"), "{list}");
        assert_eq!(list["items"][0]["metadata"]["name"], "node-certs");
    }

    #[test]
    fn secrets_of_pods_and_settings_are_cut_and_the_rest_stays() {
        let pod = json!({"kind": "Pod", "metadata": {"annotations": {REPEATED: "hunter2", "note": "plain"}}, "spec": {
            "containers": [{"name": "c", "env": [{"name": "ETCD_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "bird"}],
                "args": ["--token", "hunter2", "--password=hunter2", "--v=2"]}],
            "imagePullSecrets": [{"name": "pull"}],
            "tolerations": [{"key": "node-role", "operator": "Exists"}],
            "volumes": [{"projected": {"sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}]}}]}});
        let plain = cut_of(pod);
        assert!(!plain.to_string().contains("hunter2"), "{plain}");
        let spec = &plain["spec"];
        assert_eq!(spec["containers"][0]["env"][1]["value"], "bird");
        assert_eq!(spec["containers"][0]["args"][3], "--v=2");
        assert_eq!(spec["imagePullSecrets"][0]["name"], "pull");
        assert_eq!(spec["tolerations"][0]["key"], "node-role");
        assert_eq!(
            spec["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]["expirationSeconds"],
            3607
        );
        let settings = cut_of(
            json!({"kind": "ConfigMap", "data": {"etcd_key": "hunter2", "veth_mtu": "1440",
            "cni": "{\"k8s_auth_token\": \"hunter2\"}"}, "binaryData": {"a": "aHVudGVyMg=="}}),
        );
        assert_eq!(settings["data"]["veth_mtu"], "1440");
        assert!(!settings.to_string().contains("hunter2"), "{settings}");
        assert_eq!(settings["binaryData"]["a"], CUT);
    }
}
