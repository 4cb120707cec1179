use anyhow::{Context, Result, bail};
use vigie_ledger::{BoxError, Regenerate, RowVisitor, SampleValue, SeriesLabels, body_digest};
use vigie_workload::{Request, Stream, Workload};

/// Makes the requests of a workload again for its ledger, body included, so that the ledger's digest proves them equal
/// to what was sent.
#[derive(Debug)]
pub struct Regenerator {
    workload: Workload,
    current: Option<Current>,
    request: Request,
}

#[derive(Debug)]
struct Current {
    source: u32,
    stream: Stream,
    next_number: u64,
}

impl Regenerator {
    pub fn new(workload: Workload) -> Self {
        Self {
            workload,
            current: None,
            request: Request::default(),
        }
    }

    fn seek(&mut self, source: u32, number: u64) -> Result<()> {
        let is_ahead = |current: &Current| current.source == source && current.next_number <= number;
        if !self.current.as_ref().is_some_and(is_ahead) {
            self.current = Some(Current {
                source,
                stream: self.workload.stream(source),
                next_number: 0,
            });
        }
        let current = self.current.as_mut().context("a stream")?;
        while current.next_number <= number {
            if !current.stream.next_request(&mut self.request) {
                bail!("sender {source} has no request {number}: this is the ledger of another workload");
            }
            current.next_number += 1;
        }
        Ok(())
    }
}

impl Regenerate for Regenerator {
    fn request(&mut self, source: u32, number: u64, row: &mut RowVisitor<'_>) -> Result<u128, BoxError> {
        self.seek(source, number)?;
        for sample in self.request.visit() {
            let value = if sample.is_native {
                SampleValue::Histogram(sample.bits)
            } else {
                SampleValue::Float(sample.bits)
            };
            row(sample.key.0, sample.time_ms, value, &|| {
                labels_of(&sample.series_text())
            });
        }
        Ok(body_digest(&self.request.body))
    }
}

/// The labels of a canonical text, `{a="b",c="d"}` with `\\`, `\"` and `\n` in values. The text comes from the
/// workload, which wrote it, so what does not fit ends the list.
pub fn labels_of(text: &str) -> SeriesLabels {
    let mut pairs = Vec::new();
    let mut rest = text.strip_prefix('{').unwrap_or(text);
    while let Some((name, tail)) = rest.split_once("=\"") {
        let mut value = String::new();
        let mut letters = tail.char_indices();
        let mut end = tail.len();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    end = at + 1;
                    break;
                }
                '\\' => match letters.next() {
                    Some((_, 'n')) => value.push('\n'),
                    Some((_, other)) => value.push(other),
                    None => {}
                },
                other => value.push(other),
            }
        }
        pairs.push((name.trim_start_matches(',').to_owned(), value));
        rest = &tail[end..];
    }
    SeriesLabels::new(pairs)
}

#[cfg(test)]
mod tests {
    use vigie_workload::canonical_text;

    use super::*;

    #[track_caller]
    fn check(pairs: &[(&str, &str)]) {
        let text = canonical_text(pairs.iter().copied());
        assert_eq!(
            labels_of(&text),
            SeriesLabels::new(pairs.iter().copied()),
            "{text}"
        );
    }

    #[test]
    fn canonical_texts_are_read_back() {
        check(&[]);
        check(&[("__name__", "up")]);
        check(&[
            ("__name__", "up"),
            ("a", "x,y=\"z\"}"),
            ("b", "\\n\n\\\""),
            ("ü", "é=\""),
        ]);
    }
}
