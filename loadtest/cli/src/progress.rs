//! What the person in front of the screen sees: bars on a terminal, a line now and then elsewhere. All on stderr, so
//! that stdout carries nothing but results.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use parking_lot::Mutex;

/// Pause between two lines of one stage where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(15);

/// The screen.
#[derive(Debug, Clone)]
pub struct Progress {
    bars: Option<MultiProgress>,
    started: Instant,
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    pub fn new() -> Self {
        Self {
            bars: std::io::stderr().is_terminal().then(MultiProgress::new),
            started: Instant::now(),
        }
    }

    /// A line that stays.
    #[expect(clippy::print_stderr, reason = "the screen is what this type is for")]
    pub fn say(&self, text: impl AsRef<str>) {
        let seconds = self.started.elapsed().as_secs();
        let line = format!("[{:>3}:{:02}] {}", seconds / 60, seconds % 60, text.as_ref());
        match &self.bars {
            // A broken terminal is no reason to end a run.
            Some(bars) => drop(bars.println(line)),
            None => eprintln!("{line}"),
        }
    }

    /// Begins a stretch of work of `total` steps; it ends when the stage is dropped.
    pub fn stage(&self, title: impl Into<String>, total: u64) -> Stage {
        let title = title.into();
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new(total));
            // The template is constant and valid.
            if let Ok(style) =
                ProgressStyle::with_template("{prefix} {wide_bar} {percent:>3}% {elapsed} (eta {eta}) {msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(title.clone());
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        if bar.is_none() {
            self.say(&title);
        }
        Stage {
            screen: self.clone(),
            title,
            total,
            bar,
            last_line: Mutex::new(Instant::now()),
        }
    }
}

/// A stretch of work on the screen.
#[derive(Debug)]
pub struct Stage {
    screen: Progress,
    title: String,
    total: u64,
    bar: Option<ProgressBar>,
    last_line: Mutex<Instant>,
}

impl Stage {
    /// `done` of the total, with a note of what is going on.
    pub fn set(&self, done: u64, note: impl Into<String>) {
        let note = note.into();
        match &self.bar {
            Some(bar) => {
                bar.set_position(done.min(self.total));
                bar.set_message(note);
            }
            None => {
                let mut last_line = self.last_line.lock();
                if last_line.elapsed() < LINE_EVERY {
                    return;
                }
                *last_line = Instant::now();
                let percent = 100.0 * done as f64 / self.total.max(1) as f64;
                self.screen.say(format!("{}: {percent:.0}% {note}", self.title));
            }
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// `1234567` as `1.23 M`, for notes.
pub fn short_count(count: f64) -> String {
    for (unit, size) in [("G", 1e9), ("M", 1e6), ("k", 1e3)] {
        if count >= size {
            return format!("{:.2} {unit}", count / size);
        }
    }
    format!("{count:.0}")
}
