//! The queries of a seed never change: a reported difference can be asked for again.

use std::collections::BTreeMap;

use expect_test::expect;
use vigie_differential::{Generator, Labels, Options, Schema};

fn schema() -> Schema {
    let mut series: Vec<Labels> = Vec::new();
    let mut add = |pairs: &[(&str, &str)]| {
        series.push(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        );
    };
    for instance in ["a:1", "b:1"] {
        add(&[("__name__", "up"), ("job", "web"), ("instance", instance)]);
        for code in ["200", "500"] {
            add(&[
                ("__name__", "requests_total"),
                ("job", "web"),
                ("instance", instance),
                ("code", code),
            ]);
        }
        for le in ["0.1", "1.0", "+Inf"] {
            add(&[
                ("__name__", "seconds_bucket"),
                ("job", "web"),
                ("instance", instance),
                ("le", le),
            ]);
        }
    }
    Schema::new(series, &BTreeMap::new())
}

fn everything() -> Options {
    Options {
        experimental_functions: true,
        native_histograms: true,
        duration_expressions: true,
        fill: true,
        extended_ranges: true,
        ..Options::new(1_700_000_000_000, 1_700_010_000_000)
    }
}

#[test]
fn queries_never_change() {
    let schema = schema();
    let texts: Vec<String> = Generator::new(1, &schema, Options::new(1_700_000_000_000, 1_700_010_000_000))
        .take(12)
        .map(|query| query.to_string())
        .collect();
    expect![[r#"
        asin(idelta(requests_total{job=~"webx?"}[490924ms]))    [at 1700001778.483]
        sin(sum_over_time(up[2m23s145ms]) < sqrt(up offset -1m8s))    [from 1700007500 to 1700007704.220 step 53]
        1e3 == bool min by (instance, job) (up{absent=~'|x'})    [from 1700005113.669 to 1700005247.936 step 7.501]
        max by (code, job) (requests_total{code=~"500|200"})    [at 1700009436]
        ceil(max_over_time((stddev by (job) (requests_total) > on (job) stdvar by (job) (requests_total{job!="other"}))[1m30s:30s1ms]))    [from 1700002700 to 1700003145.543 step 17]
        count without (code, job) (requests_total{code!="200",instance="a:1"})    [from 1700004132.758 to 1700022401.037 step 300]
        rate(requests_total{code=~"500x?"}[3m24s239ms] @ end()) == requests_total{instance='b:1'}    [at 1700003019.759]
        count_over_time(up{instance="a:1"}[1m30s])    [from 1700001905 to 1700002488.272 step 81]
        count by (instance, job) ((requests_total{instance=~"b:1.*"}))    [from 1700008977.399 to 1700034653.805 step 1500]
        label_replace(clamp_max(scalar(max(up)) / histogram_quantile(0.01, rate(seconds_bucket{job="web"}[4m])), scalar(avg(requests_total{instance="a:1",absent!~".+"} offset 1440000ms))), "made", "", "instance", "(.*)")    [from 1700004635 to 1700004675.186 step 42.847]
        stddev(sum_over_time(up{job="web"}[24s231ms] @ 1700009390)) by (instance, job)    [from 1700007098 to 1700007885.069 step 21.091]
        up[-5m]    [from 1700002707.798 to 1700003193.873 step 30]"#]].assert_eq(&texts.join("\n"));
}

/// FNV-1a, which has no versions.
fn digest(texts: impl Iterator<Item = String>) -> u64 {
    texts.fold(0xcbf2_9ce4_8422_2325, |hash, text| {
        text.bytes().fold(hash, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    })
}

#[test]
fn nor_do_those_with_everything_enabled() {
    let schema = schema();
    let texts = Generator::new(7, &schema, everything())
        .take(5000)
        .map(|query| query.to_string());
    expect!["0xe4f3e7e8ddde873b"].assert_eq(&format!("{:#018x}", digest(texts)));
}

#[test]
fn a_query_does_not_depend_on_those_before_it() {
    let schema = schema();
    let mut generator = Generator::new(3, &schema, everything());
    let twentieth = generator.nth(20);
    assert_eq!(twentieth, Some(generator.query(20)));
}

#[test]
fn an_empty_schema_is_no_reason_to_fail() {
    let schema = Schema::default();
    assert_eq!(Generator::new(1, &schema, everything()).take(500).count(), 500);
}
