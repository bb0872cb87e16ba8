//! Certificates, keys and tokens of an API server, made anew for each.

use std::{path::Path, time::Duration};

use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, date_time_ymd,
};
use ureq::tls::{RootCerts, TlsConfig};

use crate::{Error, Result, loopback::write};

/// An authority, and what it signed.
pub(super) struct Credentials {
    issuer: Issuer<'static, KeyPair>,
    authority: Certificate,
    key: String,
}

/// What was wrong with a certificate or a key.
fn failed(error: impl std::fmt::Display) -> Error {
    Error::failed(format!("certificates: {error}"))
}

/// A certificate for this user in this group, or with these names.
fn params(name: &str, group: &str, names: &[&str]) -> Result<CertificateParams> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    if !group.is_empty() {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    Ok(params)
}

impl Credentials {
    pub(super) fn make() -> Result<Self> {
        let mut authority = params("kubernetes", "", &[])?;
        authority.extended_key_usages.clear();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = authority.self_signed(&key).map_err(failed)?;
        Ok(Self {
            authority: certificate,
            key: key.serialize_pem(),
            issuer: Issuer::new(authority, key),
        })
    }

    /// Writes all files that the server and its users need.
    pub(super) fn write<const N: usize>(&self, directory: &Path, users: [(&str, bool); N]) -> Result<()> {
        let file = |name: &str, text: &str| write(&directory.join(name), text);
        file("ca.pem", &self.authority.pem())?;
        file("ca-key.pem", &self.key)?;
        let server = params("kube-apiserver", "", &["127.0.0.1", "::1", "localhost"])?;
        let mut expired = server.clone();
        expired.not_before = date_time_ymd(2019, 1, 1);
        expired.not_after = date_time_ymd(2020, 1, 1);
        let admin = params("admin", "system:masters", &[])?;
        for (name, params) in [("server", server), ("expired", expired), ("admin", admin)] {
            let key = KeyPair::generate().map_err(failed)?;
            let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
            file(&format!("{name}.pem"), &certificate.pem())?;
            file(&format!("{name}-key.pem"), &key.serialize_pem())?;
        }
        let account = KeyPair::generate().map_err(failed)?;
        file("account-key.pem", &account.serialize_pem())?;
        file("account-public.pem", &account.public_key_pem())?;
        let line = |(user, all): (&str, bool)| {
            let group = if all { "system:masters" } else { "netdiag:tests" };
            format!("{user}-token,{user},{user},{group}\n")
        };
        file("tokens.csv", &users.map(line).concat())
    }

    /// A client that trusts this authority only.
    pub(super) fn agent(&self) -> Result<ureq::Agent> {
        let certificate = ureq::tls::Certificate::from_pem(self.authority.pem().as_bytes())
            .map_err(failed)?
            .to_owned();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[certificate]))
            .build();
        Ok(ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(30)))
            .http_status_as_error(false)
            .proxy(None)
            .tls_config(tls)
            .build()
            .new_agent())
    }
}

/// A kubeconfig with the user's token.
pub(super) fn kubeconfig(authority: &Path, user: &str, url: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {user}\n\
         clusters:\n- name: lab\n  cluster: {{server: \"{url}\", certificate-authority: {}}}\n\
         users:\n- name: {user}\n  user: {{token: {user}-token}}\n\
         contexts:\n- name: {user}\n  context: {{cluster: lab, user: {user}}}\n",
        authority.display()
    )
}
