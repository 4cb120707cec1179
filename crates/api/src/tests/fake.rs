use std::collections::BTreeMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, channel};
use vigie_model::{Exemplar, FloatHistogram, Labels, Matcher, MetricKind, MetricMetadata, Span, TenantId};
use vigie_promql::{
    Annotations, Explained, MatrixSeries, QueryValue, ReadCost, Remark, Series, Vector, VectorSample,
};

use crate::*;

/// Answers by the text of the query.
#[derive(Default)]
pub(super) struct FakeQuery {
    /// Told when a `hang` query has begun.
    pub(super) begun: Arc<Notify>,
    /// Told when a `hang` query was dropped.
    pub(super) dropped: Arc<Notify>,
    /// A `wait` query goes on when told.
    pub(super) go_on: Arc<Notify>,
}

struct TellsDrop(Arc<Notify>);

impl Drop for TellsDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

pub(super) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

pub(super) fn histogram() -> FloatHistogram {
    let span = |offset, length| Span { offset, length };
    FloatHistogram {
        schema: 0,
        zero_threshold: 0.001,
        zero_count: 2.0,
        count: 10.0,
        sum: 18.5,
        positive_spans: vec![span(0, 2), span(1, 1)],
        positive_buckets: vec![1.0, 0.0, 3.5],
        negative_spans: vec![span(1, 1)],
        negative_buckets: vec![2.0],
        ..FloatHistogram::default()
    }
}

fn sample(pairs: &[(&str, &str)], timestamp_ms: i64, value: f64) -> VectorSample {
    VectorSample {
        labels: labels(pairs),
        timestamp_ms,
        value,
        histogram: None,
    }
}

fn fail(kind: QueryErrorKind, message: &str) -> QueryError {
    QueryError {
        kind,
        message: message.to_owned(),
    }
}

impl FakeQuery {
    async fn answer(&self, query: &str, echo: String, time_ms: i64) -> Result<QueryAnswer, QueryError> {
        use QueryErrorKind::{BadData, Canceled, Execution, Internal, Timeout, Unavailable};
        let mut annotations = Annotations::default();
        let value = match query {
            "echo" => QueryValue::String {
                timestamp_ms: 0,
                value: echo,
            },
            "scalar" => QueryValue::Scalar {
                timestamp_ms: time_ms,
                value: 0.1,
            },
            "vector" => QueryValue::Vector(vec![
                sample(&[("__name__", "up"), ("job", "a\"b")], time_ms, 1.0),
                sample(&[], time_ms, f64::NAN),
                VectorSample {
                    histogram: Some(Box::new(histogram())),
                    ..sample(&[("le", "x")], time_ms, 0.0)
                },
            ]),
            "matrix" => QueryValue::Matrix(vec![
                MatrixSeries {
                    labels: labels(&[("a", "1")]),
                    timestamps_ms: vec![1000, 2500],
                    values: vec![1e-7, f64::INFINITY],
                    histograms: Vec::new(),
                },
                MatrixSeries {
                    labels: labels(&[("a", "2")]),
                    timestamps_ms: Vec::new(),
                    values: Vec::new(),
                    histograms: vec![(3000, FloatHistogram::default())],
                },
            ]),
            "remarks" => {
                annotations
                    .warnings
                    .extend((0..12).map(|number| Remark::from(format!("warning {number:02}").as_str())));
                annotations.infos.insert(Remark::from("info"));
                QueryValue::Vector(Vec::new())
            }
            "hang" => {
                let _tells = TellsDrop(self.dropped.clone());
                self.begun.notify_one();
                pending().await
            }
            "wait" => {
                self.begun.notify_one();
                self.go_on.notified().await;
                QueryValue::Vector(Vec::new())
            }
            "execution" => return Err(fail(Execution, "many-to-many")),
            "timeout" => return Err(fail(Timeout, "query timed out in expression evaluation")),
            "canceled" => return Err(fail(Canceled, "query was canceled")),
            "internal" => return Err(fail(Internal, "disk on fire")),
            "unavailable" => return Err(fail(Unavailable, "no leader")),
            _ => return Err(fail(BadData, "1:1: parse error: unexpected <\"x\">")),
        };
        Ok(QueryAnswer {
            value,
            annotations,
            stats: None,
            explained: None,
        })
    }
}

