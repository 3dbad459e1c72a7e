//! Devices with real sessions of ONNX Runtime. No machine that runs these tests need have a graphics processor, so for most
//! of them a session on the processor stands in for a device: everything else, the test run, the batches and the failures of
//! runs, is what happens with a real one. The attempts on real providers are real, and fail where they are not installed.

use std::path::Path;

use super::*;
use crate::files;
use crate::model::Model;
use crate::model::handmade::{Folder, Handmade, Sound};
use crate::note::{NoteKey, Origin};
use crate::worker::device::probe::{Probe, probe_device};
use crate::worker::device::setting::DEVICE_VARIABLE;
use crate::worker::device::{Choice, Provider, Standing, provider};
use crate::worker::generator::{self, Generator};
use crate::worker::interrupt::Interrupt;
use crate::worker::loaded::Loaded;
use crate::worker::renderer::Renderer;

/// The provider that is stood in for, and the file that its sessions are made of; none for the model's own.
static STAND_IN: Mutex<Option<(Provider, Option<Vec<u8>>)>> = Mutex::new(None);

const STOOD_IN: Provider = Provider::WebGpu;

/// Whether a session on the processor stands in for a provider. Asked by `device::provider`.
pub fn stands_in(provider: Provider) -> bool {
    STAND_IN.lock().as_ref().is_some_and(|(stood_in, _)| *stood_in == provider)
}

/// The session that stands in for a provider's. Asked by `device::provider`.
pub fn open_stand_in(provider: Provider, model: &Model, interrupt: &Interrupt) -> Option<anyhow::Result<Generator>> {
    let bytes = match STAND_IN.lock().as_ref() {
        Some((stood_in, bytes)) if *stood_in == provider => bytes.clone(),
        _ => return None,
    };
    let bytes = bytes.as_ref().unwrap_or(&model.bytes);
    Some(Generator::on_device(bytes, &model.manifest, interrupt, |environment| Ok(generator::options(environment)?)))
}

/// A stand-in, for as long as this lives.
struct StandIn;

impl StandIn {
    fn new(bytes: Option<Vec<u8>>) -> Self {
        *STAND_IN.lock() = Some((STOOD_IN, bytes));
        Self
    }

    fn sounding(sound: Sound) -> Self {
        Self::new(Some(batched("device", sound).bytes()))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        *STAND_IN.lock() = None;
    }
}

fn batched(name: &str, sound: Sound) -> Handmade {
    Handmade { sound, takes_batches: true, ..Handmade::named(name) }
}

impl Player {
    fn device(&self) -> String {
        self.ear.status().device.lock().clone()
    }

    /// Goes over to a device and waits for its test run, which comes after a note of the processor.
    fn go_over(&mut self, seed: u32) {
        self.instance.choose_device(Choice::Device(STOOD_IN, 0));
        self.ear.want(timbre(seed), &[]);
        self.wait_until("the device was tried", |player| {
            player.ear.hear();
            let standing = player.instance.devices().chosen().map(|entry| entry.standing);
            matches!(standing, Some(Standing::Renders | Standing::Failed))
        });
    }

    /// Waits for the whole keyboard in a timbre, and returns what came.
    fn keyboard(&mut self, seed: u32) -> Vec<Arc<Note>> {
        let mut notes: Vec<Arc<Note>> = Vec::new();
        self.wait_until("the keyboard is ready", |player| {
            for note in player.ear.hear() {
                if note.key.timbre.seed == seed && notes.iter().all(|known| known.key != note.key) {
                    notes.push(note);
                }
            }
            notes.len() == 61
        });
        notes
    }
}

/// Magnitudes of all frames of a note.
fn magnitudes(note: &Note) -> Vec<f32> {
    (0..note.geometry.frames).flat_map(|frame| note.frames.magnitude(frame)).collect()
}

