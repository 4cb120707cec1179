//! The features of this process by category, under Prometheus's names: those it has, and those it has not.

use std::collections::BTreeMap;

use vigie_promql::functions;
use vigie_rules::TEMPLATE_FUNCTIONS;

use crate::settings::Settings;

type Features = BTreeMap<String, BTreeMap<String, bool>>;

/// The kinds of discovery that Prometheus 3.14 has; static_configs and file_sd_configs work here.
const DISCOVERY: &[&str] = &[
    "aws",
    "azure",
    "consul",
    "digitalocean",
    "dns",
    "docker",
    "dockerswarm",
    "ec2",
    "ecs",
    "elasticache",
    "eureka",
    "file",
    "gce",
    "hetzner",
    "http",
    "ionos",
    "kubernetes",
    "kuma",
    "lightsail",
    "linode",
    "marathon",
    "msk",
    "nerve",
    "nomad",
    "oci",
    "openstack",
    "outscale",
    "ovhcloud",
    "puppetdb",
    "rds",
    "scaleway",
    "serverset",
    "stackit",
    "static",
    "triton",
    "uyuni",
    "vultr",
];

const OPERATORS: &[&str] = &[
    "!=",
    "!~",
    "%",
    "*",
    "+",
    "-",
    "/",
    "<",
    "</",
    "<=",
    "==",
    "=~",
    ">",
    ">/",
    ">=",
    "@",
    "^",
    "and",
    "atan2",
    "avg",
    "bottomk",
    "count",
    "count_values",
    "group",
    "max",
    "min",
    "or",
    "quantile",
    "stddev",
    "stdvar",
    "sum",
    "topk",
    "unless",
];

pub(crate) fn shown(settings: &Settings) -> Features {
    let mut features = Features::new();
    let given = &settings.features;
    add(
        &mut features,
        "api",
        &[
            ("admin", false),
            ("exclude_alerts", true),
            ("label_values_match", true),
            ("lifecycle", settings.lifecycle_enabled),
            ("openapi_3.1", true),
            ("openapi_3.2", true),
            ("otlp_write_receiver", false),
            ("query_stats", true),
            ("query_warnings", true),
            ("remote_write_receiver", true),
            ("search", false),
            ("search_fuzz_alg_jarowinkler", false),
            ("search_fuzz_alg_subsequence", false),
            ("time_range_labels", true),
            ("time_range_series", true),
        ],
    );
    add(
        &mut features,
        "otlp_receiver",
        &[("delta_conversion", false), ("native_delta_ingestion", false)],
    );
    add(
        &mut features,
        "prometheus",
        &[
            ("agent_mode", false),
            ("auto_reload_config", false),
            ("server_mode", true),
            ("stringlabels", true),
        ],
    );
    let (ranges, fills) = (given.promql.extended_range_selectors, given.promql.fill_modifiers);
    add(
        &mut features,
        "promql",
        &[
            ("anchored", ranges),
            ("at_modifier", true),
            ("bool", true),
            ("by", true),
            ("delayed_name_removal", given.delayed_name_removal),
            ("duration_expr", true),
            ("fill", fills),
            ("fill_left", fills),
            ("fill_right", fills),
            ("group_left", true),
            ("group_right", true),
            ("ignoring", true),
            ("negative_offset", true),
            ("offset", true),
            ("on", true),
            ("per_query_lookback_delta", true),
            ("per_step_stats", false),
            ("smoothed", ranges),
            ("subqueries", true),
            ("type_and_unit_labels", false),
            ("without", true),
        ],
    );
    let experimental = given.promql.experimental_functions;
    let by_name = |function: &functions::Function| {
        let is_on = experimental || !function.experimental;
        (function.name.to_owned(), is_on)
    };
    features.insert(
        "promql_functions".to_owned(),
        functions::FUNCTIONS.iter().map(by_name).collect(),
    );
    add_all(&mut features, "promql_operators", OPERATORS, true);
    add_all(
        &mut features,
        "promql_operators",
        &["limitk", "limit_ratio"],
        experimental,
    );
    add(
        &mut features,
        "rules",
        &[
            ("concurrent_rule_eval", false),
            ("keep_firing_for", false),
            ("query_offset", false),
        ],
    );
    add(
        &mut features,
        "scrape",
        &[
            ("extra_scrape_metrics", true),
            ("start_timestamp_zero_ingestion", false),
            ("type_and_unit_labels", false),
        ],
    );
    add_all(&mut features, "service_discovery_providers", DISCOVERY, false);
    add_all(
        &mut features,
        "service_discovery_providers",
        &["file", "static"],
        true,
    );
    // No role expands templates yet; `vigie promql` does.
    add_all(&mut features, "templating_functions", TEMPLATE_FUNCTIONS, false);
    add(
        &mut features,
        "tsdb",
        &[
            ("delayed_compaction", false),
            ("exemplar_storage", given.exemplar_storage),
            ("histograms_st_encoding", false),
            ("isolation", true),
            ("native_histograms", false),
            ("st_storage", given.start_timestamps),
            ("use_uncached_io", false),
            ("xor2_encoding", false),
        ],
    );
    add(&mut features, "ui", &[("ui_v2", false), ("ui_v3", false)]);
    features
}

fn add(features: &mut Features, category: &str, flags: &[(&str, bool)]) {
    let known = features.entry(category.to_owned()).or_default();
    known.extend(flags.iter().map(|&(name, on)| (name.to_owned(), on)));
}

fn add_all(features: &mut Features, category: &str, names: &[&str], on: bool) {
    let known = features.entry(category.to_owned()).or_default();
    known.extend(names.iter().map(|&name| (name.to_owned(), on)));
}
