//! One instance of the plugin, from loading to dropping, on one thread that plays both the main and the audio thread.

use std::ffi::CString;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clack_extensions::latency::PluginLatency;
use clack_extensions::params::{ParamInfoBuffer, ParamInfoFlags, PluginParams};
use clack_extensions::remote_controls::{PluginRemoteControls, RemoteControlsPageBuffer};
use clack_extensions::render::{PluginRender, RenderMode};
use clack_extensions::state::PluginState;
use clack_host::prelude::*;

use crate::audio::Audio;
use crate::clock::thread_time;
use crate::events::At;
use crate::handlers::{Handlers, MainThread, Shared};

/// Events that one block may carry without allocating while the plugin is being watched.
const BLOCK_EVENTS: usize = 4096;

/// How the plugin is activated.
#[derive(Clone, Copy, Debug)]
pub struct Activation {
    /// Samples a second.
    pub rate: f64,
    /// Largest block, in samples.
    pub max_block: u32,
}

impl Default for Activation {
    fn default() -> Self {
        Self { rate: 48_000.0, max_block: 512 }
    }
}

/// How fast blocks follow each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// As fast as the plugin returns them.
    Free,
    /// No faster than the wall clock, as an audio device asks for them.
    RealTime,
}

/// How far behind the clock a device lets its host fall before there is a gap in the sound.
const DEVICE_BUFFERS: Duration = Duration::from_millis(50);

/// A parameter's identity, and its range as the host sees it: the way of a knob, not seconds or decibels.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Param {
    pub id: ClapId,
    pub min: f64,
    pub max: f64,
    pub default: f64,
    pub automatable: bool,
    pub modulatable: bool,
    /// Whether it may be modulated for one note.
    pub polyphonic: bool,
}

/// The longest of several audio calls, as a share of the time that its block lasts.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub struct Worst {
    pub clock: f64,
    /// Of the processor time that the thread had, in which other programs are not.
    pub own: f64,
}

/// A loaded instance.
pub struct Plugin {
    // Declared in this order so that the processor goes before the instance, whatever happens.
    processor: Option<StartedPluginAudioProcessor<Handlers>>,
    pub(crate) instance: PluginInstance<Handlers>,
    activation: Activation,
    events: EventBuffer,
    /// Time spent in the plugin's audio calls.
    process_time: Duration,
    own_time: Duration,
    /// Longest audio call, by the clock and by the thread's own time.
    worst: Worst,
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    caught: Option<crate::realtime::Caught>,
}

impl Plugin {
    /// Loads the bundle's first plugin and makes an instance of it.
    pub fn load(bundle: &Path) -> Result<Self> {
        // SAFETY: the bundle is our own plugin; loading any library runs its initialisers, which is the point.
        let entry =
            unsafe { PluginEntry::load(bundle) }.with_context(|| format!("{} does not load", bundle.display()))?;
        let factory = entry.get_plugin_factory().context("the bundle has no plugin factory")?;
        let id: CString = factory
            .plugin_descriptors()
            .find_map(|descriptor| descriptor.id().map(CString::from))
            .context("the bundle describes no plugin")?;
        let info = HostInfo::new("Timbrel tests", "Timbrel", "", env!("CARGO_PKG_VERSION"))?;
        let instance = PluginInstance::new(|_| Shared::default(), |_| MainThread, &entry, &id, &info)
            .map_err(|error| anyhow!("the plugin cannot be made: {error}"))?;
        Ok(Self {
            processor: None,
            instance,
            activation: Activation::default(),
            events: EventBuffer::with_capacity(BLOCK_EVENTS),
            process_time: Duration::ZERO,
            own_time: Duration::ZERO,
            worst: Worst::default(),
            #[cfg(all(target_os = "linux", target_env = "gnu"))]
            caught: None,
        })
    }

    /// Loads the built bundle and activates it: what most tests begin with.
    pub fn ready(activation: Activation) -> Result<Self> {
        let mut plugin = Self::load(&crate::bundle()?)?;
        plugin.activate(activation)?;
        Ok(plugin)
    }