#[test]
fn a_device_takes_over_and_renders_the_same_sounds() {
    let _turn = turn();
    let _stand_in = StandIn::new(None);
    let folder = Folder::new();
    let path = batched("both", Sound::Even).write(&folder, "both.onnx");
    let mut player = Player::playing(path.clone());
    player.go_over(500);
    assert!(player.device().starts_with("WebGPU"), "{}", player.device());
    player.ear.want(timbre(501), &[NoteRequest { timbre: timbre(502), key: 62 }]);
    let notes = player.keyboard(501);
    assert!(notes.iter().all(|note| note.origin == Origin::Device));
    let loaded = Loaded::new(Model::read(&path).unwrap());
    let mut cpu = Renderer::new(&loaded.model, &Interrupt::default()).unwrap();
    for note in notes {
        let expected = cpu.render(&loaded, note.key, &Interrupt::default()).unwrap();
        let (made, expected) = (magnitudes(&note), magnitudes(&expected));
        // Two steps of the code of a magnitude, whose mantissa has 13 bits.
        let agrees = |(a, b): (&f32, &f32)| (a - b).abs() <= 2.5e-4 * b.abs();
        assert!(made.iter().zip(&expected).all(agrees), "pitch {}", note.key.pitch);
    }
    assert_eq!(player.ear.error(), "");
}

#[test]
fn a_run_that_fails_hands_its_notes_to_the_processor_and_the_device_can_be_tried_again() {
    let _turn = turn();
    let stand_in = StandIn::sounding(Sound::FailsAt66);
    let folder = Folder::new();
    let mut player = Player::playing(batched("whole", Sound::Even).write(&folder, "whole.onnx"));
    // The test run does not meet the pitch that fails; a timbre of the whole keyboard does.
    player.instance.choose_device(Choice::Device(STOOD_IN, 0));
    let sounding = [65, 66, 67].map(|key| NoteRequest { timbre: timbre(610), key });
    player.ear.want(timbre(600), &[]);
    player.wait_until("the device was lost", |player| {
        player.ear.hear();
        // Where the processor had rendered all before the device was tried, another timbre asks for it.
        if player.device().starts_with("WebGPU") {
            player.ear.want(timbre(610), &sounding);
        }
        player.ear.error().contains("WebGPU failed")
    });
    assert!(player.ear.error().ends_with("Notes are rendered on the processor."), "{}", player.ear.error());
    player.ear.want(timbre(611), &sounding);
    player.keyboard(611);
    assert!(player.device().starts_with("CPU, "));
    let entry = player.instance.devices().chosen().cloned().unwrap();
    assert_eq!(entry.standing, Standing::Failed);
    assert!(entry.sentence.contains("choose it again"), "{}", entry.sentence);

    // It has healed.
    drop(stand_in);
    let _stand_in = StandIn::new(None);
    player.go_over(620);
    assert!(player.device().starts_with("WebGPU"), "{}", player.device());
    assert_eq!(player.ear.error(), "", "the sentence is taken back");
    player.ear.want(timbre(621), &sounding);
    assert!(player.keyboard(621).iter().all(|note| note.origin == Origin::Device));
}

#[test]
fn a_note_that_only_the_device_cannot_render_comes_from_the_processor() {
    let _turn = turn();
    let _stand_in = StandIn::sounding(Sound::NoNumberAt50);
    let folder = Folder::new();
    let mut player = Player::playing(batched("hole", Sound::Even).write(&folder, "hole.onnx"));
    player.go_over(700);
    player.ear.want(timbre(701), &[]);
    let notes = player.keyboard(701);
    let by_cpu: Vec<_> = notes.iter().filter(|note| note.origin == Origin::Cpu).map(|note| note.key.pitch).collect();
    assert_eq!(by_cpu, [50]);
    assert!(player.device().starts_with("WebGPU"));
    assert_eq!(player.ear.error(), "");
}

#[test]
fn a_device_that_renders_another_sound_is_refused() {
    let _turn = turn();
    let _stand_in = StandIn::sounding(Sound::Other);
    let folder = Folder::new();
    let mut player = Player::playing(batched("right", Sound::Even).write(&folder, "right.onnx"));
    player.go_over(800);
    assert!(player.ear.error().contains("WebGPU renders another sound"), "{}", player.ear.error());
    assert!(player.device().starts_with("CPU, "));
    player.ear.want(timbre(801), &[]);
    let notes = player.keyboard(801);
    assert!(notes.iter().all(|note| note.origin == Origin::Cpu));
    // Another choice takes the sentence back.
    player.instance.choose_device(Choice::Cpu);
    assert_eq!(player.ear.error(), "");
}

