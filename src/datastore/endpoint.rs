//! Reaching an endpoint step by step: resolve, connect, TLS. Each step that fails gives an error that names the
//! endpoint, the step and the reason, within one deadline for all of them.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::tls::{HandshakeFailure, TlsClient, bare};
use super::{Error, Step, tls_error};

/// The port of an endpoint that names none.
const DEFAULT_PORT: u16 = 2379;
/// A handshake that takes longer makes netdiag ask whether the port speaks plain HTTP: etcd answers a TLS hello on a
/// plain port by waiting for more. A second look at a failure takes no longer than this either.
const PATIENCE: Duration = Duration::from_secs(1);

/// When to give up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    at: Instant,
    allowed: Duration,
}

impl Deadline {
    pub(super) fn after(allowed: Duration) -> Self {
        Self {
            at: Instant::now() + allowed,
            allowed,
        }
    }

    /// An equal part of what is left, for the next of `tries`.
    pub(super) fn share(self, tries: usize) -> Self {
        let left = self.at.saturating_duration_since(Instant::now());
        let tries = u32::try_from(tries).unwrap_or(u32::MAX).max(1);
        Self::after(left / tries)
    }

    /// The same, but no longer than this from now.
    pub(super) fn at_most(self, allowed: Duration) -> Self {
        let left = self.at.saturating_duration_since(Instant::now());
        Self::after(left.min(allowed))
    }

    pub(super) fn is_over(self) -> bool {
        Instant::now() >= self.at
    }

    /// What to say when nothing came: the time allowed, in tenths of a second.
    fn expired(self) -> String {
        let seconds = (self.allowed.as_secs_f64() * 10.0).round() / 10.0;
        format!("no answer within {seconds} s")
    }

    /// Runs a step; when time runs out, the error says so.
    pub(super) async fn bound<T>(
        self,
        endpoint: &Endpoint,
        step: Step,
        work: impl Future<Output = Result<T, String>>,
    ) -> Result<T, Error> {
        let why = match timeout_at(self.at, work).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(why)) => why,
            Err(_) => self.expired(),
        };
        Err(endpoint.failed(step, why))
    }
}

/// A parsed endpoint. Displays as `https://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) tls: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// What was assumed because the text didn't say it.
    pub(super) note: Option<String>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl Endpoint {
    /// Reads `http://host:port`, `https://host:port`, or `host:port` (then http, with a note).
    ///
    /// # Errors
    /// A sentence with the endpoint, except when that might hold a password.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            return Err(
                "an endpoint holds a user name: use etcdUsername and etcdPassword (ETCD_USERNAME, ETCD_PASSWORD)"
                    .into(),
            );
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let tls = match scheme.to_ascii_lowercase().as_str() {
            "" | "http" => false,
            "https" => true,
            _ => {
                return Err(format!(
                    "endpoint {text:?}: scheme {scheme:?} is neither http nor https"
                ));
            }
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (host, port) = split_authority(authority).map_err(|why| format!("endpoint {text:?}: {why}"))?;
        let note = scheme
            .is_empty()
            .then(|| format!("endpoint {text:?} has no scheme: http:// is assumed"));
        Ok(Self {
            tls,
            host,
            port,
            note,
        })
    }

    /// `host:port`, an IPv6 address in brackets.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(super) fn failed(&self, step: Step, why: impl Into<String>) -> Error {
        Error::Failed {
            endpoint: self.to_string(),
            step,
            why: why.into(),
        }
    }
}

fn split_authority(authority: &str) -> Result<(String, u16), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, tail) = rest.split_once(']').ok_or("a bracket is not closed")?;
            (host, tail.strip_prefix(':'))
        }
        None if authority.parse::<IpAddr>().is_ok() => (authority, None),
        None => match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    if host.is_empty() {
        return Err("it has no host".into());
    }
    let port = port.map_or(Ok(DEFAULT_PORT), |port| {
        port.parse().map_err(|_| format!("{port:?} is not a port"))
    })?;
    Ok((host.to_owned(), port))
}

/// A connected stream, plain or TLS.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
pub(super) type Stream = Box<dyn Io>;

