//! How a connection to etcd v3 is made, and what is said when it fails.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Channel, Client, ConnectOptions, Error as Etcd};
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;
use tonic::Code;

use super::super::endpoint::{Deadline, Dialer, Endpoint, Stream};
use super::super::{Error, Step};
use crate::calico::apiconfig::ApiConfig;

/// gRPC over TLS is chosen by this protocol name.
pub(super) const ALPN: [&[u8]; 1] = [b"h2"];
/// HTTP/2 windows: a list of some megabytes shouldn't wait for credit.
const WINDOW: u32 = 4 << 20;

/// A gRPC channel that starts on a stream already open; should that break, it dials again.
pub(super) fn channel(
    endpoint: &Endpoint,
    dialer: &Arc<Dialer>,
    stream: Stream,
    per_call: Duration,
) -> Result<Channel, Error> {
    let invalid = |error: String| endpoint.failed(Step::Connect, error);
    let origin = endpoint
        .to_string()
        .parse()
        .map_err(|error| invalid(format!("{error}")))?;
    // Always http here: TLS is below, in the stream.
    let transport = tonic::transport::Endpoint::from_shared(format!("http://{}", endpoint.authority()))
        .map_err(|error| invalid(error.to_string()))?
        .origin(origin)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW);
    let ready = Arc::new(Mutex::new(Some(stream)));
    let (dialer, endpoint) = (dialer.clone(), endpoint.clone());
    let connector = tower::service_fn(move |_| {
        let (ready, dialer, endpoint) = (ready.clone(), dialer.clone(), endpoint.clone());
        async move {
            let stream = match ready.lock().await.take() {
                Some(stream) => stream,
                None => dialer.dial(&endpoint, &ALPN, Deadline::after(per_call)).await?,
            };
            Ok::<_, Error>(TokioIo::new(stream))
        }
    });
    Ok(Channel::Tonic(transport.connect_with_connector_lazy(connector)))
}

/// Makes a client, with a token when a user is configured.
pub(super) async fn log_in(
    config: &ApiConfig,
    endpoint: &Endpoint,
    channel: Channel,
    deadline: Deadline,
) -> Result<Client, Error> {
    let anonymous = ConnectOptions::new();
    let options = match (&config.username, &config.password) {
        (Some(user), Some(password)) => anonymous
            .clone()
            .with_user(user, password.expose())
            .with_auto_token_refresh(true),
        _ => anonymous.clone(),
    };
    let attempt = async { Ok(Client::from_channel(channel.clone(), Some(options)).await) };
    match deadline.bound(endpoint, Step::Request, attempt).await? {
        Ok(client) => Ok(client),
        // As calicoctl: a user is harmless on a server without authentication.
        Err(Etcd::GRpcStatus(status)) if status.code() == Code::FailedPrecondition => {
            Client::from_channel(channel, Some(anonymous))
                .await
                .map_err(|error| endpoint.failed(Step::Authenticate, why(&error)))
        }
        Err(Etcd::GRpcStatus(status)) if !is_transport(&status) => Err(endpoint.failed(
            Step::Authenticate,
            format!(
                "user {:?}: {}",
                config.username.as_deref().unwrap_or_default(),
                status.message().trim_start_matches("etcdserver: ")
            ),
        )),
        Err(error) => Err(endpoint.failed(Step::Request, why(&error))),
    }
}

/// The reason that a second look finds, or else the first one.
pub(super) async fn better(
    dialer: &Dialer,
    endpoint: &Endpoint,
    deadline: Deadline,
    first: Option<Error>,
) -> Error {
    let first = first.unwrap_or_else(|| endpoint.failed(Step::Request, "no answer"));
    if !matches!(
        first,
        Error::Failed {
            step: Step::Request,
            ..
        }
    ) {
        return first;
    }
    dialer.second_look(endpoint, deadline).await.unwrap_or(first)
}

pub(super) const PERMISSION: &str = "permission denied";
pub(super) const NO_USER: &str = "user name is empty";

pub(crate) fn no_user() -> &'static str {
    "the server wants a user and a password: set etcdUsername and etcdPassword (ETCD_USERNAME, ETCD_PASSWORD)"
}

/// A status that tonic made because the connection failed, not one that etcd sent.
fn is_transport(status: &tonic::Status) -> bool {
    std::error::Error::source(status).is_some()
}

/// What an etcd error says, down to its cause.
pub(super) fn why(error: &Etcd) -> String {
    let Etcd::GRpcStatus(status) = error else {
        return error.to_string();
    };
    let mut text = status.message().trim_start_matches("etcdserver: ").to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
