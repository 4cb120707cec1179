//! Asking: queries on a timetable of their own while data come in, and on a quiet server afterwards; every answer is
//! kept and compared with that of an oracle to the same question at the same time.

mod judge;
mod live;
mod question;
mod quiet;
mod store;

pub use judge::{Oracle, judge};
pub use live::{LiveAnswers, LiveAsker, LiveClock, LiveCut};
pub use question::{Question, questions};
pub use quiet::{QuietAnswers, ask_quietly};
pub use store::{AnswerStore, Key};
