//! The HTTP client of a job.

use std::sync::{Arc, Once};

use base64::Engine;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Identity, NoProxy, Proxy, redirect, tls};
use vigie_config::{
    EscapingScheme, HttpClientConfig, ProxyConfig, ScrapeConfig, ScrapeProtocol, SecretSource, TlsConfig,
    TlsVersion,
};

use crate::ScraperError;

/// Go's default, which users of Prometheus have.
const MAX_REDIRECTS: usize = 10;

/// Sends the requests of a job.
#[derive(Debug)]
pub(crate) struct JobClient {
    pub(crate) http: reqwest::Client,
    pub(crate) accept: HeaderValue,
    config: Arc<ScrapeConfig>,
}

impl JobClient {
    pub(crate) fn new(config: &Arc<ScrapeConfig>, user_agent: &str) -> Result<JobClient, ScraperError> {
        install_crypto_provider();
        let failed = |reason: String| ScraperError::Client {
            job: config.job_name.clone(),
            reason,
        };
        Ok(JobClient {
            http: build(&config.http, user_agent)
                .or_else(|reason| without_system_roots(&config.http, user_agent, &reason))
                .map_err(failed)?,
            accept: accept_header(&config.scrape_protocols, config.escaping_scheme)
                .map_err(|error| failed(error.to_string()))?,
            config: config.clone(),
        })
    }

    pub(crate) fn accept_encoding(&self) -> &'static str {
        if self.config.enable_compression {
            "gzip"
        } else {
            "identity"
        }
    }

    /// Credentials and extra headers. Files are read each time, so that rotated secrets are taken.
    pub(crate) async fn headers(&self) -> Result<HeaderMap, String> {
        let http = &self.config.http;
        let mut headers = HeaderMap::new();
        if let Some(auth) = &http.basic_auth {
            let username = if auth.username_file.is_empty() {
                auth.username.clone()
            } else {
                read_trimmed(&auth.username_file).await?
            };
            let password = secret(&auth.password).await?;
            let pair = base64::engine::general_purpose::STANDARD.encode(format!("{username}:{password}"));
            headers.insert(AUTHORIZATION, sensitive(&format!("Basic {pair}"))?);
        } else if let Some(auth) = &http.authorization {
            let credentials = secret(&auth.credentials).await?;
            headers.insert(AUTHORIZATION, sensitive(&format!("{} {credentials}", auth.kind))?);
        }
        for (name, values) in &http.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
            for value in &values.values {
                headers.append(
                    &name,
                    HeaderValue::try_from(value).map_err(|error| error.to_string())?,
                );
            }
            for value in &values.secrets {
                headers.append(&name, sensitive(value.reveal())?);
            }
            for file in &values.files {
                headers.append(&name, sensitive(&read_trimmed(file).await?)?);
            }
        }
        Ok(headers)
    }
}

fn build(config: &HttpClientConfig, user_agent: &str) -> Result<reqwest::Client, String> {
    let builder = prepare(config, user_agent)?;
    builder.build().map_err(|error| describe(&error))
}

/// A machine without certificate authorities, such as a bare container, can still scrape plain HTTP.
fn without_system_roots(
    config: &HttpClientConfig,
    user_agent: &str,
    reason: &str,
) -> Result<reqwest::Client, String> {
    if !config.tls.ca.is_empty() || !config.tls.ca_file.is_empty() {
        return Err(reason.to_owned());
    }
    let builder = prepare(config, user_agent)?.tls_certs_only([]);
    let client = builder.build().map_err(|error| describe(&error))?;
    tracing::warn!(
        error = reason,
        "No certificate authorities, HTTPS targets will fail"
    );
    Ok(client)
}

fn prepare(config: &HttpClientConfig, user_agent: &str) -> Result<reqwest::ClientBuilder, String> {
    if config.oauth2.is_some() {
        return Err("oauth2 is not supported yet".to_owned());
    }
    if !config.tls.server_name.is_empty() {
        return Err("tls_config.server_name is not supported yet".to_owned());
    }
    let policy = if config.follow_redirects {
        redirect::Policy::limited(MAX_REDIRECTS)
    } else {
        redirect::Policy::none()
    };
    let mut builder = reqwest::Client::builder()
        .user_agent(user_agent)
        .redirect(policy)
        .referer(false);
    if !config.enable_http2 {
        builder = builder.http1_only();
    }
    builder = with_proxy(builder, &config.proxy)?;
    with_tls(builder, &config.tls)
}

