use crate::{BoxError, SampleValue, SeriesLabels};

/// How a matcher compares a label's value; absent labels have the empty value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchKind {
    Equal,
    NotEqual,
    /// Anchored at both ends, as in PromQL.
    Regex,
    NotRegex,
}

/// One condition on a label, as in PromQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matcher {
    pub label: String,
    pub kind: MatchKind,
    pub value: String,
}

impl Matcher {
    pub fn new(label: impl Into<String>, kind: MatchKind, value: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            kind,
            value: value.into(),
        }
    }
}

/// The matchers as a PromQL selector.
pub fn selector(matchers: &[Matcher]) -> String {
    let texts: Vec<String> = matchers
        .iter()
        .map(|matcher| {
            let operator = match matcher.kind {
                MatchKind::Equal => "=",
                MatchKind::NotEqual => "!=",
                MatchKind::Regex => "=~",
                MatchKind::NotRegex => "!~",
            };
            format!("{}{operator}{}", matcher.label, quote(&matcher.value))
        })
        .collect();
    format!("{{{}}}", texts.join(","))
}

/// A PromQL string: what has no meaning of its own between quotes stays as it is.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// What a way of reading shows faithfully.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exactness {
    /// Whether NaNs keep their bits. They do not in JSON: there any NaN stands for any, and the verdict counts them.
    pub nan_bits: bool,
    /// Whether staleness markers show. PromQL's selectors hide them; then they can only be proven not to show as
    /// ordinary samples.
    pub stale_markers: bool,
}

/// Series and samples within a range, counted by the system itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadTotals {
    pub series: u64,
    pub samples: u64,
}

/// Receives one series with all its samples of the range asked for, in the order the system gave them.
pub type SeriesVisitor<'a> = dyn FnMut(SeriesLabels, &[(i64, SampleValue)]) + 'a;

/// The system under test, as seen by whoever reads from it. Times are Unix milliseconds, ranges include both ends.
///
/// A reader must give what the system answers, unsorted and with repetitions, and fail if an answer is partial: what
/// it smooths over, the ledger cannot see.
pub trait Reader {
    fn exactness(&self) -> Exactness;

    /// All values of `label` among the series that match and have samples in the range. More values than that do no
    /// harm; a value left out hides its series.
    fn label_values(
        &mut self,
        label: &str,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<String>, BoxError>;

    /// All raw samples of all series that match. In PromQL: [`selector`] with the range `[(to_ms - from_ms + 1)ms]`
    /// at `to_ms`, since a range selector leaves its left end out.
    fn read(
        &mut self,
        matchers: &[Matcher],
        from_ms: i64,
        to_ms: i64,
        visit: &mut SeriesVisitor<'_>,
    ) -> Result<(), BoxError>;

    /// The system's own count, by another path than [`Self::read`] if there is one; it is compared with what was read.
    fn totals(
        &mut self,
        _matchers: &[Matcher],
        _from_ms: i64,
        _to_ms: i64,
    ) -> Result<Option<ReadTotals>, BoxError> {
        Ok(None)
    }
}

/// Receives one row of a request made again: a key that is equal exactly for equal series of the same source, the
/// time, the value, and the series' labels, which are only asked for when the key is new.
pub type RowVisitor<'a> = dyn FnMut(u128, i64, SampleValue, &dyn Fn() -> SeriesLabels) + 'a;

/// Makes requests again that the journal keeps by reference only.
pub trait Regenerate {
    /// Visits all rows of request `number` of `source` in their order, and returns the digest
    /// ([`body_digest`](crate::body_digest)) of its body. Called with ascending numbers within ascending sources.
    fn request(&mut self, source: u32, number: u64, row: &mut RowVisitor<'_>) -> Result<u128, BoxError>;
}
