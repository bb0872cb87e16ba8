//! The two generations of `calicoctl.cfg`, as written.

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::{Generation, KubernetesSettings, Pem, PemSetting, Raw, TlsSettings};
use crate::calico::resource::API_VERSION;
use crate::calico::secret::Secret;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "apiVersion")]
    api_version: Option<Spanned<String>>,
    kind: Option<Spanned<String>>,
    #[serde(default, rename = "metadata")]
    _metadata: serde::de::IgnoredAny,
    #[serde(default)]
    spec: Option<Spec>,
}

/// Keys of both generations; v3 refuses `etcdAuthority` and `etcdScheme`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct Spec {
    datastore_type: Option<String>,
    etcd_endpoints: Option<String>,
    etcd_discovery_srv: Option<String>,
    etcd_authority: Option<Spanned<String>>,
    etcd_scheme: Option<Spanned<String>>,
    etcd_username: Option<String>,
    etcd_password: Option<String>,
    etcd_key_file: Option<String>,
    etcd_cert_file: Option<String>,
    #[serde(rename = "etcdCACertFile")]
    etcd_ca_cert_file: Option<String>,
    etcd_key: Option<String>,
    etcd_cert: Option<String>,
    #[serde(rename = "etcdCACert")]
    etcd_ca_cert: Option<String>,
    kubeconfig: Option<String>,
    #[serde(rename = "k8sAPIEndpoint")]
    k8s_api_endpoint: Option<String>,
    kubeconfig_inline: Option<String>,
    #[serde(rename = "k8sKeyFile")]
    k8s_key_file: Option<String>,
    #[serde(rename = "k8sCertFile")]
    k8s_cert_file: Option<String>,
    #[serde(rename = "k8sCAFile")]
    k8s_ca_file: Option<String>,
    #[serde(rename = "k8sAPIToken")]
    k8s_api_token: Option<String>,
    #[serde(rename = "k8sInsecureSkipTLSVerify")]
    k8s_insecure: bool,
    #[serde(rename = "k8sUsePodCIDR", alias = "usePodCIDR")]
    use_pod_cidr: bool,
    #[serde(rename = "k8sCurrentContext")]
    k8s_current_context: Option<String>,
    #[serde(rename = "calicoAPIGroup")]
    calico_api_group: Option<String>,
    // Known, so that a strict reader accepts them: rates and polls of Go's client.
    #[serde(rename = "k8sDisableNodePoll")]
    _k8s_disable_node_poll: serde::de::IgnoredAny,
    #[serde(rename = "k8sClientQPS")]
    _k8s_client_qps: serde::de::IgnoredAny,
    #[serde(rename = "k8sClientBurst")]
    _k8s_client_burst: serde::de::IgnoredAny,
}

/// Reads a configuration file. Errors start with `FILE:LINE:`.
pub(super) fn parse(name: &str, text: &str) -> Result<(Generation, Raw), String> {
    // Without a snippet: it might show the password.
    let options = serde_saphyr::options! { with_snippet: false };
    let document: Document =
        serde_saphyr::from_str_with_options(text, options).map_err(|error| explain(name, &error))?;
    let generation = generation(name, &document)?;
    let spec = document.spec.unwrap_or_default();
    if generation == Generation::V3 {
        let v1_only = [
            ("etcdAuthority", &spec.etcd_authority),
            ("etcdScheme", &spec.etcd_scheme),
        ];
        if let Some((key, Some(value))) = v1_only.into_iter().find(|(_, value)| value.is_some()) {
            return Err(format!(
                "{name}:{}: unknown key {key:?} (only a v1 calicoApiConfig has it; use etcdEndpoints)",
                value.referenced.line()
            ));
        }
    }
    Ok((generation, spec.into_raw(name)?))
}

/// Says where the text is wrong, without repeating its values.
fn explain(name: &str, error: &serde_saphyr::Error) -> String {
    let line = error.location().map_or(1, |location| location.line());
    match error.without_snippet() {
        serde_saphyr::Error::SerdeUnknownField { field, .. } => {
            format!("{name}:{line}: unknown key {field:?}")
        }
        serde_saphyr::Error::SerdeInvalidType { expected, .. } => {
            format!("{name}:{line}: a value of the wrong type, {expected} is expected")
        }
        other => {
            let text = other.to_string();
            format!("{name}:{line}: {}", text.lines().next().unwrap_or_default())
        }
    }
}

fn generation(name: &str, document: &Document) -> Result<Generation, String> {
    let text = |field: &Option<Spanned<String>>| {
        field.as_ref().map_or((1, String::new()), |field| {
            (field.referenced.line(), field.value.clone())
        })
    };
    let (line, version) = text(&document.api_version);
    let (generation, expected) = match version.as_str() {
        API_VERSION => (Generation::V3, "CalicoAPIConfig"),
        "v1" => (Generation::V1, "calicoApiConfig"),
        _ => {
            return Err(format!(
                "{name}:{line}: apiVersion is {version:?}, neither {API_VERSION:?} nor \"v1\""
            ));
        }
    };
    let (line, kind) = text(&document.kind);
    if kind == expected {
        Ok(generation)
    } else {
        Err(format!("{name}:{line}: kind is {kind:?}, not {expected:?}"))
    }
}

impl Spec {
    fn into_raw(self, name: &str) -> Result<Raw, String> {
        let set = |text: Option<String>| text.filter(|text| !text.is_empty());
        let pem = |key: &str, path: Option<String>, inline: Option<String>| {
            let setting = |suffix: &str| format!("{key}{suffix}");
            match (set(path), set(inline)) {
                (Some(_), Some(_)) => Err(format!(
                    "{name}: both {key}File and {key} are set: keep one of the two"
                )),
                (Some(path), None) => Ok(Some(PemSetting {
                    setting: setting("File"),
                    pem: Pem::File(path),
                })),
                (None, Some(text)) => Ok(Some(PemSetting {
                    setting: setting(""),
                    pem: Pem::Inline(Secret::new(text)),
                })),
                (None, None) => Ok(None),
            }
        };
        let file = |setting: &str, path: Option<String>| {
            set(path).map(|path| PemSetting {
                setting: setting.to_owned(),
                pem: Pem::File(path),
            })
        };
        Ok(Raw {
            datastore_type: set(self.datastore_type),
            endpoints: set(self.etcd_endpoints),
            discovery_srv: set(self.etcd_discovery_srv),
            authority: set(self.etcd_authority.map(|field| field.value)),
            scheme: set(self.etcd_scheme.map(|field| field.value)),
            username: set(self.etcd_username),
            password: set(self.etcd_password).map(Secret::new),
            key: pem("etcdKey", self.etcd_key_file, self.etcd_key)?,
            certificate: pem("etcdCert", self.etcd_cert_file, self.etcd_cert)?,
            ca: pem("etcdCACert", self.etcd_ca_cert_file, self.etcd_ca_cert)?,
            kubernetes: KubernetesSettings {
                kubeconfig: set(self.kubeconfig),
                kubeconfig_inline: set(self.kubeconfig_inline).map(Secret::new),
                context: set(self.k8s_current_context),
                endpoint: set(self.k8s_api_endpoint),
                tls: TlsSettings {
                    key: file("k8sKeyFile", self.k8s_key_file),
                    certificate: file("k8sCertFile", self.k8s_cert_file),
                    authority: file("k8sCAFile", self.k8s_ca_file),
                },
                token: set(self.k8s_api_token).map(Secret::new),
                insecure: self.k8s_insecure,
                api_group: set(self.calico_api_group),
                use_pod_cidr: self.use_pod_cidr,
            },
        })
    }
}