#[test]
fn the_default_model_renders_batches_as_it_renders_single_notes() {
    let _turn = turn();
    let _stand_in = StandIn::new(None);
    let model = Model::read(&files::default_model().unwrap()).unwrap();
    let interrupt = Interrupt::default();
    let (mut device, probe) = probe_device(STOOD_IN, 0, &model, &interrupt).unwrap();
    assert!(device.takes_batches());
    assert!(probe.level.common < 1e-4 && probe.angle.common < 1e-4, "{probe:?}");
    let latents = vec![0.5; model.manifest.latent_size * 16];
    let images = device.generate_batch(&latents, &[60; 16], &interrupt, |_, output| Ok(output.image.len())).unwrap();
    assert_eq!(images.len(), 16);
}

#[test]
fn a_model_of_one_note_a_run_is_tried_with_one() {
    let _turn = turn();
    let _stand_in = StandIn::new(None);
    let folder = Folder::new();
    let model = Model::read(&Handmade::named("single").write(&folder, "single.onnx")).unwrap();
    let (device, probe) = probe_device(STOOD_IN, 0, &model, &Interrupt::default()).unwrap();
    assert!(!device.takes_batches());
    assert_eq!(probe.batch, 1);
}

#[test]
fn a_graph_that_breaks_its_promise_of_batches_is_run_with_one_note() {
    let _turn = turn();
    let folder = Folder::new();
    let model = Model::read(&batched("liar", Sound::Even).write(&folder, "liar.onnx")).unwrap();
    let interrupt = Interrupt::default();
    // What the graph computes for several notes is that of another number of frames, which no manifest promises.
    let single = Handmade { one_note_inside: true, ..batched("liar", Sound::Even) };
    let _stand_in = StandIn::new(Some(single.bytes()));
    let (_, probe) = probe_device(STOOD_IN, 0, &model, &interrupt).unwrap();
    assert_eq!(probe.batch, 1);
}

#[test]
fn the_last_instance_ends_a_probe_that_is_under_way() {
    let _turn = turn();
    // The lowest pitch is one of those that are tried.
    let _stand_in = StandIn::sounding(Sound::EndlessAt(24));
    let folder = Folder::new();
    let mut player = Player::playing(batched("tried", Sound::Even).write(&folder, "tried.onnx"));
    player.instance.choose_device(Choice::Device(STOOD_IN, 0));
    player.ear.want(timbre(900), &[]);
    player.wait_until("the device is on trial", |player| {
        player.ear.hear();
        player.instance.devices().chosen().is_some_and(|entry| entry.standing == Standing::Probing)
    });
    drop(player.instance);
    assert!(super::lifetime::the_threads_are_gone(), "the threads are joined");
}

#[test]
fn the_last_instance_ends_a_devices_run_that_is_under_way() {
    let _turn = turn();
    let _stand_in = StandIn::sounding(Sound::EndlessAt(66));
    let folder = Folder::new();
    // What the processor would render comes to its end.
    let mut player = Player::playing(batched("run", Sound::Even).write(&folder, "run.onnx"));
    player.go_over(910);
    assert!(player.device().starts_with("WebGPU"), "{}", player.device());
    player.begin_endless(911, 66);
    drop(player.instance);
    assert!(super::lifetime::the_threads_are_gone(), "the threads are joined");
}

#[test]
fn the_last_instance_ends_the_device_thread_whatever_it_does() {
    let _turn = turn();
    let _stand_in = StandIn::new(None);
    // Wherever it has come to by then.
    for pause_ms in [0, 2, 10, 40] {
        let mut player = Player::started();
        player.instance.choose_device(Choice::Device(STOOD_IN, 0));
        player.ear.want(timbre(900 + pause_ms as u32), &[]);
        std::thread::sleep(Duration::from_millis(pause_ms));
        drop(player.instance);
        assert!(super::lifetime::the_threads_are_gone(), "the threads are joined");
    }
}

/// The providers of this system that cannot be had with the runtime that the unit tests load.
#[test]
fn what_is_not_installed_is_said_with_what_to_install_and_the_processor_plays() {
    let _turn = turn();
    let folder = Folder::new();
    let path = Handmade::named("plain").write(&folder, "plain.onnx");
    for missing in Provider::ALL {
        if provider::check_installed(missing).is_ok() {
            continue;
        }
        let mut player = Player::playing(path.clone());
        player.instance.choose_device(Choice::Device(missing, 0));
        player.ear.want(timbre(950), &[]);
        player.wait_until("it is said", |player| player.ear.error().contains(missing.name()));
        let error = player.ear.error();
        let says_what_to_do = error.contains("put ") || error.contains("choose another") || error.contains("install ");
        assert!(says_what_to_do && error.ends_with("Notes are rendered on the processor."), "{error}");
        player.keyboard(950);
        assert!(player.device().starts_with("CPU, "));
    }
}