#[async_trait]
impl QueryBackend for FakeQuery {
    async fn instant(
        &self,
        tenant: &TenantId,
        query: &str,
        time_ms: i64,
        options: &QueryOptions,
    ) -> Result<QueryAnswer, QueryError> {
        let echo = format!(
            "{tenant} {time_ms} {:?} {:?}",
            options.timeout_ms, options.lookback_ms
        );
        let mut answer = self.answer(query, echo, time_ms).await?;
        answer.stats = options.wants_stats.then(|| QueryStats {
            eval_total_seconds: 0.5,
            samples_read: 3,
            ..QueryStats::default()
        });
        answer.explained = options.wants_explain.then(|| Explained {
            operation: "sum".to_owned(),
            took_ns: 2_500_000,
            parts: vec![Explained {
                read: Some(ReadCost {
                    series: 1,
                    samples: 2,
                    bytes: 3,
                }),
                ..Explained::default()
            }],
            ..Explained::default()
        });
        Ok(answer)
    }

    async fn range(
        &self,
        tenant: &TenantId,
        query: &str,
        range: QueryRange,
        options: &QueryOptions,
    ) -> Result<QueryAnswer, QueryError> {
        let QueryRange {
            start_ms,
            end_ms,
            step_ms,
        } = range;
        let echo = format!("{tenant} {start_ms}..{end_ms} {step_ms} {:?}", options.timeout_ms);
        self.answer(query, echo, start_ms).await
    }

    async fn series(&self, tenant: &TenantId, request: &LabelsRequest) -> Result<Found<Labels>, QueryError> {
        let text = format!("{tenant} {:?}", request.matcher_sets.len());
        Ok(Found {
            items: vec![labels(&[("request", &text)]), labels(&[("__name__", "b")])],
            warnings: vec!["odd".to_owned()],
        })
    }

    async fn label_names(&self, _: &TenantId, request: &LabelsRequest) -> Result<Found<Bytes>, QueryError> {
        let items = [
            format!("{}", request.matcher_sets.len()),
            format!("{}", request.start_ms),
            format!("{}", request.end_ms),
            format!("{:?}", request.limit),
        ];
        Ok(Found {
            items: items.map(Bytes::from).to_vec(),
            warnings: Vec::new(),
        })
    }

    async fn label_values(
        &self,
        _: &TenantId,
        name: &str,
        _: &LabelsRequest,
    ) -> Result<Found<Bytes>, QueryError> {
        match name {
            "fails" => Err(fail(QueryErrorKind::Execution, "no")),
            _ => Ok(Found {
                items: vec![Bytes::from(name.to_owned())],
                warnings: Vec::new(),
            }),
        }
    }

    async fn metadata(
        &self,
        _: &TenantId,
        _: &MetadataRequest,
    ) -> Result<BTreeMap<String, Vec<MetricMetadata>>, QueryError> {
        let entry = |help: &str| MetricMetadata {
            kind: MetricKind::Gauge,
            help: help.to_owned(),
            unit: String::new(),
        };
        Ok(BTreeMap::from([
            ("a".to_owned(), vec![entry("one"), entry("two")]),
            ("b".to_owned(), vec![entry("three")]),
        ]))
    }

    /// One for each matcher set, which it names, and one without labels.
    async fn exemplars(
        &self,
        tenant: &TenantId,
        sets: &[Vec<Matcher>],
        start_ms: i64,
        end_ms: i64,
    ) -> Result<Vec<(Labels, Vec<Exemplar>)>, QueryError> {
        let exemplar = |pairs: &[(&str, &str)], value, timestamp_ms| Exemplar {
            labels: labels(pairs),
            value,
            timestamp_ms,
            has_own_time: true,
        };
        let of_set = |set: &Vec<Matcher>| {
            let text: Vec<String> = set
                .iter()
                .map(|matcher| format!("{}={}", matcher.name, matcher.value))
                .collect();
            let series = labels(&[
                ("__name__", "x"),
                ("set", &text.join(" ")),
                ("tenant", tenant.as_str()),
            ]);
            let exemplars = vec![
                exemplar(&[("trace_id", "\"1\"")], 0.25, start_ms),
                exemplar(&[], f64::INFINITY, end_ms),
            ];
            (series, exemplars)
        };
        Ok(sets.iter().map(of_set).collect())
    }

