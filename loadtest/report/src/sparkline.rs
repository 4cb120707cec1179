/// A line of text from the values' heights above zero; a value that is absent leaves a gap.
pub(crate) fn sparkline(values: &[Option<f64>], width: usize) -> String {
    const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = values.iter().flatten().copied().fold(0.0, f64::max);
    let width = width.min(values.len());
    (0..width)
        .map(|column| {
            let piece = &values[column * values.len() / width..(column + 1) * values.len() / width];
            // The highest of a piece, so that a peak is not averaged away.
            let value = piece.iter().flatten().copied().reduce(f64::max);
            match value {
                None => ' ',
                Some(_) if highest <= 0.0 => STEPS[0],
                Some(value) => STEPS[((value / highest * 7.0).round().clamp(0.0, 7.0)) as usize],
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[Option<f64>], width: usize, expected: &str) {
        assert_eq!(sparkline(values, width), expected);
    }

    #[test]
    fn lines_show_heights_gaps_and_peaks() {
        check(&[], 10, "");
        check(&[Some(0.0), Some(0.0)], 10, "▁▁");
        check(&[Some(0.0), None, Some(7.0), Some(3.5)], 10, "▁ █▅");
        check(&[Some(1.0), Some(1.0), Some(1.0), Some(8.0)], 2, "▂█");
    }
}
