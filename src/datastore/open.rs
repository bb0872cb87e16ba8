//! From a configuration to a connected store.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::endpoint::{Deadline, Dialer, Endpoint};
use super::etcd2::{Etcd2, Served};
use super::etcd3::Etcd3;
use super::tls::{TlsClient, bare};
use super::{Datastore, Error, Step};
use crate::calico::apiconfig::{ApiConfig, DatastoreType, Generation, Lookup};

/// Where calicoctl's configuration is, unless a file is named.
pub const DEFAULT_CONFIG: &str = "/etc/calico/calicoctl.cfg";

/// Reads the configuration as calicoctl does: the named file, else the default one if it exists, else the environment.
///
/// # Errors
/// [`Error::Config`] when the named file is missing, a file is wrong, or nothing says where the datastore is.
pub fn load_config(named: Option<&Path>, environment: Lookup) -> Result<ApiConfig, Error> {
    let path = named.unwrap_or(Path::new(DEFAULT_CONFIG));
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
        return Err(Error::Config(format!(
            "{} chooses the Kubernetes datastore, which this version of netdiag doesn't support; it reads etcd \
             (datastoreType etcdv3 or etcdv2)",
            config.source
        )));
    }
    if let Some(domain) = &config.discovery_srv {
        return Err(Error::Config(format!(
            "this version of netdiag doesn't look up DNS SRV records ({domain}); name the endpoints in etcdEndpoints \
             (ETCD_ENDPOINTS)"
        )));
    }
    let plan = Plan::new(config, deadline)?;
    match config.datastore {
        DatastoreType::EtcdV2 => plan.v2().await,
        _ => plan.v3().await,
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
        self.config.notes.iter().cloned().chain(assumed).collect()
    }

    async fn etcd3(&self) -> Result<Etcd3, Error> {
        self.first(async |endpoint, deadline| {
            Etcd3::connect(self.config, endpoint, &self.dialer, deadline, self.per_call).await
        })
        .await
    }

    async fn v3(&self) -> Result<Box<dyn Datastore>, Error> {
        let mut store = self.etcd3().await?;
        store.notes = self.notes();
        if store.empty {
            let old = Etcd2::new(self.config, store.endpoint(), &self.dialer, self.per_call);
            if let Ok(Served::WithCalico) = old.probe(self.total).await {
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
