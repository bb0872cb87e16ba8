//! Certificates for the tests, made anew in each run.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use tempfile::TempDir;

/// A certificate authority and the directory of what it made.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    directory: TempDir,
}

/// Paths of a certificate and its key.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::with_names(name, &[])
    }

    /// An authority whose own certificate a server can show.
    pub(crate) fn with_names(name: &str, names: &[&str]) -> Self {
        let mut params = params(name, names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(directory.path().join("ca.pem"), certificate.pem()).unwrap();
        std::fs::write(directory.path().join("ca-key.pem"), key.serialize_pem()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            directory,
        }
    }

    pub(crate) fn path(&self) -> String {
        text(&self.directory.path().join("ca.pem"))
    }

    /// Its own certificate and key.
    pub(crate) fn itself(&self) -> Pair {
        Pair {
            certificate: self.path(),
            key: text(&self.directory.path().join("ca-key.pem")),
        }
    }

    /// A certificate for these names; one that ended in 2020 when `expired`.
    pub(crate) fn issue(&self, name: &str, names: &[&str], expired: bool) -> Pair {
        let mut params = params(name, names);
        if expired {
            params.not_before = date_time_ymd(2019, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 1);
        }
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let write = |suffix: &str, pem: String| {
            let path = self.directory.path().join(format!("{name}{suffix}"));
            std::fs::write(&path, pem).unwrap();
            text(&path)
        };
        Pair {
            certificate: write(".pem", certificate.pem()),
            key: write("-key.pem", key.serialize_pem()),
        }
    }
}

fn params(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}
