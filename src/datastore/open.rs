//! From a configuration to a connected store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::endpoint::{Deadline, Dialer, Endpoint};
use super::etcd2::{Etcd2, Served};
use super::etcd3::Etcd3;
use super::kubernetes::Kubernetes;
use super::tls::{TlsClient, bare};
use super::{Datastore, Error, Step};
use crate::calico::apiconfig::{ApiConfig, DatastoreType, Generation, Lookup};

/// Where calicoctl's configuration is, unless a file is named.
pub const DEFAULT_CONFIG: &str = "/etc/calico/calicoctl.cfg";

/// How long connecting may take longer for the sake of a note.
const HINT: Duration = Duration::from_secs(1);

/// Reads the configuration as calicoctl does: the named file, else the default one if it exists, else the environment.
///
/// # Errors
/// [`Error::Config`] when the named file is missing, a file is wrong, or nothing says where the datastore is.
pub fn load_config(named: Option<&Path>, environment: Lookup) -> Result<ApiConfig, Error> {
    load(named, Path::new(DEFAULT_CONFIG), environment)
}

fn load(named: Option<&Path>, default: &Path, environment: Lookup) -> Result<ApiConfig, Error> {
    let path = named.unwrap_or(default);
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => ApiConfig::from_file(&name, &text, environment),
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            ApiConfig::from_environment(environment)
        }
        Err(error) => Err(format!("{name}: {}", bare(&error))),
    }
    .map_err(Error::Config)
}

/// Connects to the configured datastore. The deadline holds for connecting as a whole, and again for each later call.
/// Notes of the configuration come back in [`Datastore::notes`], before those of the store.
///
/// # Errors
/// [`Error::Unreachable`] when no endpoint works, with a line for each; [`Error::Failed`] at [`Step::Authenticate`]
/// when one refuses the user; [`Error::Config`] for a wrong endpoint, key or certificate file, or an unsupported type.
pub async fn connect(config: &ApiConfig, deadline: Duration) -> Result<Box<dyn Datastore>, Error> {
    if config.datastore == DatastoreType::Kubernetes {
        let store = Box::pin(Kubernetes::connect(config, deadline)).await?;
        return Ok(Box::new(store));
    }
    if let Some(domain) = &config.discovery_srv {
        return Err(Error::Config(format!(
            "this version of netdiag doesn't look up DNS SRV records ({domain}); name the endpoints in etcdEndpoints \
             (ETCD_ENDPOINTS)"
        )));
    }
    let plan = Plan::new(config, deadline)?;
    match config.datastore {
        DatastoreType::EtcdV2 => Box::pin(plan.v2()).await,
        _ => Box::pin(plan.v3()).await,
    }
}

/// Everything needed for a try at an endpoint.
struct Plan<'a> {
    config: &'a ApiConfig,
    endpoints: Vec<Endpoint>,
    dialer: Arc<Dialer>,
    total: Deadline,
    per_call: Duration,
}

