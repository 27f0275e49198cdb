//! Medians, percentiles and the spread of pairwise ratios.

/// The middle value; 0 of nothing.
pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The value at a share from 0 to 1 of the sorted values; 0 of nothing. The median of an even
/// number is the mean of the middle two, other percentiles are the nearest value.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return 0.0;
    };
    let at = last as f64 * share;
    if (share - 0.5).abs() < f64::EPSILON {
        return f64::midpoint(sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    }
    sorted[at.round() as usize]
}

/// Two things measured in turn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs {
    /// Ours.
    pub(crate) ours: Vec<f64>,
    /// The baseline.
    pub(crate) baseline: Vec<f64>,
}

/// The ratios of pairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// The median.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) least: f64,
    /// The largest.
    pub(crate) most: f64,
}

impl Pairs {
    /// Adds a pair.
    pub(crate) fn add(&mut self, ours: f64, baseline: f64) {
        self.ours.push(ours);
        self.baseline.push(baseline);
    }

    /// Ours / baseline, pair by pair.
    pub(crate) fn ratio(&self) -> Ratio {
        let ratios: Vec<f64> = self
            .ours
            .iter()
            .zip(&self.baseline)
            .map(|(o, b)| o / b)
            .collect();
        Ratio {
            median: median(&ratios),
            least: ratios.iter().copied().fold(f64::INFINITY, f64::min),
            most: ratios.iter().copied().fold(0.0, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_percentiles() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(&[]).abs() < 1e-9);
        let hundred: Vec<f64> = (0..=100).map(f64::from).collect();
        assert!((percentile(&hundred, 0.99) - 99.0).abs() < 1e-9);
    }

    #[test]
    fn a_ratio_is_the_median_of_the_pairs_not_of_the_sides() {
        let mut pairs = Pairs::default();
        for (ours, baseline) in [(10.0, 100.0), (50.0, 50.0), (90.0, 100.0)] {
            pairs.add(ours, baseline);
        }
        let ratio = pairs.ratio();
        assert!((ratio.median - 0.9).abs() < 1e-9);
        assert!((ratio.least - 0.1).abs() < 1e-9);
        assert!((ratio.most - 1.0).abs() < 1e-9);
    }
}
