//! Limits on the labels of a sample.

use vigie_config::ScrapeLimits;
use vigie_model::Labels;

use crate::ScrapeError;

/// Checks stored labels, after relabelling. Any violation fails the whole scrape.
pub(crate) fn check_labels(labels: &Labels, limits: &ScrapeLimits) -> Result<(), ScrapeError> {
    if limits.labels == 0 && limits.label_name_length == 0 && limits.label_value_length == 0 {
        return Ok(());
    }
    let metric = cut(labels.metric_name());
    let count = labels.len();
    if exceeds(count, limits.labels) {
        return Err(ScrapeError::LabelLimit(format!(
            "label_limit exceeded (metric: {metric}, number of labels: {count}, limit: {})",
            limits.labels
        )));
    }
    for (name, value) in labels {
        if exceeds(name.len(), limits.label_name_length) {
            return Err(ScrapeError::LabelLimit(format!(
                "label_name_length_limit exceeded (metric: {metric}, label name: {}, length: {}, limit: {})",
                cut(name),
                name.len(),
                limits.label_name_length
            )));
        }
        if exceeds(value.len(), limits.label_value_length) {
            return Err(ScrapeError::LabelLimit(format!(
                "label_value_length_limit exceeded (metric: {metric}, label name: {}, value: {:?}, length: {}, \
                 limit: {})",
                cut(name),
                cut(value),
                value.len(),
                limits.label_value_length
            )));
        }
    }
    Ok(())
}

fn exceeds(length: usize, limit: u64) -> bool {
    limit > 0 && length as u64 > limit
}

/// At most 50 characters, as a value can be megabytes long.
fn cut(text: &str) -> &str {
    text.char_indices().nth(50).map_or(text, |(at, _)| &text[..at])
}