fn with_proxy(
    builder: reqwest::ClientBuilder,
    config: &ProxyConfig,
) -> Result<reqwest::ClientBuilder, String> {
    if config.from_environment {
        return Ok(builder);
    }
    if !config.connect_headers.is_empty() {
        return Err("proxy_connect_header is not supported yet".to_owned());
    }
    // Without this the environment would be asked unbidden.
    let builder = builder.no_proxy();
    if config.url.is_empty() {
        return Ok(builder);
    }
    let proxy = Proxy::all(&config.url).map_err(|error| describe(&error))?;
    Ok(builder.proxy(proxy.no_proxy(NoProxy::from_string(&config.no_proxy))))
}

/// Certificates are read when a configuration is applied.
fn with_tls(builder: reqwest::ClientBuilder, config: &TlsConfig) -> Result<reqwest::ClientBuilder, String> {
    let mut builder = builder.tls_danger_accept_invalid_certs(config.insecure_skip_verify);
    if let Some(version) = config.min_version {
        builder = builder.tls_version_min(tls_version(version));
    }
    if let Some(version) = config.max_version {
        builder = builder.tls_version_max(tls_version(version));
    }
    if let Some(pem) = text_or_file(&config.ca, &config.ca_file)? {
        let certificates = Certificate::from_pem_bundle(pem.as_bytes()).map_err(|error| describe(&error))?;
        builder = builder.tls_certs_only(certificates);
    }
    let cert = text_or_file(&config.cert, &config.cert_file)?;
    let key = text_or_file(config.key.text.reveal(), &config.key.file)?;
    if let (Some(cert), Some(key)) = (cert, key) {
        let identity =
            Identity::from_pem(format!("{cert}\n{key}").as_bytes()).map_err(|error| describe(&error))?;
        builder = builder.identity(identity);
    }
    Ok(builder)
}

fn tls_version(version: TlsVersion) -> tls::Version {
    match version {
        TlsVersion::Tls10 => tls::Version::TLS_1_0,
        TlsVersion::Tls11 => tls::Version::TLS_1_1,
        TlsVersion::Tls12 => tls::Version::TLS_1_2,
        TlsVersion::Tls13 => tls::Version::TLS_1_3,
    }
}

fn text_or_file(text: &str, file: &str) -> Result<Option<String>, String> {
    match (text, file) {
        ("", "") => Ok(None),
        ("", file) => std::fs::read_to_string(file)
            .map(Some)
            .map_err(|error| format!("read {file}: {error}")),
        (text, _) => Ok(Some(text.to_owned())),
    }
}

async fn secret(source: &SecretSource) -> Result<String, String> {
    if source.file.is_empty() {
        return Ok(source.text.reveal().to_owned());
    }
    read_trimmed(&source.file).await
}

async fn read_trimmed(file: &str) -> Result<String, String> {
    tokio::fs::read_to_string(file)
        .await
        .map(|text| text.trim().to_owned())
        .map_err(|error| format!("unable to read file {file}: {error}"))
}

/// Keeps the value out of debug output.
fn sensitive(value: &str) -> Result<HeaderValue, String> {
    let mut value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

/// The formats in order of preference, each with a lower weight, then anything else.
fn accept_header(
    protocols: &[ScrapeProtocol],
    escaping: EscapingScheme,
) -> Result<HeaderValue, reqwest::header::InvalidHeaderValue> {
    /// One more than there are formats.
    const FIRST_WEIGHT: usize = 6;
    let mut accept = String::new();
    for (at, protocol) in protocols.iter().enumerate() {
        accept.push_str(protocol.media_type());
        if matches!(
            protocol,
            ScrapeProtocol::PrometheusText100 | ScrapeProtocol::OpenMetricsText100
        ) {
            accept.push_str(&format!(";escaping={}", escaping.as_str()));
        }
        accept.push_str(&format!(";q=0.{},", FIRST_WEIGHT.saturating_sub(at)));
    }
    accept.push_str(&format!(
        "*/*;q=0.{}",
        FIRST_WEIGHT.saturating_sub(protocols.len())
    ));
    HeaderValue::try_from(accept)
}

/// rustls wants one provider for the process; whoever comes first decides.
fn install_crypto_provider() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // An error means that another part of the process has installed its own.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

/// The innermost cause, which is the one that tells something.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_asked_for_in_order() {
        let header = accept_header(&ScrapeProtocol::DEFAULT, EscapingScheme::AllowUtf8).unwrap();
        assert_eq!(
            header,
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,\
             text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
        );
        let mut with_protobuf = vec![ScrapeProtocol::PrometheusProto];
        with_protobuf.extend(ScrapeProtocol::DEFAULT);
        assert_eq!(
            accept_header(&with_protobuf, EscapingScheme::Underscores).unwrap(),
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
             application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.5,\
             application/openmetrics-text;version=0.0.1;q=0.4,\
             text/plain;version=1.0.0;escaping=underscores;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
        );
    }
}
