//! TLS towards etcd: credentials from the configuration, and exactly what is wrong when a handshake fails.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::calico::apiconfig::{Pem, PemSetting, TlsSettings};

/// What a client needs for a handshake: trusted authorities, and perhaps a certificate of its own.
#[derive(Debug)]
pub(super) struct TlsClient {
    pub(super) settings: TlsSettings,
    provider: Arc<CryptoProvider>,
    judge: Arc<Judge>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

/// A handshake that failed: the error, and the certificates that the server showed before.
#[derive(Debug)]
pub(super) struct HandshakeFailure {
    pub(super) error: std::io::Error,
    pub(super) shown: Vec<CertificateDer<'static>>,
}

impl TlsClient {
    /// Reads keys and certificates.
    ///
    /// # Errors
    /// A sentence with the setting and the file: it is missing, unreadable, not a PEM, or key and certificate don't
    /// belong together.
    pub(super) fn load(settings: &TlsSettings) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let judge = Arc::new(Judge::load(settings, &provider)?);
        let client = Self {
            identity: load_identity(settings)?,
            settings: settings.clone(),
            provider,
            judge,
        };
        // Key and certificate are compared here, not at the first handshake.
        client.config(&[], Arc::new(Recorder::new(client.judge.clone())))?;
        Ok(client)
    }

    fn config(&self, alpn: &[&[u8]], recorder: Arc<Recorder>) -> Result<ClientConfig, String> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous() // The judge leaves chains to rustls' own verifier.
            .with_custom_certificate_verifier(recorder);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => builder
                .with_client_auth_cert(chain.clone(), key.clone_key())
                .map_err(|error| {
                    let of = |setting: &Option<PemSetting>| setting.as_ref().map(place).unwrap_or_default();
                    format!(
                        "{} and {} don't make a client identity: {error}",
                        of(&self.settings.certificate),
                        of(&self.settings.key)
                    )
                })?,
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(config)
    }

    /// Shakes hands as a client of `host`, offering these protocols (ALPN).
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        host: &str,
        alpn: &[&[u8]],
    ) -> Result<TlsStream<TcpStream>, HandshakeFailure> {
        let recorder = Arc::new(Recorder::new(self.judge.clone()));
        let fail = |error| HandshakeFailure {
            error,
            shown: recorder.shown(),
        };
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| fail(std::io::Error::other(error.to_string())))?;
        let config = self
            .config(alpn, recorder.clone())
            .map_err(|error| fail(std::io::Error::other(error)))?;
        tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(name, stream)
            .await
            .map_err(fail)
    }
}

/// `etcdKeyFile /etc/key.pem`, or only the setting when the PEM is inline.
pub(super) fn place(setting: &PemSetting) -> String {
    match &setting.pem {
        Pem::File(path) => format!("{} {path}", setting.setting),
        Pem::Inline(_) => setting.setting.clone(),
    }
}

/// Who is trusted, in words.
pub(super) fn authority_name(settings: &TlsSettings) -> String {
    settings
        .authority
        .as_ref()
        .map_or_else(|| "the authorities of this system".to_owned(), place)
}

fn read(setting: &PemSetting) -> Result<Vec<u8>, String> {
    match &setting.pem {
        Pem::Inline(text) => Ok(text.expose().as_bytes().to_vec()),
        Pem::File(path) => {
            std::fs::read(path).map_err(|error| format!("{}: {}", place(setting), bare(&error)))
        }
    }
}

/// An I/O error without Rust's `(os error 2)`.
pub(super) fn bare(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}

fn load_certificates(setting: &PemSetting) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&read(setting)?)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{}: not a PEM certificate: {error}", place(setting)))?;
    if certificates.is_empty() {
        return Err(format!("{}: it holds no certificate", place(setting)));
    }
    Ok(certificates)
}

fn load_roots(
    configured: &[CertificateDer<'static>],
    settings: &TlsSettings,
) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in configured {
        roots
            .add(certificate.clone())
            .map_err(|error| format!("{}: {error}", authority_name(settings)))?;
    }
    if settings.authority.is_none() {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    if roots.is_empty() {
        return Err(
            "this system has no certificate authorities: set etcdCACertFile (ETCD_CA_CERT_FILE)".into(),
        );
    }
    Ok(roots)
}

type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn load_identity(settings: &TlsSettings) -> Result<Option<Identity>, String> {
    match (&settings.certificate, &settings.key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => {
            let chain = load_certificates(certificate)?;
            let key_pem = read(key)?;
            let parsed = PrivateKeyDer::from_pem_slice(&key_pem)
                .map_err(|error| format!("{}: not a PEM private key: {error}", place(key)))?;
            Ok(Some((chain, parsed)))
        }
        (Some(only), None) => Err(format!(
            "{} is set without its key: set etcdKeyFile (ETCD_KEY_FILE)",
            place(only)
        )),
        (None, Some(only)) => Err(format!(
            "{} is set without its certificate: set etcdCertFile (ETCD_CERT_FILE)",
            place(only)
        )),
    }
}

/// Decides whom to trust: chains by rustls, and a server whose very certificate is the configured authority, which
/// rustls refuses when it is marked as one, while Go, and so calicoctl, takes it.
#[derive(Debug)]
struct Judge {
    chains: Arc<WebPkiServerVerifier>,
    configured: Vec<CertificateDer<'static>>,
}

impl Judge {
    fn load(settings: &TlsSettings, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let configured = settings
            .authority
            .as_ref()
            .map(load_certificates)
            .transpose()?
            .unwrap_or_default();
        let roots = Arc::new(load_roots(&configured, settings)?);
        let chains = WebPkiServerVerifier::builder_with_provider(roots, provider.clone())
            .build()
            .map_err(|error| format!("{}: {error}", authority_name(settings)))?;
        Ok(Self { chains, configured })
    }

    /// Judges a certificate that needs no chain, by its time and its names.
    fn verify_itself(
        certificate: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| CertificateError::BadEncoding)?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now > parsed.validity().not_after.timestamp() {
            return Err(CertificateError::Expired.into());
        }
        if now < parsed.validity().not_before.timestamp() {
            return Err(CertificateError::NotValidYet.into());
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }
}

/// Remembers the certificates that a server shows.
#[derive(Debug)]
struct Recorder {
    judge: Arc<Judge>,
    shown: Mutex<Vec<CertificateDer<'static>>>,
}

impl Recorder {
    fn new(judge: Arc<Judge>) -> Self {
        Self {
            judge,
            shown: Mutex::default(),
        }
    }

    fn shown(&self) -> Vec<CertificateDer<'static>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = chain
            .map(|certificate| certificate.clone().into_owned())
            .collect();
        if self.judge.configured.iter().any(|known| known == end_entity) {
            return Judge::verify_itself(end_entity, server_name, now);
        }
        self.judge
            .chains
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge
            .chains
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge
            .chains
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.chains.supported_verify_schemes()
    }
}
