//! The two generations of `calicoctl.cfg`, as written.

use super::{Generation, Pem, PemSetting, Raw};
use crate::calico::resource::API_VERSION;
use crate::calico::secret::Secret;
use crate::calico::tree::{self, Data, Entry, Mark, Tree};

/// Keys of v1 alone.
const OF_V1: [&str; 2] = ["etcdAuthority", "etcdScheme"];
/// Known, so that a strict reader accepts them: rates and polls of Go's client.
const IGNORED: [&str; 3] = ["k8sDisableNodePoll", "k8sClientQPS", "k8sClientBurst"];

/// Reads a configuration file. Errors start with `FILE:LINE:`, and repeat no values: one of them is the password.
pub(super) fn parse(name: &str, text: &str) -> Result<(Generation, Raw), String> {
    let document = tree::read(text)
        .into_iter()
        .next()
        .unwrap_or_else(|| {
            Ok(Tree {
                at: Mark { line: 1, column: 1 },
                data: Data::Map(Vec::new()),
            })
        })
        .map_err(|error| format!("{name}:{}: {error}", error.at.line))?;
    let file = File { name };
    let top = file.entries(&document)?;
    let generation = generation(name, top)?;
    let mut raw = Raw::default();
    for entry in top {
        match entry.key.as_str() {
            "apiVersion" | "kind" | "metadata" => {}
            "spec" => raw = file.spec(file.entries(&entry.value)?, generation)?,
            _ => return Err(file.unknown(entry)),
        }
    }
    Ok((generation, raw))
}

fn generation(name: &str, top: &[Entry]) -> Result<Generation, String> {
    let text = |key: &str| {
        let entry = top.iter().find(|entry| entry.key == key);
        entry.map_or((1, String::new()), |entry| {
            (
                entry.value.at.line,
                entry.value.text().unwrap_or_default().to_owned(),
            )
        })
    };
    let (line, version) = text("apiVersion");
    let (generation, expected) = match version.as_str() {
        API_VERSION => (Generation::V3, "CalicoAPIConfig"),
        "v1" => (Generation::V1, "calicoApiConfig"),
        _ => {
            return Err(format!(
                "{name}:{line}: apiVersion is {version:?}, neither {API_VERSION:?} nor \"v1\""
            ));
        }
    };
    let (line, kind) = text("kind");
    if kind == expected {
        Ok(generation)
    } else {
        Err(format!("{name}:{line}: kind is {kind:?}, not {expected:?}"))
    }
}

struct File<'f> {
    name: &'f str,
}

impl File<'_> {
    fn error(&self, at: Mark, why: &str) -> String {
        format!("{}:{}: {why}", self.name, at.line)
    }

    fn entries<'t>(&self, tree: &'t Tree) -> Result<&'t [Entry], String> {
        match &tree.data {
            Data::Map(entries) => Ok(entries),
            Data::Null => Ok(&[]),
            _ => Err(self.error(tree.at, "a value of the wrong type, a map is expected")),
        }
    }

    fn unknown(&self, entry: &Entry) -> String {
        self.error(entry.at, &format!("unknown key {:?}", entry.key))
    }

    /// Scalars are taken as they are written: a password may be of digits.
    fn text(&self, tree: &Tree) -> Result<Option<String>, String> {
        let text = match &tree.data {
            Data::Null => return Ok(None),
            Data::Text(text) | Data::Number(_, text) | Data::Doubtful(text, _) => text.clone(),
            Data::Bool(value) => value.to_string(),
            Data::Sequence(_) | Data::Map(_) => {
                return Err(self.error(tree.at, "a value of the wrong type, a text is expected"));
            }
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn flag(&self, tree: &Tree) -> Result<bool, String> {
        match tree.data {
            Data::Bool(value) => Ok(value),
            Data::Null => Ok(false),
            _ => Err(self.error(tree.at, "a value of the wrong type, true or false is expected")),
        }
    }

    fn spec(&self, entries: &[Entry], generation: Generation) -> Result<Raw, String> {
        let mut raw = Raw::default();
        let kubernetes = &mut raw.kubernetes;
        for entry in entries {
            let (key, value) = (entry.key.as_str(), &entry.value);
            let text = || self.text(value);
            let secret = || Ok::<_, String>(self.text(value)?.map(Secret::new));
            // A file, or what would be in it.
            let file = || Ok::<_, String>(self.text(value)?.map(|path| pem(key, Pem::File(path))));
            let inline = || {
                Ok::<_, String>(
                    self.text(value)?
                        .map(|text| pem(key, Pem::Inline(Secret::new(text)))),
                )
            };
            if generation == Generation::V3 && OF_V1.contains(&key) {
                let why =
                    format!("unknown key {key:?} (only a v1 calicoApiConfig has it; use etcdEndpoints)");
                return Err(self.error(value.at, &why));
            }
            match key {
                "datastoreType" => raw.datastore_type = text()?,
                "etcdEndpoints" => raw.endpoints = text()?,
                "etcdDiscoverySrv" => raw.discovery_srv = text()?,
                "etcdAuthority" => raw.authority = text()?,
                "etcdScheme" => raw.scheme = text()?,
                "etcdUsername" => raw.username = text()?,
                "etcdPassword" => raw.password = secret()?,
                "etcdKeyFile" => self.either(&mut raw.key, file()?, "etcdKey")?,
                "etcdKey" => self.either(&mut raw.key, inline()?, key)?,
                "etcdCertFile" => self.either(&mut raw.certificate, file()?, "etcdCert")?,
                "etcdCert" => self.either(&mut raw.certificate, inline()?, key)?,
                "etcdCACertFile" => self.either(&mut raw.ca, file()?, "etcdCACert")?,
                "etcdCACert" => self.either(&mut raw.ca, inline()?, key)?,
                "kubeconfig" => kubernetes.kubeconfig = text()?,
                "kubeconfigInline" => kubernetes.kubeconfig_inline = secret()?,
                "k8sAPIEndpoint" => kubernetes.endpoint = text()?,
                "k8sKeyFile" => kubernetes.tls.key = file()?,
                "k8sCertFile" => kubernetes.tls.certificate = file()?,
                "k8sCAFile" => kubernetes.tls.authority = file()?,
                "k8sAPIToken" => kubernetes.token = secret()?,
                "k8sInsecureSkipTLSVerify" => kubernetes.insecure = self.flag(value)?,
                "k8sUsePodCIDR" | "usePodCIDR" => kubernetes.use_pod_cidr = self.flag(value)?,
                "k8sCurrentContext" => kubernetes.context = text()?,
                "calicoAPIGroup" => kubernetes.api_group = text()?,
                _ if IGNORED.contains(&key) => {}
                _ => return Err(self.unknown(entry)),
            }
        }
        Ok(raw)
    }

    /// Of a setting and its file, one.
    fn either(
        &self,
        slot: &mut Option<PemSetting>,
        new: Option<PemSetting>,
        key: &str,
    ) -> Result<(), String> {
        if slot.is_some() && new.is_some() {
            let name = self.name;
            return Err(format!(
                "{name}: both {key}File and {key} are set: keep one of the two"
            ));
        }
        if new.is_some() {
            *slot = new;
        }
        Ok(())
    }
}

fn pem(key: &str, pem: Pem) -> PemSetting {
    PemSetting {
        setting: key.to_owned(),
        pem,
    }
}