/// Runs a test of this file in a process of its own: plug-ins and variables are for a whole process.
fn run_alone(child: &str, variables: &[(&str, &Path)]) {
    check(&alone(&format!("devices::{child}")).envs(variables.iter().copied()).output().unwrap());
}

#[test]
fn a_broken_plug_in_is_said_and_the_processor_plays() {
    let whole = std::fs::read(files::runtime_library().unwrap()).unwrap();
    // No library at all, one that was cut short, and one that is no plug-in.
    for content in [b"no library".as_slice(), &whole[..whole.len() / 2], &whole] {
        let folder = Folder::new();
        let prefix = std::env::consts::DLL_PREFIX;
        let name = format!("{prefix}onnxruntime_providers_webgpu{}", std::env::consts::DLL_SUFFIX);
        std::fs::write(folder.join(&name), content).unwrap();
        let variables =
            [(files::DEVICE_LIBRARY_VARIABLE, folder.to_path_buf()), (DEVICE_VARIABLE, Path::new("webgpu").into())];
        run_alone("child_with_a_broken_plug_in", &variables.each_ref().map(|(name, path)| (*name, path.as_path())));
    }
}

#[test]
#[ignore = "runs in a process of its own, started by a_broken_plug_in_is_said_and_the_processor_plays"]
fn child_with_a_broken_plug_in() {
    let folder = Folder::new();
    let mut player = Player::playing(Handmade::named("plain").write(&folder, "plain.onnx"));
    player.ear.want(timbre(1), &[]);
    player.wait_until("it is said", |player| player.ear.error().contains("WebGPU cannot be used"));
    let error = player.ear.error();
    assert!(error.contains("onnxruntime_providers_webgpu") && error.ends_with("on the processor."), "{error}");
    player.keyboard(1);
    // The environment goes before what is chosen in the editor.
    player.instance.choose_device(Choice::Cpu);
    assert!(player.instance.devices().device_is_fixed);
    assert_eq!(player.instance.devices().setting.device, Choice::Device(Provider::WebGpu, 0));
}

#[test]
fn a_broken_runtime_for_a_device_makes_way_for_timbrels_own() {
    let whole = std::fs::read(files::runtime_library().unwrap()).unwrap();
    for content in [b"no library".as_slice(), &whole[..whole.len() / 2]] {
        let folder = Folder::new();
        let name = format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        std::fs::write(folder.join(&name), content).unwrap();
        let variables = [(files::DEVICE_LIBRARY_VARIABLE, folder.to_path_buf())];
        run_alone("child_with_a_broken_runtime", &variables.each_ref().map(|(name, path)| (*name, path.as_path())));
    }
}

