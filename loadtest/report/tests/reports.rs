//! Reports of made-up results: what the table says, and that the page is well-formed and loads nothing.

use expect_test::expect;
use vigie_report::{
    ComparisonTable, Figure, LatencyHistogram, ReportError, RunResult, render_html, render_markdown,
};

mod support;

#[test]
fn the_table_has_no_gaps() {
    let result = support::comparison();
    let table = ComparisonTable::new(&result, Some("Vigie"));
    for row in &table.rows {
        assert_eq!(row.cells.len(), table.columns.len());
        assert!(row.cells.iter().all(|cell| !cell.text.is_empty()), "{row:?}");
    }
    expect![[r#"
        |                                                                  |                                                   Vigie |                                              Prometheus |                                          Victoria\|Metrics |                                     Mimir |
        |------------------------------------------------------------------|--------------------------------------------------------:|--------------------------------------------------------:|-----------------------------------------------------------:|------------------------------------------:|
        | acknowledged means                                               |                                                 fsynced |                                       in the page cache |                                          in the page cache |                         in the page cache |
        | CPU µs/sample, until the last answer ↓                           |                                   0.919 [0.875 – 0.963] |                                            4.38 (×4.76) |                                               2.19 (×2.38) | failed: it ended by itself: out of memory |
        | CPU µs/sample, until settled ↓                                   |                                    0.962 [0.917 – 1.01] |                                            4.58 (×4.76) |                                               2.29 (×2.38) | failed: it ended by itself: out of memory |
        | samples/s ↑                                                      |                             572,727 [545,455 – 600,000] |                                        120,000 (×0.210) |                                           240,000 (×0.419) | failed: it ended by itself: out of memory |
        | acknowledgement, p50 ↓                                           |                             5.34 ms [5.09 ms – 5.60 ms] |                                         25.5 ms (×4.76) |                                            12.7 ms (×2.38) | failed: it ended by itself: out of memory |
        | acknowledgement, p99 ↓                                           |                             9.47 ms [9.02 ms – 9.92 ms] |                                         45.1 ms (×4.76) |                                            22.5 ms (×2.38) | failed: it ended by itself: out of memory |
        | acknowledgement, p99.9 ↓                                         |                             9.80 ms [9.33 ms – 10.3 ms] |                                         46.7 ms (×4.76) |                                            23.3 ms (×2.38) | failed: it ended by itself: out of memory |
        | requests refused, failed or missed ↓                             |                                                       0 |                                                       0 |                                                          3 | failed: it ended by itself: out of memory |
        | bytes sent/sample                                                |                                                    9.00 |                                            9.00 (×1.00) |                                               9.00 (×1.00) | failed: it ended by itself: out of memory |
        | resident bytes/series, settled ↓                                 |                                       998 [950 – 1,045] |                                           4,750 (×4.76) |                                              2,375 (×2.38) | failed: it ended by itself: out of memory |
        | resident bytes/series, peak ↓                                    |                                   1,208 [1,150 – 1,265] |                                           5,750 (×4.76) |                                              2,875 (×2.38) | failed: it ended by itself: out of memory |
        | disk bytes/sample, after compaction ↓                            |                                      1.05 [1.00 – 1.10] |                                            5.00 (×4.76) |                         failed: the compaction did not end | failed: it ended by itself: out of memory |
        | restart, to the first full answer ↓                              |                                2.62 s [2.50 s – 2.75 s] |                                          12.5 s (×4.76) |                                              not supported | failed: it ended by itself: out of memory |
        | queries: CPU/query ↓                                             |                                525 µs [500 µs – 550 µs] |                                         2.50 ms (×4.76) |                                            1.25 ms (×2.38) | failed: it ended by itself: out of memory |
        | query CPU busy, p50 ↓                                            |                             2.83 ms [2.70 ms – 2.97 ms] |                                         13.5 ms (×4.76) |                                            6.75 ms (×2.38) | failed: it ended by itself: out of memory |
        | query a name so long that it has no place beside the plot, p50 ↓ |                                189 ms [180 ms – 198 ms] |                                          900 ms (×4.76) |                               450 ms (×2.38); other answer | failed: it ended by itself: out of memory |
        | query CPU busy, p99 ↓                                            |                             5.24 ms [4.99 ms – 5.48 ms] |                                         24.9 ms (×4.76) |                                            12.5 ms (×2.38) | failed: it ended by itself: out of memory |
        | query a name so long that it has no place beside the plot, p99 ↓ |                                349 ms [333 ms – 366 ms] |                                          1.66 s (×4.76) |                               831 ms (×2.38); other answer | failed: it ended by itself: out of memory |
        | query answers                                                    |                     1 of 1 queries equal, 1 not checked |                     1 of 1 queries equal, 1 not checked |                        0 of 1 queries equal, 1 not checked |                               not checked |
        | read back                                                        | all 24,000,000 samples, exactly once, 1,000 only as NaN | all 24,000,000 samples, exactly once, 1,000 only as NaN | FAULTY: 840,000 with a wrong value (of 24,000,000 samples) |                             not read back |
        | load tester's CPU µs/sample                                      |                                                   0.167 |                                           0.167 (×1.00) |                                              0.167 (×1.00) | failed: it ended by itself: out of memory |
        | load tester's CPU, share of the system's                         |                                   0.182 [0.173 – 0.190] |                                         0.0381 (×0.210) |                                            0.0762 (×0.419) | failed: it ended by itself: out of memory |
    "#]].assert_eq(&table.to_markdown());
}

#[test]
fn a_table_without_reference_has_no_ratios() {
    let table = ComparisonTable::new(&support::comparison(), Some("Unknown"));
    assert_eq!(table.reference, None);
    assert!(
        table
            .rows
            .iter()
            .flat_map(|row| &row.cells)
            .all(|cell| cell.ratio.is_none())
    );
}

#[test]
fn one_failed_round_shows_beside_the_others() {
    let mut result = support::comparison();
    result.systems[3].restart_seconds = Figure::Failed("it did not come back".to_owned());
    let table = ComparisonTable::new(&result, Some("Prometheus"));
    let row = table
        .rows
        .iter()
        .find(|row| row.name.starts_with("restart"))
        .expect("there is a row for restarts");
    expect!["2.50 s (×0.200); 1 of 2 rounds failed: it did not come back"]
        .assert_eq(&row.cells[0].to_string());
}

#[test]
fn markdown() {
    let mut result = support::comparison();
    // The whole would be long to read here.
    result
        .systems
        .retain(|run| run.system != "Prometheus" && run.round == 1);
    expect![[r##"
        # 200 k series &lt;steady> &amp; a restart

        Scenario steady-200k, seed 42, started 2026-11-25T10:00:00Z.

        ## Remarks

        - The machine was &lt;not> quiet: load 6 to 8.
        - Mimir: failed: it ended by itself: out of memory

        ## Table

        |                                                                  |                                                   Vigie |                                          Victoria\|Metrics |                                     Mimir |
        |------------------------------------------------------------------|--------------------------------------------------------:|-----------------------------------------------------------:|------------------------------------------:|
        | acknowledged means                                               |                                                 fsynced |                                          in the page cache |                         in the page cache |
        | CPU µs/sample, until the last answer ↓                           |                                                   0.875 |                                               2.19 (×2.50) | failed: it ended by itself: out of memory |
        | CPU µs/sample, until settled ↓                                   |                                                   0.917 |                                               2.29 (×2.50) | failed: it ended by itself: out of memory |
        | samples/s ↑                                                      |                                                 600,000 |                                           240,000 (×0.400) | failed: it ended by itself: out of memory |
        | acknowledgement, p50 ↓                                           |                                                 5.09 ms |                                            12.7 ms (×2.50) | failed: it ended by itself: out of memory |
        | acknowledgement, p99 ↓                                           |                                                 9.02 ms |                                            22.5 ms (×2.50) | failed: it ended by itself: out of memory |
        | acknowledgement, p99.9 ↓                                         |                                                 9.33 ms |                                            23.3 ms (×2.50) | failed: it ended by itself: out of memory |
        | requests refused, failed or missed ↓                             |                                                       0 |                                                          3 | failed: it ended by itself: out of memory |
        | bytes sent/sample                                                |                                                    9.00 |                                               9.00 (×1.00) | failed: it ended by itself: out of memory |
        | resident bytes/series, settled ↓                                 |                                                     950 |                                              2,375 (×2.50) | failed: it ended by itself: out of memory |
        | resident bytes/series, peak ↓                                    |                                                   1,150 |                                              2,875 (×2.50) | failed: it ended by itself: out of memory |
        | disk bytes/sample, after compaction ↓                            |                                                    1.00 |                         failed: the compaction did not end | failed: it ended by itself: out of memory |
        | restart, to the first full answer ↓                              |                                                  2.50 s |                                              not supported | failed: it ended by itself: out of memory |
        | queries: CPU/query ↓                                             |                                                  500 µs |                                            1.25 ms (×2.50) | failed: it ended by itself: out of memory |
        | query CPU busy, p50 ↓                                            |                                                 2.70 ms |                                            6.75 ms (×2.50) | failed: it ended by itself: out of memory |
        | query a name so long that it has no place beside the plot, p50 ↓ |                                                  180 ms |                               450 ms (×2.50); other answer | failed: it ended by itself: out of memory |
        | query CPU busy, p99 ↓                                            |                                                 4.99 ms |                                            12.5 ms (×2.50) | failed: it ended by itself: out of memory |
        | query a name so long that it has no place beside the plot, p99 ↓ |                                                  333 ms |                               831 ms (×2.50); other answer | failed: it ended by itself: out of memory |
        | query answers                                                    |                     1 of 1 queries equal, 1 not checked |                        0 of 1 queries equal, 1 not checked |                               not checked |
        | read back                                                        | all 24,000,000 samples, exactly once, 1,000 only as NaN | FAULTY: 840,000 with a wrong value (of 24,000,000 samples) |                             not read back |
        | load tester's CPU µs/sample                                      |                                                   0.167 |                                              0.167 (×1.00) | failed: it ended by itself: out of memory |
        | load tester's CPU, share of the system's                         |                                                   0.190 |                                            0.0762 (×0.400) | failed: it ended by itself: out of memory |

        ↓ lower is better, ↑ higher; × ratio to the first column; medians over rounds, with lowest and highest.

        ## Over time

        | | | lowest | highest | over time |
        |---|---|---:|---:|---|
        | Acknowledged samples | Vigie | 0/s | 228 k/s | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█▁▁██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | Acknowledged samples | Victoria\|Metrics | 0/s | 144 k/s | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█▁▁██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | Acknowledgement latency, p50 | Vigie | 1.50 ms | 1.71 ms | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█  ██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | Acknowledgement latency, p50 | Victoria\|Metrics | 3.75 ms | 4.28 ms | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█  ██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | Acknowledgement latency, p99 | Vigie | 9.00 ms | 10.3 ms | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█  ██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | Acknowledgement latency, p99 | Victoria\|Metrics | 22.5 ms | 25.7 ms | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█  ██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | Acknowledgement latency, p99.9 | Vigie | 30.0 ms | 34.2 ms | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█  ██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | Acknowledgement latency, p99.9 | Victoria\|Metrics | 75.0 ms | 85.6 ms | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█  ██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | Query latency, p99 | Vigie | 40.0 ms | 45.6 ms | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█  ██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | Query latency, p99 | Victoria\|Metrics | 100 ms | 114 ms | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█  ██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | CPU of the system, cores | Vigie | 0.200 | 0.228 | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█  ██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | CPU of the system, cores | Victoria\|Metrics | 0.500 | 0.571 | `▇▇▇██████▇▇▇█████▇▇▇██████▇▇▇█  ██▇▇▇██████▇▇▇█████▇▇▇██████` |
        | Resident memory | Vigie | 95.4 MiB | 221 MiB | `▄▄▄▄▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▆  ▆▆▆▆▆▆▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇█████` |
        | Resident memory | Victoria\|Metrics | 238 MiB | 385 MiB | `▅▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▇▆▆▆▆▆▇▇▇▇▆▆▇▇  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇██▇▇▇▇█████` |
        | Disk | Vigie | 195 KiB | 22.9 MiB | `▁▁▁▁▂▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▄▅▅▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇▇█████` |
        | Disk | Victoria\|Metrics | 488 KiB | 57.2 MiB | `▁▁▁▁▂▂▂▂▂▂▂▂▃▃▃▃▃▃▃▃▃▄▄▄▄▄▄▄▄▅▅▅▅▅▅▅▅▅▆▆▆▆▆▆▆▆▆▇▇▇▇▇▇▇▇█████` |
        | Errors: refused, failed and missed | Vigie | 0/s | 50.0/s | `▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁██▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁` |
        | Errors: refused, failed and missed | Victoria\|Metrics | 0/s | 50.0/s | `▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁██▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁` |
        | CPU of the load tester, cores | Vigie | 0.0400 | 0.0400 | `████████████████████████████████████████████████████████████` |
        | CPU of the load tester, cores | Victoria\|Metrics | 0.0400 | 0.0400 | `████████████████████████████████████████████████████████████` |

        ## Queries

        | query | system | count | failed | p50 | p99 | p99.9 | answers |
        |---|---|---:|---:|---:|---:|---:|---|
        | CPU busy | Vigie | 400 | 0 | 2.70 ms | 4.99 ms | 5.12 ms | not checked |
        | a name so long that it has no place beside the plot | Vigie | 400 | 0 | 180 ms | 333 ms | 341 ms | 40 equal Prometheus |
        | CPU busy | Victoria\|Metrics | 400 | 0 | 6.75 ms | 12.5 ms | 12.8 ms | not checked |
        | a name so long that it has no place beside the plot | Victoria\|Metrics | 400 | 0 | 450 ms | 831 ms | 854 ms | 40 of 40 differ from Prometheus: {job="a"} at 10: 1.5 and 1.25 &lt; |

        ```
        CPU busy: sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[5m])) < 1
        a name so long that it has no place beside the plot: sum by (mode) (rate(node_cpu_seconds_total{mode!="idle"}[5m])) < 1
        ```

        ## Read back

        - Vigie: all 24,000,000 samples, exactly once, 1,000 only as NaN
        - Victoria|Metrics: FAULTY: 840,000 with a wrong value (of 24,000,000 samples)
        - Mimir: not read back

        Vigie:

        ```
        requests: 12000 acknowledged, 0 refused, 0 unknown, 0 not sent
        expected: 0 series, 24000000 samples; read: 0 series, 24000000 samples, of them 23999000 exact and 1000 only NaN
        optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
        no fault found
        ```

        Victoria|Metrics:

        ```
        requests: 12000 acknowledged, 0 refused, 0 unknown, 0 not sent
        expected: 0 series, 24000000 samples; read: 0 series, 24000000 samples, of them 23999000 exact and 1000 only NaN
        optional: 0 found, 0 absent; hidden staleness markers: 0; HA pairs: 0 proven, 0 unproven
        840000 with a wrong value
        ```

        ## Systems

        **Vigie** 3.14.0; acknowledged means: fsynced.

        | setting | value | reason |
        |---|---|---|
        | --storage.tsdb.retention.time | 30d | so that nothing is deleted while it is measured |

        **Victoria|Metrics** 3.14.0; acknowledged means: in the page cache.

        | setting | value | reason |
        |---|---|---|
        | --storage.tsdb.retention.time | 30d | so that nothing is deleted while it is measured |

        **Mimir** 3.0; acknowledged means: in the page cache.


        ## Machine

        Example CPU 9000, 2 cores, 24.0 GiB memory, kernel 6.12.0, disk: ext4 on a virtual disk; load before: 0.250, 0.500, 1.00.

        ## Scenario

        ```
        series: 200000
        interval: 15s # "</pre><script>alert(1)</script>"
        ```
    "##]].assert_eq(&render_markdown(&result));
}

#[test]
fn json_reads_back() {
    let result = support::comparison();
    let json = result.to_json().expect("write");
    let read = RunResult::from_json(&json).expect("read");
    assert_eq!(read.systems[0].ack_latency.count(), 12_000);
    assert_eq!(
        read.systems[0].ack_latency.quantile_us(0.999),
        result.systems[0].ack_latency.quantile_us(0.999)
    );
    // Not the JSON: a float may come back with another last bit.
    assert!(render_html(&read) == render_html(&result), "the page differs");
}

#[test]
fn other_schemas_are_refused() {
    let json = support::single().to_json().expect("write");
    let newer = json.replacen("\"schema\": 1", "\"schema\": 2", 1);
    assert!(matches!(
        RunResult::from_json(&newer),
        Err(ReportError::Schema {
            found: 2,
            expected: 1
        })
    ));
    let unknown = json.replacen("\"title\"", "\"titel\"", 1);
    assert!(matches!(
        RunResult::from_json(&unknown),
        Err(ReportError::Json(_))
    ));
}

#[test]
fn histograms_merge_and_refuse_garbage() {
    let mut histogram = LatencyHistogram::default();
    assert_eq!(histogram.quantile_us(0.5), None);
    histogram.record_us(0);
    histogram.record_us(u64::MAX);
    let mut merged = LatencyHistogram::default();
    merged.merge(&histogram);
    merged.merge(&histogram);
    assert_eq!(merged.count(), 4);
    assert_eq!(merged.quantile_us(0.25), Some(1));
    for garbage in ["", "AAAA", "!"] {
        let json = format!("{{\"hdr_v2_base64\": {garbage:?}}}");
        let read: Result<LatencyHistogram, _> = serde_json::from_str(&json);
        assert!(read.is_err(), "{garbage}");
    }
}

#[test]
fn pages_are_well_formed_and_load_nothing() {
    let mut empty = support::single();
    empty.systems.clear();
    empty.remarks.clear();
    for result in [support::comparison(), support::single(), empty] {
        let html = render_html(&result);
        check_well_formed(&html);
        let lower = html.to_lowercase();
        for forbidden in [
            "<script", "<link", "<img", "<iframe", "src=", "href=", "url(", "@import", "http:", "https:",
            " on",
        ] {
            let is_attribute = forbidden == " on";
            let found = if is_attribute {
                lower.contains(" onload") || lower.contains(" onclick") || lower.contains(" onerror")
            } else {
                lower.contains(forbidden)
            };
            assert!(!found, "{forbidden}");
        }
        assert!(
            !html.contains("NaN\"") && !html.contains("inf\""),
            "a place that is no number"
        );
    }
}

/// Every tag is closed in order, attributes are quoted, and no text has a bare `<` or `&`.
fn check_well_formed(html: &str) {
    const VOID: [&str; 3] = ["meta", "br", "!DOCTYPE"];
    let mut open: Vec<&str> = Vec::new();
    let mut ids: Vec<&str> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        check_text(&rest[..start], open.last() == Some(&"style"));
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "before {rest:.80}");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert_eq!(attributes.matches('"').count() % 2, 0, "{tag}");
        if let Some((_, id)) = attributes.split_once("id=\"") {
            let id = id.split('"').next().unwrap_or("");
            assert!(!ids.contains(&id), "the id {id} comes twice");
            ids.push(id);
        }
        if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name.trim_end_matches('/'));
        }
    }
    check_text(rest, false);
    assert!(open.is_empty(), "{open:?}");
}

fn check_text(text: &str, is_style: bool) {
    if is_style {
        return;
    }
    for (at, _) in text.match_indices('&') {
        let entity = text[at..].split_inclusive(';').next().unwrap_or("");
        assert!(
            ["&lt;", "&gt;", "&amp;", "&quot;", "&#39;"].contains(&entity),
            "{entity}"
        );
    }
}
