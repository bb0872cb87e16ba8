//! How to reach Calico's datastore: the file calicoctl reads (`calicoctl.cfg`), or the environment.
//!
//! Both generations of the file are read: `CalicoAPIConfig` of Calico v3 and `calicoApiConfig` of v1. As in calicoctl,
//! file and environment are not merged; what netdiag adds is a note when a file hides variables that are set.

mod file;

use super::secret::Secret;

/// Looks up an environment variable.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Where v1 tools look for etcd when nothing says where.
const V1_AUTHORITY: &str = "127.0.0.1:2379";

/// Which protocol the datastore speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatastoreType {
    EtcdV3,
    EtcdV2,
    Kubernetes,
}

impl DatastoreType {
    /// Reads `datastoreType` or `DATASTORE_TYPE`.
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "etcdv3" => Ok(Self::EtcdV3),
            "etcdv2" => Ok(Self::EtcdV2),
            "kubernetes" => Ok(Self::Kubernetes),
            other => Err(format!("{other:?} is none of etcdv3, etcdv2, kubernetes")),
        }
    }
}

/// Which API of Calico the configuration was written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// `projectcalico.org/v3`, and the environment.
    V3,
    /// `v1`: such a cluster may keep its objects in etcd's v2 store.
    V1,
}

/// A PEM text: in a file, or written into the configuration itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pem {
    File(String),
    Inline(Secret),
}

/// A PEM and the name of the setting it came from, such as `etcdCACertFile` or `ETCD_CA_CERT_FILE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PemSetting {
    pub setting: String,
    pub pem: Pem,
}

/// TLS material of an etcd client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Private key of the client certificate.
    pub key: Option<PemSetting>,
    /// Certificate that the client shows.
    pub certificate: Option<PemSetting>,
    /// Authorities that may have signed the server's certificate; those of the system when absent.
    pub authority: Option<PemSetting>,
}

/// How to reach the API server, when Kubernetes is the datastore. What isn't set comes from the kubeconfig, and without
/// one from the pod that netdiag runs in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KubernetesSettings {
    /// Paths with colons between them.
    pub kubeconfig: Option<String>,
    pub kubeconfig_inline: Option<Secret>,
    pub context: Option<String>,
    /// URL of the API server.
    pub endpoint: Option<String>,
    pub tls: TlsSettings,
    pub token: Option<Secret>,
    /// Any certificate of the server will do.
    pub insecure: bool,
    /// Which group Calico's objects are in: `crd.projectcalico.org/v1` or `projectcalico.org/v3`.
    pub api_group: Option<String>,
    /// Addresses come from the nodes' `podCIDR`, not from Calico's IPAM.
    pub use_pod_cidr: bool,
}

/// How to reach the datastore. `Debug` hides the password and inline PEMs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiConfig {
    pub datastore: DatastoreType,
    pub generation: Generation,
    /// Where this came from: a file's name, or `the environment`.
    pub source: String,
    /// URLs as configured; the scheme may be missing.
    pub endpoints: Vec<String>,
    /// Domain whose DNS SRV records name the endpoints.
    pub discovery_srv: Option<String>,
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub tls: TlsSettings,
    pub kubernetes: KubernetesSettings,
    /// What the user should be told about this configuration; one sentence each.
    pub notes: Vec<String>,
}

/// The settings as written, before any of them is judged. Field names are the keys of the file.
#[derive(Debug, Default, Clone)]
struct Raw {
    datastore_type: Option<String>,
    endpoints: Option<String>,
    discovery_srv: Option<String>,
    authority: Option<String>,
    scheme: Option<String>,
    username: Option<String>,
    password: Option<Secret>,
    key: Option<PemSetting>,
    certificate: Option<PemSetting>,
    ca: Option<PemSetting>,
    kubernetes: KubernetesSettings,
}

/// Settings that say where the datastore is. One of them in the environment is worth a note when a file hides it.
const WHERE: [&str; 7] = [
    "DATASTORE_TYPE",
    "ETCD_ENDPOINTS",
    "ETCD_AUTHORITY",
    "ETCD_DISCOVERY_SRV",
    "ETCD_USERNAME",
    "ETCD_CA_CERT_FILE",
    "KUBECONFIG",
];