    /// As [`Plugin::ready`], told that it renders offline.
    pub fn ready_offline(activation: Activation) -> Result<Self> {
        let mut plugin = Self::load(&crate::bundle()?)?;
        plugin.set_offline(true)?;
        plugin.activate(activation)?;
        Ok(plugin)
    }

    /// Activates and starts processing; deactivates first where it was active.
    pub fn activate(&mut self, activation: Activation) -> Result<()> {
        self.deactivate();
        let configuration = PluginAudioConfiguration {
            sample_rate: activation.rate,
            min_frames_count: 1,
            max_frames_count: activation.max_block,
        };
        let stopped = self
            .instance
            .activate(|_, _| (), configuration)
            .map_err(|error| anyhow!("the plugin refuses {} Hz: {error}", activation.rate))?;
        let started = stopped.start_processing().map_err(|_| anyhow!("the plugin refuses to start processing"))?;
        self.processor = Some(started);
        self.activation = activation;
        self.idle();
        Ok(())
    }

    pub fn deactivate(&mut self) {
        if let Some(processor) = self.processor.take() {
            self.instance.deactivate(processor.stop_processing());
        }
        self.idle();
    }

    pub fn is_active(&self) -> bool {
        self.processor.is_some()
    }

    /// The largest block that it was activated for, in samples.
    pub fn max_block(&self) -> usize {
        self.activation.max_block as usize
    }

    /// Answers the plugin's wish to be called on the main thread.
    pub fn idle(&mut self) {
        if self.instance.access_shared_handler(|shared| shared.take_callback()) {
            self.instance.call_on_main_thread_callback();
        }
    }

    /// Whether the plugin asked to be activated anew since the last look.
    pub fn wants_restart(&self) -> bool {
        self.instance.access_shared_handler(|shared| shared.take_restart())
    }

    /// Tells the plugin whether it renders offline.
    pub fn set_offline(&mut self, offline: bool) -> Result<()> {
        let handle = self.instance.plugin_handle();
        let render = handle.get_extension::<PluginRender>().context("the plugin has no render extension")?;
        let mode = if offline { RenderMode::Offline } else { RenderMode::Realtime };
        Ok(render.set(&handle, mode)?)
    }

    /// Clears everything that sounds, as a host does when the transport jumps.
    pub fn reset(&mut self) {
        if let Some(processor) = &mut self.processor {
            processor.reset();
        }
    }

    /// Plays the events, whose samples count from 0, in full blocks and as fast as can be.
    pub fn play(&mut self, events: &[At], seconds: f64) -> Result<Audio> {
        self.play_in(events, seconds, std::iter::repeat(self.activation.max_block as usize), Pace::Free)
    }

    /// Plays the events in blocks of the given sizes, each at most the activation's largest.
    pub fn play_in(
        &mut self,
        events: &[At],
        seconds: f64,
        mut blocks: impl Iterator<Item = usize>,
        pace: Pace,
    ) -> Result<Audio> {
        let total = (seconds * self.activation.rate).round() as usize;
        let mut events: Vec<At> = events.to_vec();
        events.sort_by_key(|at| at.sample);
        let mut next = events.iter().peekable();
        let mut audio = Audio { rate: self.activation.rate, left: vec![0.0; total], right: vec![0.0; total] };
        let mut start = Instant::now();
        let mut position = 0;
        while position < total {
            let asked = blocks.next().context("the block sizes end before the sound does")?;
            if asked == 0 || asked > self.activation.max_block as usize {
                bail!("a block of {asked} samples is outside 1 to {}", self.activation.max_block);
            }
            let end = total.min(position + asked);
            self.events.clear();
            while let Some(at) = next.next_if(|at| at.sample < end) {
                at.event.push((at.sample.max(position) - position) as u32, &mut self.events);
            }
            self.process(&mut audio.left[position..end], &mut audio.right[position..end])?;
            position = end;
            self.idle();
            if pace == Pace::RealTime {
                let due = Duration::from_secs_f64(position as f64 / self.activation.rate);
                std::thread::sleep(due.saturating_sub(start.elapsed()));
                // A device that was kept waiting for longer than its buffers hold drops out, and goes on from there.
                start += start.elapsed().saturating_sub(due).saturating_sub(DEVICE_BUFFERS);
            }
        }
        Ok(audio)
    }

