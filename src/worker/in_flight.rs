//! The notes that are being rendered. Under the service's lock.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::device::devices::Backend;
use super::interrupt::Interrupt;
use super::priority::{ClientId, Priority};
use crate::note::NoteKey;

/// A note that is being rendered. Those of one run share their interrupt.
pub struct Rendering {
    pub key: NoteKey,
    pub priority: Priority,
    pub backend: Backend,
    pub since: Instant,
    /// The instance whose turn it was.
    pub client: ClientId,
    pub interrupt: Arc<Interrupt>,
}

#[derive(Default)]
pub struct InFlight(Vec<Rendering>);

impl InFlight {
    pub fn begin(&mut self, rendering: Rendering) {
        self.0.push(rendering);
    }

    /// A rendering has come to its end; `None` where it was given back before.
    pub fn finish(&mut self, key: &NoteKey, backend: Backend) -> Option<Rendering> {
        let index = self.0.iter().position(|rendering| rendering.key == *key && rendering.backend == backend)?;
        Some(self.0.swap_remove(index))
    }

    /// A device's run has ended without these notes: they may be rendered again.
    pub fn give_back(&mut self, keys: &[NoteKey]) {
        self.0.retain(|rendering| rendering.backend != Backend::Device || !keys.contains(&rendering.key));
    }

    pub fn holds(&self, key: &NoteKey) -> bool {
        self.0.iter().any(|rendering| rendering.key == *key)
    }

    /// Whether a note is on its way that will do, where `exact` asks for the processor's own.
    pub fn serves(&self, key: &NoteKey, exact: bool) -> bool {
        self.0.iter().any(|rendering| rendering.key == *key && (!exact || rendering.backend == Backend::Cpu))
    }

    pub fn is_any_sounding(&self) -> bool {
        self.0.iter().any(|rendering| rendering.priority == Priority::Sounding)
    }

    /// Interrupts renderings for the keyboard that nobody wants any more, where something more urgent is `waiting` for their
    /// backend. One for a sounding note is never interrupted: under steady automation each is unwanted before it is done, and none
    /// would ever be.
    pub fn interrupt_unwanted(
        &self,
        is_wanted: impl Fn(&NoteKey) -> bool,
        waiting: impl Fn(Backend) -> Option<Priority>,
    ) {
        let is_unwanted =
            |rendering: &&Rendering| rendering.priority != Priority::Sounding && !is_wanted(&rendering.key);
        let unwanted: Vec<_> = self.0.iter().filter(is_unwanted).collect();
        if unwanted.is_empty() {
            return;
        }
        let [on_cpu, on_device] = [Backend::Cpu, Backend::Device].map(waiting);
        for rendering in &unwanted {
            let waiting = if rendering.backend == Backend::Cpu { on_cpu } else { on_device };
            // A run ends for all of its notes.
            let is_of_another_run_or_unwanted = |other: &Rendering| {
                !Arc::ptr_eq(&other.interrupt, &rendering.interrupt)
                    || unwanted.iter().any(|known| known.key == other.key)
            };
            let is_less_urgent = waiting.is_some_and(|priority| priority < rendering.priority);
            if is_less_urgent && self.0.iter().all(is_of_another_run_or_unwanted) {
                rendering.interrupt.raise();
            }
        }
    }

    /// Interrupts the device's runs that take longer than `limit`, and returns their notes.
    pub fn interrupt_hanging(&self, limit: Duration) -> Vec<NoteKey> {
        let is_hanging =
            |rendering: &&Rendering| rendering.backend == Backend::Device && rendering.since.elapsed() > limit;
        let hanging = self.0.iter().filter(is_hanging);
        hanging.inspect(|rendering| rendering.interrupt.raise()).map(|rendering| rendering.key).collect()
    }

    pub fn interrupt_all(&self) {
        self.0.iter().for_each(|rendering| rendering.interrupt.raise());
    }

    /// Lets every rendering have begun so much earlier.
    #[cfg(test)]
    pub fn age(&mut self, by: Duration) {
        self.0.iter_mut().for_each(|rendering| rendering.since -= by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::{ModelId, Timbre};

    fn key(pitch: u8) -> NoteKey {
        NoteKey { model: ModelId(1), timbre: Timbre::default(), pitch }
    }

    /// A run of notes; returns what interrupts it.
    fn begin(in_flight: &mut InFlight, backend: Backend, priority: Priority, pitches: &[u8]) -> Arc<Interrupt> {
        let interrupt = Arc::new(Interrupt::default());
        for &pitch in pitches {
            let (key, since, interrupt) = (key(pitch), Instant::now(), Arc::clone(&interrupt));
            in_flight.begin(Rendering { key, priority, backend, since, client: 1, interrupt });
        }
        interrupt
    }

    #[test]
    fn what_a_device_renders_does_not_serve_who_wants_the_processors_own() {
        let mut in_flight = InFlight::default();
        begin(&mut in_flight, Backend::Device, Priority::Rest, &[60]);
        assert!(in_flight.holds(&key(60)) && in_flight.serves(&key(60), false) && !in_flight.serves(&key(60), true));
        begin(&mut in_flight, Backend::Cpu, Priority::Rest, &[60]);
        assert!(in_flight.serves(&key(60), true));
        // Each backend finishes its own.
        assert!(in_flight.finish(&key(60), Backend::Device).is_some());
        assert!(in_flight.finish(&key(60), Backend::Device).is_none());
        in_flight.give_back(&[key(60)]);
        assert!(in_flight.serves(&key(60), true), "the processor's is not the device's to give back");
    }

    #[test]
    fn only_a_run_that_nobody_wants_makes_way_and_only_for_what_is_more_urgent_on_its_backend() {
        let mut in_flight = InFlight::default();
        let run = begin(&mut in_flight, Backend::Device, Priority::Recent, &[60, 61]);
        let sounding = begin(&mut in_flight, Backend::Device, Priority::Sounding, &[70]);
        let waiting = |on: Backend, priority| move |backend| (backend == on).then_some(priority);
        in_flight.interrupt_unwanted(|_| false, waiting(Backend::Cpu, Priority::Sounding));
        assert!(!run.is_raised(), "nothing waits for the device");
        in_flight.interrupt_unwanted(|_| false, waiting(Backend::Device, Priority::Recent));
        assert!(!run.is_raised(), "what waits is no more urgent");
        in_flight.interrupt_unwanted(|wanted| wanted.pitch == 61, waiting(Backend::Device, Priority::Sounding));
        assert!(!run.is_raised(), "one of its notes is wanted");
        in_flight.interrupt_unwanted(|_| false, waiting(Backend::Device, Priority::Sounding));
        assert!(run.is_raised() && !sounding.is_raised());
    }

    #[test]
    fn only_a_device_hangs() {
        let mut in_flight = InFlight::default();
        let on_device = begin(&mut in_flight, Backend::Device, Priority::Rest, &[60, 61]);
        let on_cpu = begin(&mut in_flight, Backend::Cpu, Priority::Rest, &[62]);
        let limit = Duration::from_secs(10);
        assert!(in_flight.interrupt_hanging(limit).is_empty());
        in_flight.age(2 * limit);
        assert_eq!(in_flight.interrupt_hanging(limit), [key(60), key(61)]);
        assert!(on_device.is_raised() && !on_cpu.is_raised());
    }
}
