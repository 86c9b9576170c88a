//! Subjects side by side, in rounds.

use indicatif::{ProgressBar, ProgressStyle};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::io;
use std::time::Duration;
use versus::process::CpuClock;

/// Something done in one way. Its results were verified when it was made.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// Does it this number of times.
    run: Box<dyn FnMut(usize)>,
    /// How many times fill a measurement.
    times: usize,
}

impl Subject {
    pub(crate) fn new(name: &'static str, run: impl FnMut(usize) + 'static) -> Self {
        Self { name, run: Box::new(run), times: 1 }
    }

    fn time(&mut self) -> io::Result<Duration> {
        let clock = CpuClock::own();
        let start = clock.now()?;
        (self.run)(self.times);
        Ok(clock.now()? - start)
    }

    fn calibrate(&mut self, duration: Duration) -> io::Result<()> {
        let mut took = self.time()?;
        while took < duration / 4 {
            self.times *= 2;
            took = self.time()?;
        }
        let times = self.times as f64 * duration.as_secs_f64() / took.as_secs_f64();
        self.times = (times as usize).max(1);
        Ok(())
    }

    /// Nanoseconds each time, caches being warm.
    fn measure(&mut self) -> io::Result<f64> {
        (self.run)(self.times.div_ceil(8));
        Ok(self.time()?.as_nanos() as f64 / self.times as f64)
    }
}

/// The same done in several ways.
pub(crate) struct Scenario {
    /// Scenarios of a group share a table.
    pub(crate) group: &'static str,
    pub(crate) column: String,
    pub(crate) subjects: Vec<Subject>,
}

impl Scenario {
    pub(crate) fn name(&self) -> String {
        format!("{} / {}", self.group, self.column)
    }
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) round: u32,
    pub(crate) group: String,
    pub(crate) column: String,
    pub(crate) subject: String,
    pub(crate) ns: f64,
}

/// Every round measures every subject of every scenario once, in random order, but those of a
/// scenario one after the other.
pub(crate) fn measure(
    mut scenarios: Vec<Scenario>,
    rounds: u32,
    duration: Duration,
) -> io::Result<Vec<Sample>> {
    let steps: usize = scenarios.iter().map(|scenario| scenario.subjects.len()).sum();
    let bar = ProgressBar::new(steps as u64 * u64::from(rounds)).with_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed}, {eta} to go: {msg}")
            .map_err(io::Error::other)?,
    );
    for subject in scenarios.iter_mut().flat_map(|scenario| &mut scenario.subjects) {
        subject.calibrate(duration)?;
    }
    let mut random = rand::rng();
    let mut samples = Vec::new();
    for round in 1..=rounds {
        scenarios.shuffle(&mut random);
        for scenario in &mut scenarios {
            bar.set_message(scenario.name());
            scenario.subjects.shuffle(&mut random);
            for subject in &mut scenario.subjects {
                samples.push(Sample {
                    round,
                    group: scenario.group.to_owned(),
                    column: scenario.column.clone(),
                    subject: subject.name.to_owned(),
                    ns: subject.measure()?,
                });
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    Ok(samples)
}