/// Opens streams to endpoints.
#[derive(Debug)]
pub(super) struct Dialer {
    /// Present when an endpoint is https.
    pub(super) tls: Option<TlsClient>,
}

impl Dialer {
    /// Resolves, connects and, for https, shakes hands, offering these protocols.
    pub(super) async fn dial(
        &self,
        endpoint: &Endpoint,
        alpn: &[&[u8]],
        deadline: Deadline,
    ) -> Result<Stream, Error> {
        let stream = tcp(endpoint, deadline).await?;
        match &self.tls {
            Some(tls) if endpoint.tls => self.secure(tls, endpoint, stream, alpn, deadline).await,
            _ => Ok(Box::new(stream)),
        }
    }

    async fn secure(
        &self,
        tls: &TlsClient,
        endpoint: &Endpoint,
        stream: TcpStream,
        alpn: &[&[u8]],
        deadline: Deadline,
    ) -> Result<Stream, Error> {
        let plain_port = async {
            tokio::time::sleep(PATIENCE.min(deadline.allowed / 4)).await;
            speaks_plain_http(endpoint, deadline).await
        };
        let handshake = async {
            let outcome = tokio::select! {
                outcome = tls.handshake(stream, &endpoint.host, alpn) => outcome,
                true = plain_port => return Err(plain_http_hint(endpoint)),
            };
            match outcome {
                Ok(stream) => Ok(Box::new(stream) as Stream),
                Err(failure) => Err(self.why(tls, endpoint, &failure, deadline).await),
            }
        };
        deadline.bound(endpoint, Step::Tls, handshake).await
    }

    async fn why(
        &self,
        tls: &TlsClient,
        endpoint: &Endpoint,
        failure: &HandshakeFailure,
        deadline: Deadline,
    ) -> String {
        let silent = tls_error::rustls_error(&failure.error).is_none() && failure.shown.is_empty();
        if tls_error::is_not_tls(&failure.error) || (silent && speaks_plain_http(endpoint, deadline).await) {
            return plain_http_hint(endpoint);
        }
        tls_error::explain(failure, &endpoint.host, &tls.settings)
    }

    /// Looks for a better reason after a request failed: a server that ends TLS only after the handshake (a client
    /// certificate it wants or rejects), or one that speaks TLS where http was asked for.
    pub(super) async fn second_look(&self, endpoint: &Endpoint, deadline: Deadline) -> Option<Error> {
        let deadline = deadline.at_most(PATIENCE);
        if !endpoint.tls {
            return speaks_tls(endpoint, deadline).await.then(|| {
                endpoint.failed(
                    Step::Tls,
                    format!("the server speaks TLS: use https://{}", endpoint.authority()),
                )
            });
        }
        let mut stream = match self.dial(endpoint, &[b"http/1.1"], deadline).await {
            Ok(stream) => stream,
            Err(error) => return Some(error),
        };
        let Ok(Err(error)) = timeout_at(deadline.at, ask_version(&mut stream, endpoint)).await else {
            return None;
        };
        let tokio_rustls::rustls::Error::AlertReceived(alert) = tls_error::rustls_error(&error)? else {
            return None;
        };
        let why = tls_error::rejected(*alert, &self.tls.as_ref()?.settings);
        Some(endpoint.failed(Step::Tls, why))
    }
}

fn plain_http_hint(endpoint: &Endpoint) -> String {
    format!(
        "the server speaks plain HTTP: use http://{}",
        endpoint.authority()
    )
}

/// Resolves and connects; the addresses of a name are tried in turn.
async fn tcp(endpoint: &Endpoint, deadline: Deadline) -> Result<TcpStream, Error> {
    let addresses = deadline
        .bound(
            endpoint,
            Step::Resolve,
            resolve(endpoint.host.clone(), endpoint.port),
        )
        .await?;
    let connect = async {
        let mut failures = Vec::new();
        for (tried, address) in addresses.iter().enumerate() {
            let share = deadline.share(addresses.len() - tried);
            let named = endpoint.host.parse::<IpAddr>().is_err();
            let line = |why: String| if named { format!("{address}: {why}") } else { why };
            match timeout_at(share.at, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => {
                    // Small requests, each waiting for its answer.
                    stream.set_nodelay(true).ok();
                    return Ok(stream);
                }
                Ok(Err(error)) => failures.push(line(bare(&error))),
                Err(_) => failures.push(line(share.expired())),
            }
        }
        Err(failures.join("; "))
    };
    deadline.bound(endpoint, Step::Connect, connect).await
}

