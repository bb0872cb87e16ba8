//! Docker's daemon over its socket: GET only (Docker Engine API). Podman's service speaks the same.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::unix::{self, Deadline, Failure};
use crate::parse;
use crate::state::Fact;
use crate::state::docker::{Container, Docker, Network};

/// An answer larger than this is no list of containers.
const MAX_ANSWER: usize = 64 << 20;

/// Reads the daemon of this host, if there is one.
pub(super) async fn docker(timeout: Duration) -> Fact<Docker> {
    from(&sockets(|name| std::env::var(name).ok()), timeout).await
}

/// Where to look: `DOCKER_HOST` when it names a socket, the system's daemon, the user's own, Podman's.
fn sockets(variable: impl Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let named = variable("DOCKER_HOST").and_then(|host| Some(PathBuf::from(host.strip_prefix("unix://")?)));
    let runtime = variable("XDG_RUNTIME_DIR")
        .filter(|directory| !directory.is_empty())
        .map(PathBuf::from);
    let own = ["docker.sock", "podman/podman.sock"]
        .into_iter()
        .filter_map(|socket| Some(runtime.as_ref()?.join(socket)));
    let mut paths: Vec<PathBuf> = named.into_iter().collect();
    paths.extend(["/var/run/docker.sock", "/run/docker.sock"].map(PathBuf::from));
    paths.extend(own);
    paths.push("/run/podman/podman.sock".into());
    unix::distinct(paths)
}

pub(super) async fn from(sockets: &[PathBuf], timeout: Duration) -> Fact<Docker> {
    unix::first(sockets, "Docker", async |path: &Path| ask(path, timeout).await).await
}

async fn ask(path: &Path, timeout: Duration) -> Result<Docker, Failure> {
    let deadline = Deadline::after(timeout);
    let stream = unix::connect(path, deadline).await?;
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::unreadable(error.to_string()))?;
    let mut client = Client { sender, deadline };
    let work = async move {
        let mut docker =
            parse::docker::version(&client.get("/version").await?).map_err(Failure::unreadable)?;
        docker.socket = path.display().to_string();
        docker.info = client
            .get("/info")
            .await
            .map_or_else(Fact::from, |info| Fact::Known(parse::docker::info(&info)));
        docker.networks = networks(&mut client).await.map_or_else(Fact::from, Fact::Known);
        docker.containers = containers(&mut client).await.map_or_else(Fact::from, Fact::Known);
        Ok(docker)
    };
    let mut work = std::pin::pin!(work);
    // What goes wrong with the connection, `work` is told by its own requests.
    tokio::select! {
        done = &mut work => return done,
        _ = connection => {}
    }
    work.await
}

/// The list, and each network with its containers; one that went away in between is left as it was listed.
async fn networks(client: &mut Client) -> Result<Vec<Network>, Failure> {
    let list = client.get("/networks").await?;
    let mut networks = parse::docker::networks(&list).map_err(Failure::unreadable)?;
    for network in &mut networks {
        if let Some(path) = below("/networks", &network.id, "")
            && let Ok(value) = client.get(&path).await
            && let Ok(whole) = parse::docker::network(&value)
        {
            *network = whole;
        }
    }
    networks.sort_by(|one, other| one.name.cmp(&other.name).then(one.id.cmp(&other.id)));
    Ok(networks)
}

async fn containers(client: &mut Client) -> Result<Vec<Container>, Failure> {
    let list = client.get("/containers/json?all=1").await?;
    let mut containers = parse::docker::containers(&list).map_err(Failure::unreadable)?;
    for container in &mut containers {
        let Some(path) = below("/containers", &container.id, "/json") else {
            container.detail = Fact::absent("its id is none");
            continue;
        };
        let inspected = client
            .get(&path)
            .await
            .and_then(|value| parse::docker::container(&value).map_err(Failure::unreadable));
        match inspected {
            Ok(whole) => *container = whole,
            Err(failure) => container.detail = failure.into(),
        }
    }
    Ok(containers)
}

/// A path with an id in it; none when the id would change the path's meaning.
fn below(path: &str, id: &str, rest: &str) -> Option<String> {
    let plain = !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric());
    plain.then(|| format!("{path}/{id}{rest}"))
}

struct Client {
    sender: SendRequest<Empty<Bytes>>,
    deadline: Deadline,
}

impl Client {
    async fn get(&mut self, path: &str) -> Result<Value, Failure> {
        let what = format!("GET {path}");
        let deadline = self.deadline;
        deadline
            .bound(&what, self.exchange(path))
            .await
            .map_err(|failure| {
                if failure.why.starts_with(&what) {
                    failure
                } else {
                    Failure::unreadable(format!("{what}: {}", failure.why))
                }
            })
    }

    async fn exchange(&mut self, path: &str) -> Result<Value, Failure> {
        let odd = |error: &dyn std::error::Error| Failure::unreadable(reason(error));
        let request = Request::get(path)
            .header("host", "docker")
            .body(Empty::new())
            .map_err(|error| odd(&error))?;
        self.sender.ready().await.map_err(|error| odd(&error))?;
        let answer = self
            .sender
            .send_request(request)
            .await
            .map_err(|error| odd(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER)
            .collect()
            .await
            .map_err(|error| odd(&*error))?
            .to_bytes();
        if !status.is_success() {
            let said = String::from_utf8_lossy(&body);
            return Err(Failure::unreadable(format!(
                "status {}: {}",
                status.as_u16(),
                parse::excerpt(&said)
            )));
        }
        serde_json::from_slice(&body)
            .map_err(|error| Failure::unreadable(format!("the answer is not JSON: {error}")))
    }
}

/// An error down to its cause.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_socket_comes_first_and_only_sockets_count() {
        let named = |host: &str| {
            let host = host.to_owned();
            sockets(move |name| (name == "DOCKER_HOST").then(|| host.clone()))
        };
        assert_eq!(named("unix:///x/docker.sock")[0], Path::new("/x/docker.sock"));
        assert_eq!(named("tcp://10.0.0.1:2375")[0], Path::new("/var/run/docker.sock"));
        let rootless = sockets(|name| (name == "XDG_RUNTIME_DIR").then(|| "/run/user/1000".to_owned()));
        assert!(
            rootless.contains(&"/run/user/1000/docker.sock".into()),
            "{rootless:?}"
        );
    }

    #[test]
    fn an_id_that_is_none_is_never_asked_for() {
        assert_eq!(
            below("/containers", "c0ffee", "/json").unwrap(),
            "/containers/c0ffee/json"
        );
        for id in ["", "..", "a/b", "a?b", "a b"] {
            assert_eq!(below("/containers", id, ""), None);
        }
    }
}
