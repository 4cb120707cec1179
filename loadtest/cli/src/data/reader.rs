use vigie_ledger::{
    BoxError, Exactness, Matcher, Reader, SampleValue, SeriesLabels, SeriesVisitor, selector,
};
use vigie_systems::Api;

/// A server as a ledger reads it back: through its query API, by range selectors, so exactly as users see it.
#[derive(Debug)]
pub struct ApiReader {
    api: Api,
}

impl ApiReader {
    pub fn new(api: Api) -> Self {
        Self { api }
    }
}

impl Reader for ApiReader {
    fn exactness(&self) -> Exactness {
        // JSON shows any NaN as `NaN`, and PromQL's selectors leave stale markers out.
        Exactness {
            nan_bits: false,
            stale_markers: false,
        }
    }

    fn label_values(
        &mut self,
        label: &str,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<String>, BoxError> {
        Ok(self
            .api
            .label_values(label, &selector(matchers), from_ms, to_ms)?)
    }

    fn read(
        &mut self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        visit: &mut SeriesVisitor<'_>,
    ) -> Result<(), BoxError> {
        let mut samples = Vec::new();
        for series in self.api.samples(&selector(matchers), from_ms, to_ms)? {
            let labels = SeriesLabels::new(series.labels);
            samples.clear();
            samples.extend(
                series
                    .samples
                    .iter()
                    .map(|(time_ms, value)| (*time_ms, SampleValue::float(*value))),
            );
            for (time_ms, json) in &series.histograms {
                samples.push((*time_ms, super::native::histogram_value(json)?));
            }
            visit(labels, &samples);
        }
        Ok(())
    }
}
