use std::fmt::Write as _;

use crate::html::escape;
use crate::units::{Unit, seconds};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 250.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 26.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 32.0;
/// More points than pixels help nobody.
const MAX_POINTS: usize = 500;

/// Lines over time, drawn as SVG in a `figure`.
#[derive(Debug)]
pub(crate) struct LinePlot<'a> {
    /// Distinguishes the plots of a page.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) unit: Unit,
    pub(crate) is_logarithmic: bool,
    pub(crate) lines: Vec<Line>,
    /// When something was done to a system, and what.
    pub(crate) events: &'a [(f64, String)],
}

#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) label: String,
    /// Lines of one style belong together, such as rounds of a system; only the first of them is in the legend.
    pub(crate) style: usize,
    pub(crate) is_first: bool,
    /// Seconds and value; an absent value is a gap.
    pub(crate) points: Vec<(f64, Option<f64>)>,
}

/// From values to places on the page.
struct Scale {
    from: f64,
    to: f64,
    is_logarithmic: bool,
    start: f64,
    end: f64,
}

impl Scale {
    fn place(&self, value: f64) -> f64 {
        let position = if self.is_logarithmic {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        self.start + position * (self.end - self.start)
    }
}

impl LinePlot<'_> {
    pub(crate) fn to_html(&self) -> String {
        let values = || {
            self.lines
                .iter()
                .flat_map(|line| &line.points)
                .filter_map(|(_, value)| *value)
        };
        let highest = values().fold(0.0, f64::max);
        let lowest = values()
            .filter(|value| *value > 0.0)
            .fold(f64::INFINITY, f64::min);
        let is_logarithmic = self.is_logarithmic && lowest.is_finite();
        let ticks = if is_logarithmic {
            logarithmic_ticks(lowest, highest)
        } else {
            linear_ticks(highest, self.unit.is_binary())
        };
        let y = Scale {
            from: ticks[0],
            to: ticks[ticks.len() - 1],
            is_logarithmic,
            start: HEIGHT - BOTTOM,
            end: TOP,
        };
        let last = self
            .lines
            .iter()
            .flat_map(|line| &line.points)
            .map(|(x, _)| *x)
            .fold(0.0, f64::max);
        let x = Scale {
            from: 0.0,
            to: if last > 0.0 { last } else { 1.0 },
            is_logarithmic: false,
            start: LEFT,
            end: WIDTH - RIGHT,
        };
        let mut html = self.head();
        // Writing to a string cannot fail, here and below.
        for tick in &ticks {
            let at = y.place(*tick);
            let _ = write!(
                html,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                WIDTH - RIGHT,
                LEFT - 8.0,
                at + 4.0,
                escape(&self.unit.format_tick(*tick))
            );
        }
        for tick in time_ticks(x.to) {
            let _ = write!(
                html,
                "<text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x.place(tick),
                HEIGHT - 10.0,
                escape(&short_time(tick))
            );
        }
        for (at, what) in self.events.iter().filter(|(at, _)| (0.0..=x.to).contains(at)) {
            let at = x.place(*at);
            let _ = write!(
                html,
                "<line class=\"event\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"><title>{}</title></line>",
                HEIGHT - BOTTOM,
                escape(what)
            );
        }
        for line in &self.lines {
            html.push_str(&draw(line, &x, &y));
        }
        html.push_str("</svg>");
        self.legend(&mut html);
        html.push_str("</figure>\n");
        html
    }

    fn head(&self) -> String {
        let (id, title) = (&self.id, escape(&self.title));
        let described: Vec<String> = self
            .lines
            .iter()
            .filter_map(|line| self.described(line))
            .collect();
        format!(
            "<figure><h3>{title}</h3>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">{title} over time</title>\
             <desc id=\"{id}-desc\">{}</desc>",
            escape(&described.join("; "))
        )
    }

    /// A line in words: what a reader who cannot see it wants to know.
    fn described(&self, line: &Line) -> Option<String> {
        let mut values: Vec<f64> = line.points.iter().filter_map(|(_, value)| *value).collect();
        values.sort_unstable_by(f64::total_cmp);
        let (lowest, highest) = values.first().copied().zip(values.last().copied())?;
        let median = values[values.len() / 2];
        Some(format!(
            "{}: {} to {}, median {}",
            line.label,
            self.unit.format(lowest),
            self.unit.format(highest),
            self.unit.format(median)
        ))
    }

    fn legend(&self, html: &mut String) {
        html.push_str("<figcaption><ul class=\"legend\">");
        for line in self.lines.iter().filter(|line| line.is_first) {
            let Some(described) = self.described(line) else {
                continue;
            };
            let style = line.style % STYLES;
            let _ = write!(
                html,
                "<li><svg class=\"key\" viewBox=\"0 0 28 10\" aria-hidden=\"true\"><line class=\"line s{style}\" x1=\"1\" \
                 x2=\"27\" y1=\"5\" y2=\"5\"/></svg>{}</li>",
                escape(&described)
            );
        }
        html.push_str("</ul>");
        if self.lines.iter().any(|line| !line.is_first) {
            html.push_str("Paler lines are the other rounds.");
        }
        html.push_str("</figcaption>");
    }
}

/// As many line styles as the style sheet has.
pub(crate) const STYLES: usize = 6;