impl ApiConfig {
    /// The configuration in `text`, the content of the file `name`. Variables of the environment that it hides are
    /// named in [`ApiConfig::notes`].
    ///
    /// # Errors
    /// A sentence with file, line and key.
    pub fn from_file(name: &str, text: &str, environment: Lookup) -> Result<Self, String> {
        let (generation, raw) = file::parse(name, text)?;
        let mut config = raw.judge(name, generation, in_reach(environment))?;
        config.default_kubeconfig(environment);
        let hidden: Vec<String> = WHERE
            .iter()
            .filter_map(|key| Some(find(environment, key)?.0))
            .collect();
        if !hidden.is_empty() {
            config.notes.push(format!(
                "{} in the environment is ignored, because {name} exists",
                hidden.join(", ")
            ));
        }
        Ok(config)
    }

    /// The configuration in the environment. Each variable is looked up with the prefix `CALICO_` first.
    ///
    /// # Errors
    /// A sentence with the variable; one that says what to set when nothing is.
    pub fn from_environment(environment: Lookup) -> Result<Self, String> {
        let text = |key: &str| find(environment, key).map(|(_, value)| value);
        let pem = |key: &str| {
            find(environment, key).map(|(setting, path)| PemSetting {
                setting,
                pem: Pem::File(path),
            })
        };
        let flag = |key: &str| match find(environment, key) {
            Some((name, value)) => parse_flag(&value).map_err(|why| format!("{name}: {why}")),
            None => Ok(false),
        };
        let raw = Raw {
            datastore_type: text("DATASTORE_TYPE"),
            endpoints: text("ETCD_ENDPOINTS"),
            discovery_srv: text("ETCD_DISCOVERY_SRV"),
            authority: text("ETCD_AUTHORITY"),
            scheme: text("ETCD_SCHEME"),
            username: text("ETCD_USERNAME"),
            password: text("ETCD_PASSWORD").map(Secret::new),
            key: pem("ETCD_KEY_FILE"),
            certificate: pem("ETCD_CERT_FILE"),
            ca: pem("ETCD_CA_CERT_FILE"),
            kubernetes: KubernetesSettings {
                kubeconfig: text("KUBECONFIG"),
                kubeconfig_inline: None,
                context: text("K8S_CURRENT_CONTEXT"),
                endpoint: text("K8S_API_ENDPOINT"),
                tls: TlsSettings {
                    key: pem("K8S_KEY_FILE"),
                    certificate: pem("K8S_CERT_FILE"),
                    authority: pem("K8S_CA_FILE"),
                },
                token: text("K8S_API_TOKEN").map(Secret::new),
                insecure: flag("K8S_INSECURE_SKIP_TLS_VERIFY")?,
                api_group: text("CALICO_API_GROUP"),
                use_pod_cidr: flag("USE_POD_CIDR")?,
            },
        };
        let mut config = raw.judge("the environment", Generation::V3, in_reach(environment))?;
        config.default_kubeconfig(environment);
        Ok(config)
    }
}

impl ApiConfig {
    /// The user's own kubeconfig, when nothing else says where the API server is.
    fn default_kubeconfig(&mut self, environment: Lookup) {
        let settings = &mut self.kubernetes;
        if settings.kubeconfig.is_none()
            && settings.kubeconfig_inline.is_none()
            && settings.endpoint.is_none()
            && environment(IN_POD).is_none()
        {
            settings.kubeconfig = environment("HOME").map(|home| format!("{home}/.kube/config"));
        }
    }
}

/// What pods have in their environment.
const IN_POD: &str = "KUBERNETES_SERVICE_HOST";

/// Whether this is a pod: then its cluster's API server is in reach without any setting.
fn in_reach(environment: Lookup) -> bool {
    environment(IN_POD).is_some()
}

/// A boolean as Go reads it.
fn parse_flag(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => Err(format!("{other:?} is neither true nor false")),
    }
}