    /// One audio call with the events that wait in `self.events`.
    fn process(&mut self, left: &mut [f32], right: &mut [f32]) -> Result<()> {
        let processor = self.processor.as_mut().context("the plugin is not active")?;
        let block = Duration::from_secs_f64(left.len() as f64 / self.activation.rate);
        let mut ports = AudioPorts::with_capacity(2, 1);
        let mut outputs = ports.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only([left, right].into_iter()),
        }]);
        let inputs = InputAudioBuffers::empty();
        let events = self.events.as_input();
        let mut answers = OutputEvents::void();
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        let watch = self.caught.as_ref().map(|_| crate::realtime::watch());
        let own_start = thread_time();
        let start = Instant::now();
        let result = processor.process(&inputs, &mut outputs, &events, &mut answers, None, None);
        let taken = start.elapsed();
        let own = thread_time() - own_start;
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        if let (Some(caught), Some(watch)) = (&mut self.caught, watch) {
            caught.add(watch.end());
        }
        self.process_time += taken;
        self.own_time += own;
        self.worst.clock = self.worst.clock.max(taken.as_secs_f64() / block.as_secs_f64());
        self.worst.own = self.worst.own.max(own.as_secs_f64() / block.as_secs_f64());
        result.map_err(|error| anyhow!("the audio call failed: {error}"))?;
        Ok(())
    }

    /// Time spent in audio calls since the last look.
    pub fn take_process_time(&mut self) -> Duration {
        std::mem::take(&mut self.process_time)
    }

    /// As [`Self::take_process_time`], but the processor time that the thread had in the calls, in which other programs are
    /// not, where the system counts it.
    pub fn take_own_time(&mut self) -> Duration {
        std::mem::take(&mut self.own_time)
    }

    /// The longest audio call since the last look.
    pub fn take_worst(&mut self) -> Worst {
        std::mem::take(&mut self.worst)
    }

    /// From here on counts what the audio calls do that an audio thread must not.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    pub fn watch(&mut self) {
        self.caught = Some(crate::realtime::Caught::default());
    }

    /// Stops counting, and tells what was caught.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    pub fn take_caught(&mut self) -> crate::realtime::Caught {
        self.caught.take().unwrap_or_default()
    }

    /// The plugin's latency, in samples.
    pub fn latency(&mut self) -> u32 {
        let handle = self.instance.plugin_handle();
        handle.get_extension::<PluginLatency>().map_or(0, |latency| latency.get(&handle))
    }

    /// The parameters with their names, in the plugin's order.
    pub fn params(&mut self) -> Result<Vec<(String, Param)>> {
        let handle = self.instance.plugin_handle();
        let params = handle.get_extension::<PluginParams>().context("the plugin has no parameters")?;
        let mut buffer = ParamInfoBuffer::new();
        (0..params.count(&handle))
            .map(|index| {
                let info = params.get_info(&handle, index, &mut buffer).context("a parameter has no description")?;
                let param = Param {
                    id: info.id,
                    min: info.min_value,
                    max: info.max_value,
                    default: info.default_value,
                    automatable: info.flags.contains(ParamInfoFlags::IS_AUTOMATABLE),
                    modulatable: info.flags.contains(ParamInfoFlags::IS_MODULATABLE),
                    polyphonic: info.flags.contains(ParamInfoFlags::IS_MODULATABLE_PER_NOTE_ID),
                };
                Ok((String::from_utf8_lossy(info.name).into_owned(), param))
            })
            .collect()
    }

    /// The pages that the plugin describes for a controller with eight knobs: names, and the parameters' ids.
    pub fn remote_pages(&mut self) -> Result<Vec<(String, [Option<ClapId>; 8])>> {
        let handle = self.instance.plugin_handle();
        let pages = handle.get_extension::<PluginRemoteControls>().context("the plugin has no pages for a remote")?;
        let mut buffer = RemoteControlsPageBuffer::new();
        (0..pages.count(&handle))
            .map(|index| {
                let page = pages.get(&handle, index, &mut buffer).context("a page has no description")?;
                Ok((String::from_utf8_lossy(page.page_name).into_owned(), page.param_ids))
            })
            .collect()
    }

    /// The parameter of a name.
    pub fn param(&mut self, name: &str) -> Result<Param> {
        let params = self.params()?;
        let found = params.iter().find(|(n, _)| n == name).map(|(_, param)| *param);
        found.with_context(|| {
            let names: Vec<&str> = params.iter().map(|(n, _)| n.as_str()).collect();
            format!("there is no parameter \"{name}\", only: {}", names.join(", "))
        })
    }

    /// A parameter's value as the plugin has it now.
    pub fn value(&mut self, param: Param) -> Option<f64> {
        let handle = self.instance.plugin_handle();
        handle.get_extension::<PluginParams>()?.get_value(&handle, param.id)
    }

    /// What the plugin writes for a parameter's value.
    pub fn text(&mut self, param: Param, value: f64) -> Result<String> {
        let mut buffer = [0; 256];
        let length = self.text_into(param, value, &mut buffer);
        ensure!(length > 0, "the plugin has no text for {value}");
        Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }

    /// As [`Plugin::text`], into the caller's bytes, with no allocation on the host's side. Gives the length.
    pub fn text_into(&mut self, param: Param, value: f64, buffer: &mut [u8]) -> usize {
        let handle = self.instance.plugin_handle();
        let Some(params) = handle.get_extension::<PluginParams>() else { return 0 };
        params.value_to_text(&handle, param.id, value, buffer).map_or(0, |text| text.len())
    }

    /// What the plugin reads from a text.
    pub fn parse(&mut self, param: Param, text: &str) -> Option<f64> {
        let text = CString::new(text).ok()?;
        let handle = self.instance.plugin_handle();
        handle.get_extension::<PluginParams>()?.text_to_value(&handle, param.id, &text)
    }

    /// The value that stands for a text such as "-30 dB".
    pub fn value_of(&mut self, param: Param, text: &str) -> Result<f64> {
        self.parse(param, text).with_context(|| format!("the plugin does not understand \"{text}\""))
    }

    /// Sets a parameter outside the audio calls; the plugin must not be active.
    pub fn set(&mut self, param: Param, value: f64) -> Result<()> {
        let mut events = EventBuffer::with_capacity(1);
        crate::Event::Set { param, value }.push(0, &mut events);
        let mut handle = self.instance.inactive_plugin_handle().context("an active plugin takes values as events")?;
        let params = handle.get_extension::<PluginParams>().context("the plugin has no parameters")?;
        params.flush(&mut handle, &events.as_input(), &mut OutputEvents::void());
        Ok(())
    }

    /// What the plugin wants to have saved with the project.
    pub fn save(&mut self) -> Result<Vec<u8>> {
        let handle = self.instance.plugin_handle();
        let state = handle.get_extension::<PluginState>().context("the plugin saves no state")?;
        let mut bytes = Vec::new();
        state.save(&handle, &mut bytes)?;
        Ok(bytes)
    }

    /// Gives a saved state back. An error is the plugin's refusal.
    pub fn restore(&mut self, mut bytes: &[u8]) -> Result<()> {
        let handle = self.instance.plugin_handle();
        let state = handle.get_extension::<PluginState>().context("the plugin restores no state")?;
        state.load(&handle, &mut bytes)?;
        self.idle();
        Ok(())
    }
}

impl Drop for Plugin {
    fn drop(&mut self) {
        self.deactivate();
    }
}