impl<'a> Plan<'a> {
    fn new(config: &'a ApiConfig, deadline: Duration) -> Result<Self, Error> {
        let endpoints = config
            .endpoints
            .iter()
            .map(|text| Endpoint::parse(text))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Error::Config)?;
        let secure = endpoints.iter().any(|endpoint| endpoint.tls);
        let tls = secure.then(|| TlsClient::load(&config.tls)).transpose();
        Ok(Self {
            config,
            endpoints,
            dialer: Arc::new(Dialer {
                tls: tls.map_err(Error::Config)?,
            }),
            total: Deadline::after(deadline),
            per_call: deadline,
        })
    }

    /// The first endpoint that works. A refused user ends the search: all servers of a cluster know the same users.
    async fn first<T>(
        &self,
        attempt: impl AsyncFn(&Endpoint, Deadline) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let mut failures = Vec::new();
        for (tried, endpoint) in self.endpoints.iter().enumerate() {
            match attempt(endpoint, self.total.share(self.endpoints.len() - tried)).await {
                Ok(done) => return Ok(done),
                Err(Error::Failed { step, why, .. }) if step != Step::Authenticate => {
                    failures.push(format!("{endpoint}: {step}: {why}"));
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::Unreachable { failures })
    }

    /// What to tell the user, whichever store answers.
    fn notes(&self) -> Vec<String> {
        let assumed = self.endpoints.iter().filter_map(|endpoint| endpoint.note.clone());
        let tls = &self.config.tls;
        let unused = [&tls.authority, &tls.certificate, &tls.key]
            .into_iter()
            .flatten()
            .filter(|_| self.dialer.tls.is_none())
            .map(|setting| format!("{} is not used, because no endpoint is https", setting.setting));
        self.config
            .notes
            .iter()
            .cloned()
            .chain(assumed)
            .chain(unused)
            .collect()
    }

    async fn etcd3(&self) -> Result<Etcd3, Error> {
        self.first(async |endpoint, deadline| {
            Box::pin(Etcd3::connect(
                self.config,
                endpoint,
                &self.dialer,
                deadline,
                self.per_call,
            ))
            .await
        })
        .await
    }

    async fn v3(&self) -> Result<Box<dyn Datastore>, Error> {
        let mut store = self.etcd3().await?;
        store.notes = self.notes();
        if store.empty {
            let old = Etcd2::new(self.config, store.endpoint(), &self.dialer, self.per_call);
            if let Ok(Served::WithCalico) = old.probe(self.total.at_most(HINT)).await {
                store.notes.push(format!(
                    "{} holds no Calico v3 objects, but a Calico tree in its v2 store: for that, set \
                     DATASTORE_TYPE=etcdv2 or datastoreType: etcdv2",
                    store.endpoint()
                ));
            }
        }
        Ok(Box::new(store))
    }

    async fn v2(&self) -> Result<Box<dyn Datastore>, Error> {
        let found = self
            .first(async |endpoint, deadline| {
                let store = Etcd2::new(self.config, endpoint, &self.dialer, self.per_call);
                let served = store.probe(deadline).await?;
                Ok((store, served))
            })
            .await?;
        let (mut store, served) = found;
        store.notes = self.notes();
        if served != Served::No {
            return Ok(Box::new(store));
        }
        let Ok(mut newer) = self.etcd3().await else {
            return Err(Error::Unreachable {
                failures: vec![format!(
                    "{}: {}: the server doesn't serve the v2 API (etcd 3.4 and 3.5 need --enable-v2; 3.6 has none)",
                    store.endpoint(),
                    Step::Request
                )],
            });
        };
        let reason = match self.config.generation {
            Generation::V1 => "this v1 configuration means etcd v2",
            Generation::V3 => "etcdv2 is configured",
        };
        newer.notes = self.notes();
        newer.notes.push(format!(
            "{reason}, but {} serves only the v3 API, which is used instead: set datastoreType: etcdv3",
            newer.endpoint()
        ));
        Ok(Box::new(newer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_counts_if_it_exists_and_else_the_environment() {
        let directory = tempfile::tempdir().unwrap();
        let (absent, present) = (directory.path().join("absent"), directory.path().join("present"));
        let text =
            "apiVersion: projectcalico.org/v3\nkind: CalicoAPIConfig\nspec: {etcdEndpoints: http://file:1}\n";
        std::fs::write(&present, text).unwrap();
        let environment: Lookup = &|key| (key == "ETCD_ENDPOINTS").then(|| "http://env:1".to_owned());
        let endpoint = |named: Option<&Path>, default: &Path| {
            let config = load(named, default, environment).map_err(|error| error.to_string());
            config.map(|mut config| config.endpoints.remove(0))
        };
        assert_eq!(endpoint(None, &absent).as_deref(), Ok("http://env:1"));
        assert_eq!(endpoint(None, &present).as_deref(), Ok("http://file:1"));
        assert_eq!(endpoint(Some(&present), &absent).as_deref(), Ok("http://file:1"));
        let error = endpoint(Some(&absent), &present).unwrap_err();
        assert!(error.ends_with("absent: No such file or directory"), "{error}");
    }
}
