//! Automation from a CSV file: one parameter over time.
//!
//! A line is `seconds,value`, in the order of time; the value is written as for `--set`. A first line without numbers is a
//! heading, and `#` begins a comment. Between two points the value goes straight from one to the other, before the first
//! and after the last it rests; parameters that count in steps keep each value until the next point. Two points of the same
//! time make a jump.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};

use super::controls::{Control, Controls};

/// A lane of a point every millisecond over two hours has less than this.
const LONGEST_FILE_BYTES: u64 = 256 << 20;

/// One automated parameter.
pub struct Lane<'a> {
    control: Control<'a>,
    /// Seconds and plain values, in the order of time; never empty.
    points: Vec<(f64, f32)>,
    /// The last point that was passed; time only goes on.
    passed: usize,
}

impl<'a> Lane<'a> {
    /// Reads a lane. The error names file and line.
    pub fn read(controls: &'a Controls, id: &str, path: &Path) -> Result<Self> {
        let name = path.display();
        let length = std::fs::metadata(path).with_context(|| format!("{name} cannot be read"))?.len();
        ensure!(length <= LONGEST_FILE_BYTES, "{name} is larger than {} MB", LONGEST_FILE_BYTES >> 20);
        let bytes = std::fs::read(path).with_context(|| format!("{name} cannot be read"))?;
        let text = String::from_utf8(bytes).map_err(|_| anyhow!("{name} is no text: save it as CSV in UTF-8"))?;
        Self::parse(controls.find(id)?, &text, &name.to_string())
    }

    pub fn parse(control: Control<'a>, text: &str, name: &str) -> Result<Self> {
        let mut points: Vec<(f64, f32)> = Vec::new();
        let mut may_be_heading = true;
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let place = || format!("{name}, line {}", index + 1);
            let heading = std::mem::take(&mut may_be_heading);
            let (time, value) =
                line.split_once(',').with_context(|| format!("{}: \"{line}\" is not seconds,value", place()))?;
            let Ok(time) = time.trim().parse::<f64>() else {
                ensure!(heading, "{}: \"{}\" is no number of seconds", place(), time.trim());
                continue;
            };
            ensure!(time.is_finite() && time >= 0.0, "{}: the time {time} is not 0 or more seconds", place());
            if let Some(&(before, _)) = points.last() {
                ensure!(time >= before, "{}: the time {time} comes after {before}; sort the lines by time", place());
            }
            points.push((time, control.parse(value.trim()).with_context(place)?));
        }
        ensure!(!points.is_empty(), "{name} holds no line of seconds,value");
        Ok(Self { control, points, passed: 0 })
    }

    /// Sets the parameter to its value at a time, in seconds, that is not before that of the last call.
    pub fn apply(&mut self, time: f64) {
        let value = self.value(time);
        self.control.set_plain(value);
    }

    fn value(&mut self, time: f64) -> f32 {
        while self.points.get(self.passed + 1).is_some_and(|next| next.0 <= time) {
            self.passed += 1;
        }
        let (from_time, from) = self.points[self.passed];
        match self.points.get(self.passed + 1) {
            Some(&(to_time, to)) if time > from_time && !self.control.is_stepped() => {
                let share = (time - from_time) / (to_time - from_time);
                (f64::from(from) + share * f64::from(to - from)) as f32
            }
            _ => from,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controls() -> Controls {
        let (_, _, editor_end) = timbrel::link::link();
        Controls::new(&editor_end.status)
    }

    fn values(id: &str, text: &str, times: &[f64]) -> Vec<f32> {
        let controls = controls();
        let mut lane = Lane::parse(controls.find(id).unwrap(), text, "lane.csv").unwrap();
        times.iter().map(|&time| lane.value(time)).collect()
    }

    #[test]
    fn values_go_straight_from_point_to_point() {
        let text = "\u{feff}seconds,value\n# rises\n1, -2.0\n3,2.0 # jumps\n3,1\r\n\n4,0\n";
        let values = values("timbre_1", text, &[0.0, 1.0, 1.5, 2.0, 2.99, 3.0, 3.5, 4.0, 100.0]);
        let expected = [-2.0, -2.0, -1.0, 0.0, 1.98, 1.0, 0.5, 0.0, 0.0];
        for (value, expected) in values.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-5, "{values:?}");
        }
    }

    #[test]
    fn steps_are_kept_until_the_next_point() {
        assert_eq!(values("seed", "0,3\n1,7\n", &[0.0, 0.99, 1.0, 2.0]), [3.0, 3.0, 7.0, 7.0]);
    }

    #[test]
    fn units_are_those_of_the_plugin() {
        let values = values("attack", "0,50 ms\n1,1.5 s\n", &[0.0, 1.0]);
        assert!((values[0] - 0.05).abs() < 1e-6 && (values[1] - 1.5).abs() < 1e-6, "{values:?}");
    }

    #[test]
    fn errors_name_file_and_line() {
        let controls = controls();
        let gain = controls.find("gain").unwrap();
        for (text, line, reason) in [
            ("0,-6\n1;-7\n", "line 2", "not seconds,value"),
            ("t,v\n0,-6\nx,-7\n", "line 3", "no number of seconds"),
            ("0,-6\n\n-1,-7\n", "line 3", "not 0 or more"),
            ("2,-6\n1,-7\n", "line 2", "sort"),
            ("0,-6\n1,loud\n", "line 2", "-60.0 dB to 12.0 dB"),
            ("0,-6\n1,99\n", "line 2", "out of range"),
        ] {
            let error = format!("{:#}", Lane::parse(gain, text, "lane.csv").err().unwrap());
            assert!(error.contains("lane.csv") && error.contains(line) && error.contains(reason), "{error}");
        }
        for text in ["", "# nothing\n", "seconds,value\n"] {
            assert!(Lane::parse(gain, text, "lane.csv").err().unwrap().to_string().contains("holds no line"));
        }
    }
}