/// The value of a variable, with the prefix or bare, and the name it was found under. Empty means unset.
fn find(environment: Lookup, key: &str) -> Option<(String, String)> {
    [format!("CALICO_{key}"), key.to_owned()]
        .into_iter()
        .find_map(|name| {
            let value = environment(&name).filter(|value| !value.is_empty())?;
            Some((name, value))
        })
}

impl Raw {
    /// Turns what is written into what is meant.
    fn judge(self, source: &str, generation: Generation, in_pod: bool) -> Result<ApiConfig, String> {
        let mut endpoints = self.endpoints();
        let datastore = self.datastore(source, generation, !endpoints.is_empty(), in_pod)?;
        if datastore == DatastoreType::EtcdV2 && endpoints.is_empty() && generation == Generation::V1 {
            endpoints.push(format!("http://{V1_AUTHORITY}"));
        }
        if datastore != DatastoreType::Kubernetes {
            self.check_where(source, &endpoints)?;
        }
        let mut notes = Vec::new();
        if self.username.is_some() != self.password.is_some() {
            notes.push(format!(
                "{source} sets only one of etcd's user name and password: neither is used"
            ));
        }
        let both = self.username.is_some() && self.password.is_some();
        Ok(ApiConfig {
            datastore,
            generation,
            source: source.to_owned(),
            endpoints,
            discovery_srv: self.discovery_srv,
            username: self.username.filter(|_| both),
            password: self.password.filter(|_| both),
            tls: TlsSettings {
                key: self.key,
                certificate: self.certificate,
                authority: self.ca,
            },
            kubernetes: self.kubernetes,
            notes,
        })
    }

    /// The comma list, or else v1's host and port with its scheme.
    fn endpoints(&self) -> Vec<String> {
        let list = self.endpoints.as_deref().unwrap_or_default();
        let mut endpoints: Vec<String> = list
            .split(',')
            .map(str::trim)
            .filter(|endpoint| !endpoint.is_empty())
            .map(str::to_owned)
            .collect();
        if let (true, Some(authority)) = (endpoints.is_empty(), &self.authority) {
            let scheme = self.scheme.as_deref().unwrap_or("http");
            endpoints.push(format!("{scheme}://{authority}"));
        }
        endpoints
    }

    /// The type as set, or as the other settings imply.
    fn datastore(
        &self,
        source: &str,
        generation: Generation,
        has_endpoints: bool,
        in_pod: bool,
    ) -> Result<DatastoreType, String> {
        if let Some(text) = &self.datastore_type {
            return DatastoreType::parse(text).map_err(|why| format!("datastore type in {source}: {why}"));
        }
        if has_endpoints || self.discovery_srv.is_some() {
            return Ok(match generation {
                Generation::V3 => DatastoreType::EtcdV3,
                Generation::V1 => DatastoreType::EtcdV2,
            });
        }
        let settings = &self.kubernetes;
        let named = settings.kubeconfig.is_some() || settings.kubeconfig_inline.is_some();
        if named || settings.endpoint.is_some() || in_pod {
            return Ok(DatastoreType::Kubernetes);
        }
        match generation {
            Generation::V1 => Ok(DatastoreType::EtcdV2),
            Generation::V3 => Err(format!(
                "{source} doesn't say where the datastore is: set ETCD_ENDPOINTS=http://HOST:2379 or \
                 DATASTORE_TYPE=kubernetes, or spec.etcdEndpoints in the configuration file"
            )),
        }
    }

    /// Exactly one way to find etcd.
    fn check_where(&self, source: &str, endpoints: &[String]) -> Result<(), String> {
        match (endpoints.is_empty(), &self.discovery_srv) {
            (false, Some(_)) => Err(format!(
                "{source} sets both etcd endpoints and a discovery domain: keep one of the two"
            )),
            (true, None) => Err(format!(
                "{source} chooses etcd but names no endpoint: set ETCD_ENDPOINTS=http://HOST:2379, or \
                 spec.etcdEndpoints in the configuration file"
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