fn draw(line: &Line, x: &Scale, y: &Scale) -> String {
    let style = line.style % STYLES;
    let class = if line.is_first { "" } else { " faint" };
    let mut path = String::new();
    let mut dots = String::new();
    let mut run: Vec<(f64, f64)> = Vec::new();
    let mut end_run = |run: &mut Vec<(f64, f64)>| {
        match run.as_slice() {
            [] => {}
            [(x, y)] => {
                let _ = write!(
                    dots,
                    "<circle class=\"dot s{style}{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\"/>"
                );
            }
            points => {
                for (index, (x, y)) in points.iter().enumerate() {
                    let command = if index == 0 { 'M' } else { 'L' };
                    let _ = write!(path, "{command}{x:.1} {y:.1}");
                }
            }
        }
        run.clear();
    };
    for (at, value) in thin(&line.points) {
        match value {
            Some(value) => run.push((x.place(at), y.place(value))),
            None => end_run(&mut run),
        }
    }
    end_run(&mut run);
    if !path.is_empty() {
        path = format!("<path class=\"line s{style}{class}\" d=\"{path}\"/>");
    }
    path + &dots
}

/// The highest point of each piece, so that peaks stay.
fn thin(points: &[(f64, Option<f64>)]) -> Vec<(f64, Option<f64>)> {
    let piece = points.len().div_ceil(MAX_POINTS).max(1);
    points
        .chunks(piece)
        .filter_map(|piece| {
            piece
                .iter()
                .copied()
                .max_by(|(_, a), (_, b)| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal))
        })
        .collect()
}

/// From zero to at least `highest`, in three to six even steps.
fn linear_ticks(highest: f64, is_binary: bool) -> Vec<f64> {
    let highest = if highest > 0.0 { highest } else { 1.0 };
    let base: f64 = if is_binary { 2.0 } else { 10.0 };
    let rough = highest / 4.0;
    let power = base.powf(rough.log(base).floor());
    let steps: &[f64] = if is_binary {
        &[1.0, 2.0]
    } else {
        &[1.0, 2.0, 2.5, 5.0, 10.0]
    };
    let step = steps
        .iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(power * base);
    let count = (highest / step - 0.001).ceil().max(1.0) as usize;
    (0..=count).map(|index| index as f64 * step).collect()
}

/// Powers of ten around the values, with 2 and 5 between if that makes few.
pub(crate) fn logarithmic_ticks(lowest: f64, highest: f64) -> Vec<f64> {
    let (first, last) = (lowest.log10().floor() as i32, highest.log10().ceil() as i32);
    let factors: &[f64] = if last - first <= 2 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let mut ticks: Vec<f64> = (first..=last.max(first + 1))
        .flat_map(|power| factors.iter().map(move |factor| factor * 10_f64.powi(power)))
        .collect();
    // Steps outside the values waste the picture.
    while ticks.len() > 2 && ticks[1] <= lowest {
        ticks.remove(0);
    }
    while ticks.len() > 2 && ticks[ticks.len() - 2] >= highest {
        ticks.pop();
    }
    ticks
}

fn time_ticks(to: f64) -> Vec<f64> {
    const STEPS: [f64; 16] = [
        0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0,
        21_600.0,
    ];
    let step = STEPS
        .into_iter()
        .find(|step| to / step <= 6.5)
        .unwrap_or(to / 6.0);
    (0..=6)
        .map(|index| f64::from(index) * step)
        .take_while(|tick| *tick <= to * 1.001)
        .collect()
}

/// Without the zeros after the point that [`seconds`] has for precision.
fn short_time(time: f64) -> String {
    if time.fract() == 0.0 && time < 60.0 {
        format!("{time} s")
    } else if time % 3600.0 == 0.0 {
        format!("{} h", time / 3600.0)
    } else if time % 60.0 == 0.0 {
        format!("{} min", time / 60.0)
    } else if time.fract() == 0.0 {
        format!("{}:{:02} min", (time / 60.0).floor(), time % 60.0)
    } else {
        seconds(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_linear(highest: f64, is_binary: bool, expected: &[f64]) {
        assert_eq!(linear_ticks(highest, is_binary), expected);
    }

    #[test]
    fn steps_are_even() {
        check_linear(0.0, false, &[0.0, 0.25, 0.5, 0.75, 1.0]);
        check_linear(7.0, false, &[0.0, 2.0, 4.0, 6.0, 8.0]);
        check_linear(1000.0, false, &[0.0, 250.0, 500.0, 750.0, 1000.0]);
        check_linear(3000.0, true, &[0.0, 1024.0, 2048.0, 3072.0]);
    }

    #[test]
    fn powers_enclose_the_values() {
        assert_eq!(logarithmic_ticks(0.003, 0.03), [0.002, 0.005, 0.01, 0.02, 0.05]);
        assert_eq!(logarithmic_ticks(0.01, 0.01), [0.01, 0.02]);
        assert_eq!(
            logarithmic_ticks(1.0, 20_000.0),
            [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0]
        );
    }

    #[test]
    fn thinning_keeps_peaks_and_gaps() {
        let mut points: Vec<(f64, Option<f64>)> = (0..5000).map(|x| (f64::from(x), Some(1.0))).collect();
        points[1234].1 = Some(9.0);
        let thinned = thin(&points);
        assert!(thinned.len() <= MAX_POINTS);
        assert!(thinned.contains(&(1234.0, Some(9.0))));
        assert_eq!(thin(&[(0.0, None)]), [(0.0, None)]);
    }
}
