use serde::{Deserialize, Serialize};

/// What must be true of a sample when it is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Presence {
    MustNot,
    May,
    Must,
}

/// What is known of a request in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It never left: none of it may be there.
    NotSent,
    /// The system said no.
    Refused(Refusal),
    /// Timeout, 5xx, connection lost, or the load tester itself ended: any part of it may be there.
    Unknown,
    /// The system said yes: all of it must be there.
    Acked,
}

/// What a refused request leaves behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Rows that the answer names, as positions in the request, ascending. Empty if it names none.
    pub rows: Vec<u32>,
    /// Whether the named rows may be there.
    pub named: Presence,
    /// The same for all others.
    pub rest: Presence,
}

impl Fate {
    /// The fate that an HTTP status, or its absence, stands for.
    ///
    /// - 2xx: acknowledged.
    /// - 400, 422 and 429: refused, but good rows beside the bad ones may be stored, as Prometheus and Mimir do it.
    /// - Other 4xx but 408 say that the request was not looked into: none of it may be there.
    /// - Anything else, and no status at all: unknown.
    pub fn from_status(status: Option<u16>) -> Self {
        let refused = |presence| {
            Self::Refused(Refusal {
                rows: Vec::new(),
                named: presence,
                rest: presence,
            })
        };
        match status {
            Some(200..=299) => Self::Acked,
            Some(400 | 422 | 429) => refused(Presence::May),
            Some(401..=407 | 409..=499) => refused(Presence::MustNot),
            _ => Self::Unknown,
        }
    }

    /// What holds for the row at `position`.
    pub fn presence(&self, position: u32) -> Presence {
        match self {
            Self::NotSent => Presence::MustNot,
            Self::Unknown => Presence::May,
            Self::Acked => Presence::Must,
            Self::Refused(refusal) if refusal.rows.binary_search(&position).is_ok() => refusal.named,
            Self::Refused(refusal) => refusal.rest,
        }
    }

    /// Of several attempts to send the same request, the fate that counts: once acknowledged it must be there,
    /// and a refusal does not take back what an unanswered attempt may have stored.
    pub(crate) fn strength(&self) -> u8 {
        match self {
            Self::NotSent => 0,
            Self::Refused(_) => 1,
            Self::Unknown => 2,
            Self::Acked => 3,
        }
    }
}