#[test]
#[ignore = "runs in a process of its own, started by a_broken_runtime_for_a_device_makes_way_for_timbrels_own"]
fn child_with_a_broken_runtime() {
    let folder = Folder::new();
    let mut player = Player::playing(Handmade::named("plain").write(&folder, "plain.onnx"));
    player.ear.want(timbre(1), &[]);
    player.keyboard(1);
    assert_eq!(player.ear.error(), "");
    if Provider::Cuda.is_for_this_system() {
        let why = provider::check_installed(Provider::Cuda).unwrap_err().to_string();
        assert!(why.contains("cannot be loaded") && why.contains("remove it"), "{why}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn directml_is_found_beside_the_runtime_for_it() {
    let folder = Folder::new();
    let library =
        |name: &str| folder.join(format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX));
    let runtime = files::runtime_library().unwrap();
    std::fs::copy(&runtime, library("onnxruntime")).unwrap();
    // Any library stands in for it: here it is only to be loaded.
    std::fs::copy(&runtime, library("DirectML")).unwrap();
    run_alone("child_with_directml", &[(files::DEVICE_LIBRARY_VARIABLE, &folder)]);
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "runs in a process of its own, started by directml_is_found_beside_the_runtime_for_it"]
fn child_with_directml() {
    crate::worker::runtime::environment().unwrap();
    let mapped = std::fs::read_to_string("/proc/self/maps").unwrap();
    let folder = files::device_folder().unwrap();
    for name in ["libonnxruntime.so", "libDirectML.so"] {
        assert!(
            mapped.contains(&folder.join(name).display().to_string()),
            "{name} is not loaded from {}",
            folder.display()
        );
    }
}

#[test]
fn a_device_pays_only_where_it_is_faster_than_all_threads_and_for_one_note() {
    let exact = crate::worker::device::probe::Difference { common: 0.0, rms: 0.0 };
    let probe = |alone_ms, batch_ms, cpu_ms| Probe { level: exact, angle: exact, batch: 8, alone_ms, batch_ms, cpu_ms };
    assert!(probe(4.0, 1.0, 5.0).pays(2));
    assert!(!probe(4.0, 1.0, 5.0).pays(4), "four threads are nearly as fast");
    assert!(!probe(9.0, 1.0, 5.0).pays(2), "a struck key would wait longer");
    assert!(probe(5.0, 5.0, 380.0).pays(16));
}

/// For a machine with a device: `TIMBREL_DEVICE=cuda cargo test --release -p timbrel --lib real_device -- --ignored
/// --nocapture` prints what it is worth. The libraries are taken from `TIMBREL_DEVICE_LIB`.
#[test]
#[ignore = "needs a device, named in TIMBREL_DEVICE"]
fn a_real_device_renders_the_keyboard_as_the_processor_does() {
    let _turn = turn();
    let named = std::env::var(DEVICE_VARIABLE).expect("TIMBREL_DEVICE names a device");
    let Ok(Choice::Device(provider, index)) = named.parse() else { panic!("TIMBREL_DEVICE names no device: {named}") };
    let path = files::default_model().unwrap();
    let model = Model::read(&path).unwrap();
    let interrupt = Interrupt::default();
    let (mut device, probe) = probe_device(provider, index, &model, &interrupt).unwrap();
    println!("{}: {}; {}", provider.name(), probe.speed(), probe.agreement());
    // Batches of every size, also of those that do not pay here.
    let loaded = Loaded::new(Model::read(&path).unwrap());
    let mut cpu = Renderer::new(&model, &interrupt).unwrap();
    let keys: Vec<_> = (40..57).map(|pitch| NoteKey { model: model.id, timbre: timbre(3), pitch }).collect();
    let expected: Vec<_> = keys.iter().map(|&key| cpu.render(&loaded, key, &interrupt).unwrap()).collect();
    if device.takes_batches() {
        let latents = vec![0.25; 16 * model.manifest.latent_size];
        assert_eq!(
            device.generate_batch(&latents, &[60; 16], &interrupt, |_, output| Ok(output.image.len())).unwrap().len(),
            16
        );
    }
    let mut renderer = Renderer::of(device, &model);
    for size in [1, 2, 3, 5, 16] {
        let notes = renderer.render_batch(&loaded, &keys[..size], &interrupt).unwrap();
        for (note, expected) in notes.into_iter().zip(&expected) {
            let note = note.unwrap();
            let (made, expected) = (magnitudes(&note), magnitudes(expected));
            let power: f64 = expected.iter().map(|&x| f64::from(x).powi(2)).sum();
            let error: f64 = made.iter().zip(&expected).map(|(a, b)| f64::from(a - b).powi(2)).sum();
            let below_db = 10.0 * (power / error.max(1e-30)).log10();
            assert!(below_db > 40.0, "batch of {size}, pitch {}: {below_db:.0} dB", note.key.pitch);
        }
    }
    drop(renderer);
    // And in the service.
    let mut player = Player::playing(path);
    player.ear.want(timbre(4), &[]);
    player.wait_until("the device renders", |player| {
        player.ear.hear();
        player.device().starts_with(provider.name())
    });
    let start = Instant::now();
    player.ear.want(timbre(5), &[]);
    let notes = player.keyboard(5);
    println!(
        "a keyboard of {} notes: {:.1} ms by {}",
        notes.len(),
        1e3 * start.elapsed().as_secs_f64(),
        player.device()
    );
    assert!(notes.iter().all(|note| note.origin == Origin::Device));
    player.instance.choose_device(Choice::Cpu);
    assert_eq!(player.ear.error(), "");
}

/// That the key of a note says nothing of where it was rendered.
#[test]
fn notes_of_both_origins_are_one_sound() {
    let key = NoteKey { model: Default::default(), timbre: timbre(1), pitch: 60 };
    let [cpu, device] = [Origin::Cpu, Origin::Device].map(|origin| super::scheduling::blank(key, origin));
    assert_eq!(cpu.key, device.key);
    assert!(cpu.serves(true) && cpu.serves(false) && device.serves(false) && !device.serves(true));
}
