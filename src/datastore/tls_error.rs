//! Words for a failed TLS handshake: which certificate, why, and which setting to look at.

use std::io;
use std::net::IpAddr;

use time::format_description::well_known::Rfc3339;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error as Rustls};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use super::tls::{HandshakeFailure, authority_name, bare, place};
use crate::calico::apiconfig::{Pem, TlsSettings};

/// The error of rustls inside an I/O error, if there is one.
pub(super) fn rustls_error(error: &io::Error) -> Option<&Rustls> {
    error.get_ref()?.downcast_ref()
}

/// True when the peer answered with something that isn't TLS.
pub(super) fn is_not_tls(error: &io::Error) -> bool {
    matches!(rustls_error(error), Some(Rustls::InvalidMessage(_)))
}

/// Says why a handshake with `host` failed.
pub(super) fn explain(failure: &HandshakeFailure, host: &str, settings: &TlsSettings) -> String {
    match rustls_error(&failure.error) {
        Some(Rustls::InvalidCertificate(why)) => certificate(why, failure.shown.first(), host, settings),
        Some(Rustls::AlertReceived(alert)) => rejected(*alert, settings),
        Some(other) => other.to_string(),
        None if failure.error.kind() == io::ErrorKind::UnexpectedEof => {
            "the server closed the connection during the handshake".into()
        }
        None => bare(&failure.error),
    }
}

/// Says why the server ended a handshake or a new session with this alert.
pub(super) fn rejected(alert: AlertDescription, settings: &TlsSettings) -> String {
    use AlertDescription as Alert;
    let about_certificate = matches!(
        alert,
        Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::DecryptError
    );
    match (&settings.certificate, about_certificate) {
        (None, true) => format!(
            "the server wants a client certificate: set etcdCertFile and etcdKeyFile (ETCD_CERT_FILE, ETCD_KEY_FILE) \
             [alert {alert:?}]"
        ),
        (Some(setting), true) => {
            let shown = match &setting.pem {
                Pem::File(path) => std::fs::read(path).ok(),
                Pem::Inline(text) => Some(text.expose().as_bytes().to_vec()),
            };
            let subject = shown
                .and_then(|pem| {
                    x509_parser::pem::parse_x509_pem(&pem)
                        .ok()
                        .map(|(_, pem)| pem.contents)
                })
                .map(|der| format!(" ({})", describe(&der)))
                .unwrap_or_default();
            format!(
                "the server rejects the client certificate of {}{subject} [alert {alert:?}]",
                place(setting)
            )
        }
        (_, false) => format!("the server ended the handshake [alert {alert:?}]"),
    }
}

fn certificate(
    why: &CertificateError,
    shown: Option<&CertificateDer<'_>>,
    host: &str,
    settings: &TlsSettings,
) -> String {
    let server = shown.map_or_else(
        || "the server's certificate".to_owned(),
        |der| format!("the server's certificate ({})", describe(der)),
    );
    let parsed = shown.and_then(|der| X509Certificate::from_der(der).ok().map(|(_, parsed)| parsed));
    match why {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            let advice = if settings.authority.is_some() {
                "is that the right file?"
            } else {
                "set etcdCACertFile (ETCD_CA_CERT_FILE)"
            };
            format!(
                "{server} is signed by none of {}: {advice}",
                authority_name(settings)
            )
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = parsed.as_ref().map(names).unwrap_or_default();
            if names.is_empty() {
                return format!(
                    "{server} has no subject alternative name: issue it anew, with the name {host}"
                );
            }
            let names = names.join(", ");
            format!("{server} is for {names}, not for {host}: use one of its names in the endpoint")
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            let end = parsed.map(|parsed| date(parsed.validity().not_after));
            format!(
                "{server} expired on {}: renew it, or mend this clock",
                end.unwrap_or_default()
            )
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            let start = parsed.map(|parsed| date(parsed.validity().not_before));
            format!(
                "{server} is valid only from {}: is this clock right?",
                start.unwrap_or_default()
            )
        }
        other => format!("{server} is not acceptable: {other}"),
    }
}

/// `2020-01-01T00:00:00Z`.
fn date(time: ASN1Time) -> String {
    time.to_datetime()
        .format(&Rfc3339)
        .unwrap_or_else(|_| time.to_string())
}

/// `subject CN=etcd, issuer CN=ca`.
fn describe(der: &[u8]) -> String {
    X509Certificate::from_der(der).map_or_else(
        |_| "not a readable certificate".to_owned(),
        |(_, parsed)| format!("subject {}, issuer {}", parsed.subject(), parsed.issuer()),
    )
}

/// The names that a certificate is for.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
            _ => None,
        })
        .collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from).ok();
    v4.or_else(|| <[u8; 16]>::try_from(bytes).map(IpAddr::from).ok())
}