/// Looks a name up on a thread of its own: a resolver that hangs must not keep the program from ending.
async fn resolve(host: String, port: u16) -> Result<Vec<SocketAddr>, String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let found = (host.as_str(), port)
            .to_socket_addrs()
            .map(Iterator::collect::<Vec<_>>);
        sender.send(found).ok();
    });
    match receiver.await {
        Ok(Ok(found)) if found.is_empty() => Err("the name has no address".into()),
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(bare(&error).replace("failed to lookup address information: ", "")),
        Err(_) => Err("the resolver gave up".into()),
    }
}

/// Sends a small HTTP request and reads the first bytes of the answer.
async fn ask_version(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    endpoint: &Endpoint,
) -> io::Result<Vec<u8>> {
    let request = format!(
        "GET /version HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        endpoint.authority()
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = vec![0; 16];
    let length = stream.read(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

/// Whether the port answers plain HTTP. Many TLS servers do that too, but only to complain, with status 400.
async fn speaks_plain_http(endpoint: &Endpoint, deadline: Deadline) -> bool {
    let Ok(mut stream) = tcp(endpoint, deadline).await else {
        return false;
    };
    let answer = timeout_at(deadline.at, ask_version(&mut stream, endpoint)).await;
    matches!(answer, Ok(Ok(answer)) if answer.starts_with(b"HTTP/") && answer.get(9..12) != Some(b"400"))
}

/// Whether the port answers a TLS hello: any TLS record, be it an alert, will do.
async fn speaks_tls(endpoint: &Endpoint, deadline: Deadline) -> bool {
    let Ok(mut stream) = tcp(endpoint, deadline).await else {
        return false;
    };
    let exchange = async {
        stream.write_all(&client_hello()).await?;
        let mut record = [0; 2];
        stream.read_exact(&mut record).await?;
        io::Result::Ok(record)
    };
    // Record types 20 to 23, then the major version, which is 3 in all of SSL 3 to TLS 1.3.
    matches!(timeout_at(deadline.at, exchange).await, Ok(Ok([20..=23, 3])))
}

/// A hello too short to be accepted, long enough to be recognised: a TLS server refuses it with an alert.
fn client_hello() -> [u8; 9] {
    [22, 3, 1, 0, 4, 1, 0, 0, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        Endpoint::parse(text).unwrap().to_string()
    }

    #[test]
    fn urls_are_read_with_and_without_scheme_port_and_brackets() {
        assert_eq!(parsed("https://etcd.example:2380/"), "https://etcd.example:2380");
        assert_eq!(parsed("HTTP://10.0.0.1"), "http://10.0.0.1:2379");
        assert_eq!(parsed("[fd00::1]:2379"), "http://[fd00::1]:2379");
        assert_eq!(parsed("https://[fd00::1]"), "https://[fd00::1]:2379");
    }

    #[test]
    fn a_missing_scheme_is_noted() {
        let endpoint = Endpoint::parse("10.0.0.1:2379").unwrap();
        assert_eq!(
            endpoint.note.as_deref(),
            Some("endpoint \"10.0.0.1:2379\" has no scheme: http:// is assumed")
        );
        assert_eq!(Endpoint::parse("http://10.0.0.1:2379").unwrap().note, None);
    }

    #[test]
    fn bad_endpoints_are_refused_without_showing_a_password() {
        for (text, why) in [
            ("unix:///x", "scheme \"unix\""),
            ("http://:1", "no host"),
            ("http://h:x", "\"x\" is not a port"),
            ("http://[::1", "bracket"),
        ] {
            let error = Endpoint::parse(text).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
        let error = Endpoint::parse("http://u:s3cret@h:1").unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
    }
}
