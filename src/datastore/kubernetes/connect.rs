//! From a configuration to a client of the API server: kubeconfig, environment, or the pod that netdiag runs in.

use std::path::Path;

use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use super::api::Api;
use crate::calico::apiconfig::{ApiConfig, KubernetesSettings, Pem, PemSetting, TlsSettings};
use crate::calico::secret::Secret;
use crate::datastore::Error;
use crate::datastore::endpoint::{Dialer, Endpoint};
use crate::datastore::tls::{TlsClient, place};

/// Makes a client; nothing is sent yet.
pub(super) async fn api(config: &ApiConfig, deadline: std::time::Duration) -> Result<Api, Error> {
    let settings = &config.kubernetes;
    let (mut client, named) = read(settings).await.map_err(Error::Config)?;
    overlay(&mut client, settings).map_err(Error::Config)?;
    // Deadlines are netdiag's own, and so are tries.
    client.connect_timeout = Some(deadline);
    client.default_retry = false;
    let endpoint = endpoint(&client).map_err(Error::Config)?;
    let tls = tls_settings(&client, settings, &named);
    // Only for a closer look at what failed: a server's certificate that anything will do for needs none.
    let tls = (endpoint.tls && !client.accept_invalid_certs)
        .then(|| TlsClient::load(&tls))
        .transpose()
        .map_err(Error::Config)?;
    let prefix = client.cluster_url.path().trim_end_matches('/').to_owned();
    let fail = |error: kube::Error| Error::Config(format!("{named}: {}", causes(&error)));
    Ok(Api {
        client: Client::try_from(client).map_err(fail)?,
        endpoint,
        dialer: Dialer { tls },
        deadline,
        prefix,
    })
}

/// The configuration, and what it is called.
async fn read(settings: &KubernetesSettings) -> Result<(Config, String), String> {
    let options = KubeConfigOptions {
        context: settings.context.clone(),
        ..KubeConfigOptions::default()
    };
    let inline = settings.kubeconfig_inline.as_ref().map(Secret::expose);
    let (file, name) = match (inline, &settings.kubeconfig, &settings.endpoint) {
        (Some(text), ..) => {
            let file = Kubeconfig::from_yaml(text).map_err(|error| format!("kubeconfigInline: {error}"))?;
            (file, "kubeconfigInline".to_owned())
        }
        (None, Some(paths), _) => (files(paths)?, format!("kubeconfig {paths}")),
        (None, None, Some(url)) => {
            let url = url
                .parse()
                .map_err(|error| format!("API endpoint {url:?}: {error}"))?;
            return Ok((Config::new(url), "the API endpoint".to_owned()));
        }
        (None, None, None) => {
            let config = Config::incluster().map_err(|error| {
                format!(
                    "no kubeconfig is set, and this is no pod of a cluster: {}; set KUBECONFIG",
                    causes(&error)
                )
            })?;
            return Ok((config, "the pod's service account".to_owned()));
        }
    };
    let config = Config::from_custom_kubeconfig(file, &options)
        .await
        .map_err(|error| match &settings.context {
            Some(context) => format!("{name}: context {context:?}: {}", causes(&error)),
            None => format!("{name}: {}", causes(&error)),
        })?;
    Ok((config, name))
}

/// Reads kubeconfigs, the first of which counts where several say something.
fn files(paths: &str) -> Result<Kubeconfig, String> {
    let mut all: Option<Kubeconfig> = None;
    for path in paths.split(':').filter(|path| !path.is_empty()) {
        if !Path::new(path).exists() && paths.contains(':') {
            continue;
        }
        let one =
            Kubeconfig::read_from(path).map_err(|error| format!("kubeconfig {path}: {}", causes(&error)))?;
        all = Some(match all {
            None => one,
            Some(all) => all
                .merge(one)
                .map_err(|error| format!("kubeconfig {path}: {error}"))?,
        });
    }
    all.ok_or_else(|| format!("kubeconfig {paths}: no such file"))
}

fn file_of(setting: &PemSetting) -> Option<String> {
    match &setting.pem {
        Pem::File(path) => Some(path.clone()),
        Pem::Inline(_) => None,
    }
}

/// Puts single settings over what the kubeconfig says.
fn overlay(config: &mut Config, settings: &KubernetesSettings) -> Result<(), String> {
    if let Some(url) = &settings.endpoint {
        config.cluster_url = url
            .parse()
            .map_err(|error| format!("API endpoint {url:?}: {error}"))?;
    }
    if let Some(setting) = &settings.tls.authority
        && let Some(path) = file_of(setting)
    {
        std::fs::metadata(&path).map_err(|error| format!("{}: {error}", place(setting)))?;
        config.root_cert_file = Some(path.into());
    }
    let auth: &mut AuthInfo = &mut config.auth_info;
    if let Some(path) = settings.tls.certificate.as_ref().and_then(file_of) {
        auth.client_certificate = Some(path);
        auth.client_certificate_data = None;
    }
    if let Some(path) = settings.tls.key.as_ref().and_then(file_of) {
        auth.client_key = Some(path);
        auth.client_key_data = None;
    }
    if let Some(token) = &settings.token {
        auth.token = Some(token.expose().to_owned().into());
        auth.token_file = None;
    }
    config.accept_invalid_certs |= settings.insecure;
    Ok(())
}

fn endpoint(config: &Config) -> Result<Endpoint, String> {
    let url = &config.cluster_url;
    let tls = url.scheme_str() == Some("https");
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    if host.is_empty() {
        return Err(format!("API endpoint {url}: it has no host"));
    }
    Ok(Endpoint {
        tls,
        host,
        port: url.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        note: None,
    })
}

/// The same trust for a closer look at a failure.
fn tls_settings(config: &Config, settings: &KubernetesSettings, named: &str) -> TlsSettings {
    let from_file = config.root_cert_file.as_ref().map(|path| PemSetting {
        setting: "the certificate authority".into(),
        pem: Pem::File(path.display().to_string()),
    });
    let inline = config.root_cert.as_ref().map(|certificates| PemSetting {
        setting: format!("the certificate authority of {named}"),
        pem: Pem::Inline(Secret::new(pem(certificates))),
    });
    TlsSettings {
        authority: settings.tls.authority.clone().or(from_file).or(inline),
        ..TlsSettings::default()
    }
}

/// Certificates as text.
fn pem(certificates: &[Vec<u8>]) -> String {
    use base64::Engine as _;
    let one = |der: &Vec<u8>| {
        let text = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
    };
    certificates.iter().map(one).collect()
}

/// An error down to its first cause, each once.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        next = error.source();
    }
    text
}