    async fn federate(
        &self,
        _: &TenantId,
        sets: &[Vec<Matcher>],
        time_ms: i64,
    ) -> Result<Vector, QueryError> {
        if sets.len() > 1 {
            return Err(fail(QueryErrorKind::Internal, "too much"));
        }
        Ok(vec![
            sample(&[("__name__", "up"), ("job", "b")], time_ms - 5, 1.0),
            sample(
                &[("__name__", "go.info"), ("instance", "x"), ("job", "a")],
                time_ms,
                0.5,
            ),
            sample(&[("__name__", "up"), ("instance", "y")], time_ms, f64::NAN),
            VectorSample {
                histogram: Some(Box::new(histogram())),
                ..sample(&[("__name__", "h")], time_ms, 0.0)
            },
        ])
    }

    async fn select(&self, _: &TenantId, request: SelectRequest) -> Result<Vec<Series>, QueryError> {
        if request.max_samples.is_some_and(|limit| limit < 2) {
            return Err(fail(QueryErrorKind::BadData, "exceeded sample limit (1)"));
        }
        let text = request
            .matchers
            .iter()
            .map(|matcher| matcher.to_string())
            .collect::<String>();
        Ok(vec![Series {
            labels: labels(&[("__name__", "up"), ("job", "real"), ("request", &text)]),
            timestamps_ms: vec![request.start_ms, request.end_ms],
            values: vec![1.0, 2.0],
            ..Series::default()
        }])
    }

    async fn tsdb_stats(&self, _: &TenantId, limit: usize) -> Result<TsdbStats, QueryError> {
        Ok(TsdbStats {
            head_stats: HeadStats {
                num_series: 2,
                min_time: -1,
                ..HeadStats::default()
            },
            series_count_by_metric_name: vec![NamedCount {
                name: "up".to_owned(),
                value: limit as u64,
            }],
            ..TsdbStats::default()
        })
    }
}

/// Answers by the body.
pub(super) struct FakeWrite;

#[async_trait]
impl WriteBackend for FakeWrite {
    async fn remote_write(
        &self,
        tenant: &TenantId,
        protocol: WriteProtocol,
        body: Bytes,
    ) -> Result<WriteSummary, WriteError> {
        let summary = WriteSummary {
            samples: body.len() as u64,
            ..WriteSummary::default()
        };
        let kind = match body.as_ref() {
            b"bad" => WriteErrorKind::BadRequest,
            b"large" => WriteErrorKind::TooLarge,
            b"many" => WriteErrorKind::TooManyRequests {
                retry_after: Some(Duration::from_millis(1500)),
            },
            b"down" => WriteErrorKind::Unavailable {
                retry_after: Some(Duration::ZERO),
            },
            b"internal" => WriteErrorKind::Internal,
            b"standby" => {
                return Ok(WriteSummary {
                    is_from_standby: true,
                    ..summary
                });
            }
            _ => return Ok(summary),
        };
        Err(WriteError {
            kind,
            message: format!("{tenant} {protocol:?} failed"),
            summary,
        })
    }
}

pub(super) struct FakeTargets;

#[async_trait]
impl TargetsBackend for FakeTargets {
    async fn scrape_pools(&self) -> Vec<String> {
        vec!["node".to_owned()]
    }

    async fn active(&self, pool: Option<&str>) -> Vec<ActiveTarget> {
        if pool.is_some_and(|pool| pool != "node") {
            return Vec::new();
        }
        vec![ActiveTarget {
            discovered_labels: labels(&[("__address__", "h:1")]),
            labels: labels(&[("job", "<node>")]),
            scrape_pool: "node".to_owned(),
            scrape_url: "http://h:1/metrics".to_owned(),
            global_url: "http://g:1/metrics".to_owned(),
            last_error: String::new(),
            last_scrape_ms: None,
            last_scrape_duration_seconds: 0.25,
            health: TargetHealth::Up,
            scrape_interval_ms: 60_000,
            scrape_timeout_ms: 10_000,
        }]
    }

