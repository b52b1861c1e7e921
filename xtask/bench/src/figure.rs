//! The figures: one row each, with a sample per round and contender, of which the median counts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::contender::Contender;

/// One measured quantity.
struct Figure {
    name: &'static str,
    unit: &'static str,
    samples: BTreeMap<&'static str, Vec<f64>>,
}

/// All figures of a run, in the order in which they were first measured.
#[derive(Default)]
pub struct Figures(Vec<Figure>);

impl Figures {
    /// Adds one sample.
    pub fn add(&mut self, name: &'static str, unit: &'static str, of: Contender, sample: f64) {
        let place = self.0.iter().position(|figure| figure.name == name).unwrap_or_else(|| {
            self.0.push(Figure { name, unit, samples: BTreeMap::new() });
            self.0.len() - 1
        });
        self.0[place].samples.entry(of.name()).or_default().push(sample);
    }

    /// The median of the samples, if there are any.
    pub fn median(&self, name: &str, of: Contender) -> Option<f64> {
        self.0.iter().find(|figure| figure.name == name)?.median(of)
    }

    /// Side by side, with the relay's share of the others.
    pub fn table(&self) -> String {
        let mut table = String::new();
        let head = ["", "relay", "ceiling", "redis", "unit", "relay:ceiling", "relay:redis"]
            .map(String::from);
        let rows = self.0.iter().map(Figure::row);
        for [name, relay, ceiling, redis, unit, to_ceiling, to_redis] in
            [head].into_iter().chain(rows)
        {
            let line = format!(
                "{name:<44} {relay:>10} {ceiling:>10} {redis:>10} {unit:<6} {to_ceiling:>13} {to_redis:>11}"
            );
            table.push_str(line.trim_end());
            table.push('\n');
        }
        table
    }

    /// The same for a program, with every sample.
    pub fn json(&self) -> Value {
        self.0
            .iter()
            .map(|figure| {
                let medians: BTreeMap<_, _> = Contender::ALL
                    .into_iter()
                    .filter_map(|of| Some((of.name(), figure.median(of)?)))
                    .collect();
                let Figure { name, unit, samples } = figure;
                json!({ "name": name, "unit": unit, "median": medians, "samples": samples })
            })
            .collect()
    }
}

impl Figure {
    fn median(&self, of: Contender) -> Option<f64> {
        let mut samples = self.samples.get(of.name())?.clone();
        samples.sort_by(f64::total_cmp);
        samples.get(samples.len() / 2).copied()
    }

    fn row(&self) -> [String; 7] {
        let cell = |of| self.median(of).map_or_else(|| "n/a".to_owned(), number);
        let share = |of| {
            let (relay, other) = (self.median(Contender::Relay), self.median(of));
            relay
                .zip(other)
                .map_or_else(String::new, |(relay, other)| format!("{:.2}", relay / other))
        };
        [
            self.name.to_owned(),
            cell(Contender::Relay),
            cell(Contender::Ceiling),
            cell(Contender::Redis),
            self.unit.to_owned(),
            share(Contender::Ceiling),
            share(Contender::Redis),
        ]
    }
}

/// Three digits that matter, whole numbers with their thousands apart.
pub fn number(value: f64) -> String {
    if value < 100.0 {
        return format!("{value:.2}");
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_counts_not_the_best() {
        let mut figures = Figures::default();
        for sample in [3.0, 900.0, 4.0] {
            figures.add("messages", "/s", Contender::Relay, sample);
        }
        assert_eq!(figures.median("messages", Contender::Relay), Some(4.0));
        assert_eq!(figures.median("messages", Contender::Redis), None);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(number(1_234_567.4), "1,234,567");
        assert_eq!(number(0.349), "0.35");
        assert_eq!(number(999.6), "1,000");
    }
}
