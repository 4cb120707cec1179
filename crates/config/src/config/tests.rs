use std::path::Path;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use crate::{Config, ConfigError, Defaults, ScrapeProtocol, TargetGroup};

fn load(text: &str) -> Result<Config, ConfigError> {
    Config::load_str(text, Path::new("/etc/vigie"))
}

/// The configuration as shown, or the error.
fn check(text: &str, expected: &Expect) {
    let shown = match load(text) {
        Ok(config) => config.to_yaml(),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&shown);
}

fn check_error(text: &str, expected: &str) {
    assert_eq!(load(text).unwrap_err().to_string(), expected, "{text}");
}

/// A job with the given lines besides its name, on line 4 and after.
fn job(lines: &str) -> String {
    let indented: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    format!("scrape_configs:\n# a comment\n- job_name: node\n{indented}")
}

#[test]
fn an_empty_file_is_the_defaults() {
    assert_eq!(load("").unwrap(), Config::default());
    check(
        "# nothing\nglobal:\nscrape_configs:\n",
        &expect![[r#"
            global:
              scrape_interval: 1m
              scrape_timeout: 10s
              evaluation_interval: 1m
              metric_name_validation_scheme: utf8
              scrape_native_histograms: false
              extra_scrape_metrics: false
            runtime:
              gogc: 75
            otlp:
              translation_strategy: UnderscoreEscapingWithSuffixes
              label_name_underscore_sanitization: true
              label_name_preserve_multiple_underscores: true
        "#]],
    );
}

#[test]
fn jobs_inherit_and_secrets_stay_hidden() {
    check(
        r#"
global:
  scrape_interval: 15s
  body_size_limit: 10MB
  external_labels: {cluster: "a b", "1": 'yes'}
rule_files: [rules/*.yml]
scrape_configs:
- job_name: node
  scrape_timeout: 5s
  basic_auth: {username: bob, password: hunter2}
  tls_config: {ca_file: ca.pem}
  proxy_url: http://user:hunter2@proxy:3128/
  http_headers:
    X-Key: {secrets: [hunter2]}
  params: {match: [a, b]}
  static_configs:
  - targets: ["localhost:9100", '[::1]:9100']
    labels: {env: prod}
  file_sd_configs:
  - files: ["sd/*.json"]
  metric_relabel_configs:
  - {source_labels: [a, b], regex: "x.*", action: Drop}
remote_write:
- url: http://remote/api/v1/write
  sigv4: {access_key: a, secret_key: hunter2}
"#,
        &expect![[r#"
            global:
              scrape_interval: 15s
              scrape_timeout: 10s
              evaluation_interval: 1m
              external_labels:
                "1": "yes"
                cluster: a b
              body_size_limit: 10MiB
              metric_name_validation_scheme: utf8
              scrape_native_histograms: false
              extra_scrape_metrics: false
            runtime:
              gogc: 75
            rule_files:
            - /etc/vigie/rules/*.yml
            scrape_configs:
            - job_name: node
              honor_timestamps: true
              track_timestamps_staleness: false
              params:
                match:
                - a
                - b
              scrape_interval: 15s
              scrape_timeout: 5s
              scrape_protocols:
              - OpenMetricsText1.0.0
              - OpenMetricsText0.0.1
              - PrometheusText1.0.0
              - PrometheusText0.0.4
              scrape_native_histograms: false
              always_scrape_classic_histograms: false
              convert_classic_histograms_to_nhcb: false
              metrics_path: /metrics
              scheme: http
              enable_compression: true
              body_size_limit: 10MiB
              metric_name_validation_scheme: utf8
              metric_name_escaping_scheme: allow-utf-8
              extra_scrape_metrics: false
              basic_auth:
                username: bob
                password: <secret>
              tls_config:
                ca_file: /etc/vigie/ca.pem
                insecure_skip_verify: false
              follow_redirects: true
              enable_http2: true
              proxy_url: http://user:xxxxx@proxy:3128/
              http_headers:
                X-Key:
                  secrets:
                  - <secret>
              metric_relabel_configs:
              - source_labels: [a, b]
                separator: ;
                regex: x.*
                replacement: $1
                action: drop
              static_configs:
              - targets:
                - localhost:9100
                - '[::1]:9100'
                labels:
                  env: prod
              file_sd_configs:
              - files:
                - /etc/vigie/sd/*.json
                refresh_interval: 5m
            remote_write:
            - url: http://remote/api/v1/write
              remote_timeout: 30s
              protobuf_message: prometheus.WriteRequest
              follow_redirects: true
              enable_http2: false
              queue_config:
                capacity: 10000
                max_shards: 50
                min_shards: 1
                max_samples_per_send: 2000
                batch_send_deadline: 5s
                min_backoff: 30ms
                max_backoff: 5s
              metadata_config:
                send: true
                send_interval: 1m
                max_samples_per_send: 2000
              sigv4:
                access_key: a
                secret_key: <secret>
            otlp:
              translation_strategy: UnderscoreEscapingWithSuffixes
              label_name_underscore_sanitization: true
              label_name_preserve_multiple_underscores: true
        "#]],
    );
}

#[test]
fn unknown_and_misformed_fields_name_their_lines() {
    check_error(
        &job("foo: 1\nscrape_interval: 5s\nhonor_labels: maybe\nsample_limit: [1]"),
        "yaml: unmarshal errors:\n  line 4: field foo not found in type config.ScrapeConfig\n  \
         line 6: cannot unmarshal !!str `maybe` into bool\n  \
         line 7: cannot unmarshal !!seq into uint",
    );
    for (text, expected) in [
        (
            "globel: {}",
            "line 1: field globel not found in type config.plain",
        ),
        (
            "a: 1\nb: 2",
            "line 1: field a not found in type config.plain\n  line 2: field b not found in type config.plain",
        ),
        (
            "rule_files: x",
            "line 1: cannot unmarshal !!str `x` into []string",
        ),
        ("[]", "line 1: cannot unmarshal !!seq into config.plain"),
        (
            "global:\n  external_labels: {a: 1, a: 2}",
            "line 2: key \"a\" already set in map",
        ),
        (
            "global: {}\nglobal: {}",
            "line 2: field global already set in type config.plain",
        ),
        (
            "scrape_configs:\n- job_name: a\n  bar_sd_configs: []",
            "line 3: field bar_sd_configs not found in type config.ScrapeConfig",
        ),
        (
            "scrape_configs:\n- job_name: a\n  basic_auth:\n    user: x",
            "line 4: field user not found in type config.plain",
        ),
        (
            "global: {sample_limit: -1}",
            "line 1: cannot unmarshal !!int `-1` into uint",
        ),
    ] {
        check_error(text, &format!("yaml: unmarshal errors:\n  {expected}"));
    }
    let error = load("a: [1\nb: 2").unwrap_err();
    assert!(
        matches!(error, ConfigError::Syntax { line: 1..=2, .. }),
        "{error}"
    );
}

#[test]
fn meaningless_values_are_refused_in_prometheus_words() {
    for (lines, expected) in [
        (
            "scrape_interval: 5s\nscrape_timeout: 6s",
            "scrape timeout greater than scrape interval for scrape config with job name \"node\"",
        ),
        ("scrape_interval: 5 s", "unknown unit \" s\" in duration \"5 s\""),
        (
            "relabel_configs: [{source_labels: [a], regex: '(', target_label: b}]",
            "error parsing regexp: missing closing ): `(`",
        ),
        (
            "relabel_configs: [{action: hashmod, target_label: a}]",
            "relabel configuration for hashmod requires non-zero modulus",
        ),
        ("relabel_configs: [{action: }]", "relabel action cannot be empty"),
        ("body_size_limit: 100", "units: unknown unit  in 100"),
        (
            "static_configs: [null]",
            "empty or null section in static_configs",
        ),
        (
            "relabel_configs: [{action: explode}]",
            "unknown relabel action \"explode\"",
        ),
        (
            "relabel_configs: [null]",
            "empty or null target relabeling rule in scrape config",
        ),
        (
            "static_configs: [{targets: ['http://a/']}]",
            "\"http://a/\" is not a valid hostname",
        ),
        (
            "file_sd_configs: [{files: [a.txt]}]",
            "path name \"a.txt\" is not valid for file discovery",
        ),
        (
            "file_sd_configs: [{files: []}]",
            "file service discovery config must contain at least one path name",
        ),
        (
            "kubernetes_sd_configs: [{role: pod}]",
            "kubernetes_sd_configs is not supported yet (job \"node\")",
        ),
        (
            "scrape_protocols: []",
            "scrape_protocols cannot be empty for scrape config with job name \"node\"",
        ),
        (
            "scrape_protocols: [Carrier]",
            "scrape_protocols: unknown scrape protocol Carrier, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0] for scrape config with job name \"node\"",
        ),
        (
            "metric_name_validation_scheme: legacy\nmetric_name_escaping_scheme: allow-utf-8",
            "utf8 metric names requested but validation scheme is not set to UTF8",
        ),
        (
            "basic_auth: {username: a}\nbearer_token: b",
            "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured",
        ),
        (
            "authorization: {type: Basic}",
            "authorization type cannot be set to \"basic\", use \"basic_auth\" instead",
        ),
        (
            "tls_config: {cert: a}",
            "exactly one of key or key_file must be configured when a client certificate is configured",
        ),
        (
            "http_headers: {authorization: {values: [a]}}",
            "setting header \"Authorization\" is not allowed",
        ),
        (
            "proxy_connect_header: {a: [b]}",
            "if proxy_connect_header is configured, proxy_url or proxy_from_environment must also be configured",
        ),
    ] {
        check_error(&job(lines), expected);
    }
    for (text, expected) in [
        ("scrape_configs: [null]", "empty or null scrape config section"),
        ("scrape_configs: [{}]", "job_name is empty"),
        (
            "scrape_configs: [{job_name: a}, {job_name: a}]",
            "found multiple scrape configs with job name \"a\"",
        ),
        (
            "global: {scrape_interval: 5s, scrape_timeout: 6s}",
            "global scrape timeout greater than scrape interval",
        ),
        (
            "global: {metric_name_validation_scheme: legacy, external_labels: {a-b: c}}",
            "\"a-b\" is not a valid label name",
        ),
        ("rule_files: ['*/a.yml']", "invalid rule file path \"*/a.yml\""),
        ("remote_write: [{}]", "url for remote_write is empty"),
        (
            "remote_write: [{url: a, headers: {Host: b}}]",
            "Host is a reserved header. It must not be changed",
        ),
        (
            "remote_write: [{url: a, queue_config: {max_shards: 0}}]",
            "remote write queue max_shards must be positive",
        ),
        (
            "alerting: {alertmanagers: [{api_version: v1}]}",
            "expected Alertmanager api version to be one of [v2] but got v1",
        ),
        (
            "alerting: {alertmanagers: [{dns_sd_configs: [{}]}]}",
            "dns_sd_configs is not supported yet (alertmanagers)",
        ),
        ("tracing: {client_type: grpc}", "tracing endpoint must be set"),
        (
            "otlp: {translation_strategy: x}",
            "unsupported OTLP translation strategy \"x\"",
        ),
        (
            "storage: {tsdb: {retention: {percentage: 101}}}",
            "'storage.tsdb.retention.percentage' must be in the range [0, 100], got 101",
        ),
    ] {
        check_error(text, expected);
    }
}

/// What is shown reads back to the same configuration.
#[test]
fn shown_configurations_are_stable() {
    let text = r##"
scrape_configs:
- job_name: "a: b"
  honor_timestamps: no
  static_configs: [{targets: [a], labels: {l: "x\ny", m: '', n: "#", o: "null", p: "1.5", q: "'"}}]
  relabel_configs: [{regex: '__meta_(.+)', action: labelmap, replacement: '$1'}, {source_labels: [a], target_label: b, action: keepequal}]
alerting:
  alertmanagers: [{static_configs: [{targets: [am]}], path_prefix: /x}]
remote_read: [{url: 'http://a', required_matchers: {a: b}}]
storage: {tsdb: {out_of_order_time_window: 30m, retention: {time: 15d, size: 1GB}}, exemplars: {max_exemplars: 5}}
tracing: {endpoint: a, headers: {x: y}, timeout: 1m}
otlp: {promote_resource_attributes: [a.b], label_name_underscore_sanitization: false}
"##;
    let config = load(text).unwrap();
    assert_eq!(load(&config.to_yaml()).unwrap(), config, "{}", config.to_yaml());
}

#[test]
fn anchors_and_merges_work_within_bounds() {
    let config = load("x: &d {scrape_interval: 7s}\n");
    assert!(config.is_err());
    let text = "scrape_configs:\n- &d {job_name: a, scrape_interval: 11s}\n- <<: *d\n  job_name: b\n";
    let config = load(text).unwrap();
    assert_eq!(config.scrape_configs[1].scrape_interval.as_secs(), 11);
    assert_eq!(config.scrape_configs[1].job_name, "b");
    let mut bomb = "a0: &a0 [x]\n".to_owned();
    for level in 1..40 {
        bomb.push_str(&format!("a{level}: &a{level} [*a{0}, *a{0}]\n", level - 1));
    }
    let error = load(&bomb).unwrap_err().to_string();
    assert!(error.ends_with("document contains excessive aliasing"), "{error}");
    let deep = "[".repeat(100_000);
    assert!(load(&deep).is_err());
}

#[test]
fn target_files_are_yaml_or_json() {
    for text in [
        "- targets: [a, 'b:1']\n  labels: {env: x}\n",
        "[\n\t{\n\t\t\"targets\": [\"a\", \"b:1\"],\n\t\t\"labels\": {\"env\": \"x\"}\n\t}\n]\n",
    ] {
        let groups = TargetGroup::parse_file(text).unwrap();
        assert_eq!(groups[0].targets, ["a", "b:1"]);
        assert_eq!(groups[0].labels["env"], "x");
    }
    for (text, expected) in [
        ("- null", "nil target group item found"),
        (
            "- target: [a]",
            "yaml: unmarshal errors:\n  line 1: field target not found in type struct { Targets []string; \
             Labels model.LabelSet }",
        ),
    ] {
        assert_eq!(TargetGroup::parse_file(text).unwrap_err().to_string(), expected);
    }
    assert!(TargetGroup::parse_file("").unwrap().is_empty());
    assert!(TargetGroup::parse_file("[{").is_err());
}

#[test]
fn scrape_config_files_add_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    write(
        "main.yml",
        "global: {scrape_interval: 7s}\nscrape_config_files: ['more*.yml']\nscrape_configs: [{job_name: a}]\n",
    );
    write(
        "more1.yml",
        "scrape_configs: [{job_name: b, static_configs: [{targets: [x]}]}]\n",
    );
    let config = Config::load_file(&dir.path().join("main.yml"), Defaults::default()).unwrap();
    let jobs = config.all_scrape_configs().unwrap();
    assert_eq!(jobs.len(), 2);
    assert_eq!(jobs[1].scrape_interval.as_secs(), 7);
    write("more2.yml", "scrape_configs: [{job_name: a}]\n");
    let error = config.all_scrape_configs().unwrap_err().to_string();
    assert!(
        error.ends_with("found multiple scrape configs with job name \"a\", first found in main config file"),
        "{error}"
    );
    let missing = Config::load_file(&dir.path().join("none.yml"), Defaults::default())
        .unwrap_err()
        .to_string();
    assert!(missing.starts_with("open "), "{missing}");
}

#[test]
fn a_process_without_configuration_scrapes_itself() {
    let config = Config::default_self_scrape("0.0.0.0:9090".parse().unwrap(), Defaults::default()).unwrap();
    let job = &config.scrape_configs[0];
    assert_eq!(job.job_name, "vigie");
    assert_eq!(job.scrape_interval.as_secs(), 15);
    assert_eq!(job.discovery.static_groups[0].targets, ["127.0.0.1:9090"]);
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "[ \\-a-z:\\[\\]{}&*!|>'\"#\\n\\t,?%@0-9]{0,200}") {
        let _ = load(&text);
        let _ = TargetGroup::parse_file(&text);
    }

    #[test]
    fn label_values_survive_being_shown(value in "\\PC{0,20}|[ \\n\\t:#'\"{}\\[\\],&*!|>%@`$-]{0,8}") {
        let mut config = Config::default_self_scrape("127.0.0.1:1".parse().unwrap(), Defaults::default()).unwrap();
        let job = std::sync::Arc::make_mut(&mut config.scrape_configs[0]);
        job.discovery.static_groups[0].labels.insert("l".into(), value);
        let shown = config.to_yaml();
        prop_assert_eq!(load(&shown).unwrap(), config, "{}", shown);
    }
}

#[test]
fn protobuf_is_preferred_where_nothing_else_is_said() {
    let defaults = Defaults {
        prefers_protobuf: true,
    };
    let first_of = |text: &str| {
        let config = Config::load_str_with(text, Path::new(""), defaults).unwrap();
        let jobs = config.scrape_configs.iter();
        jobs.map(|job| job.scrape_protocols[0]).collect::<Vec<_>>()
    };
    let jobs = "scrape_configs: [{job_name: a}, {job_name: b, scrape_protocols: [PrometheusText0.0.4]}]";
    let (proto, text) = (ScrapeProtocol::PrometheusProto, ScrapeProtocol::PrometheusText004);
    assert_eq!(first_of(jobs), [proto, text]);
    let open_metrics = ScrapeProtocol::OpenMetricsText100;
    let global = format!("global: {{scrape_protocols: [OpenMetricsText1.0.0]}}\n{jobs}");
    assert_eq!(first_of(&global), [open_metrics, text]);
}