    async fn dropped(&self, _: Option<&str>) -> Vec<DroppedTarget> {
        vec![DroppedTarget {
            discovered_labels: labels(&[("a", "b")]),
            scrape_pool: "node".to_owned(),
        }]
    }

    async fn dropped_counts(&self) -> BTreeMap<String, u64> {
        BTreeMap::from([("node".to_owned(), 1)])
    }

    async fn relabel_steps(&self, pool: &str, labels: &Labels) -> Result<Vec<RelabelStep>, String> {
        if pool != "node" {
            return Err(format!("scrape pool {pool:?} not found"));
        }
        let rule = RelabelRule {
            regex: "(.*)".to_owned(),
            action: "keep".to_owned(),
            ..RelabelRule::default()
        };
        Ok(vec![RelabelStep {
            rule,
            output: Some(labels.clone()),
        }])
    }

    async fn metadata(&self, _: Option<&str>) -> Vec<TargetMetadata> {
        let entry = |job: &str| TargetMetadata {
            target: labels(&[("job", job)]),
            metric: "up".to_owned(),
            metadata: MetricMetadata {
                kind: MetricKind::Unknown,
                help: "h".to_owned(),
                unit: "u".to_owned(),
            },
        };
        vec![entry("a"), entry("b")]
    }
}

pub(super) struct FakeLifecycle {
    pub(super) readiness: Readiness,
    pub(super) stopped: Option<String>,
    pub(super) reload: Result<(), String>,
    pub(super) quit: Arc<Notify>,
}

impl Default for FakeLifecycle {
    fn default() -> FakeLifecycle {
        FakeLifecycle {
            readiness: Readiness::Ready,
            stopped: None,
            reload: Ok(()),
            quit: Arc::default(),
        }
    }
}

#[async_trait]
impl Lifecycle for FakeLifecycle {
    fn readiness(&self) -> Readiness {
        self.readiness
    }

    fn waiting_for(&self) -> Option<String> {
        (self.readiness == Readiness::Starting).then(|| "reading".to_owned())
    }

    fn stopped(&self) -> Option<String> {
        self.stopped.clone()
    }

    async fn reload(&self) -> Result<(), String> {
        self.reload.clone()
    }

    fn quit(&self) {
        self.quit.notify_one();
    }

    fn config_yaml(&self) -> String {
        "global: {}\n".to_owned()
    }

    fn flags(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("web.listen-address".to_owned(), ":9090".to_owned())])
    }

    fn build_info(&self) -> BuildInfo {
        BuildInfo {
            version: "3.14.0".to_owned(),
            revision: "abc".to_owned(),
            ..BuildInfo::default()
        }
    }

    fn runtime_info(&self) -> RuntimeInfo {
        RuntimeInfo {
            start_time_ms: 1500,
            threads: 2,
            storage_retention: "15d".to_owned(),
            ..RuntimeInfo::default()
        }
    }

    fn replay_status(&self) -> ReplayStatus {
        ReplayStatus {
            min: 1,
            max: 9,
            current: 4,
        }
    }

    fn features(&self) -> BTreeMap<String, BTreeMap<String, bool>> {
        BTreeMap::from([("api".to_owned(), BTreeMap::from([("query".to_owned(), true)]))])
    }

    fn notifications(&self) -> Vec<Notification> {
        vec![Notification {
            text: "Something is wrong.".to_owned(),
            date_ms: 1500,
            active: true,
        }]
    }

    fn subscribe(&self) -> Option<Receiver<Notification>> {
        let (sender, receiver) = channel(1);
        // The channel is empty.
        let _ = sender.try_send(self.notifications().remove(0));
        Some(receiver)
    }

    fn metrics_text(&self) -> String {
        "# TYPE own counter\nown_total{a=\"b\"} 2\n# EOF\n".to_owned()
    }
}
