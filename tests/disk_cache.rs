//! A project is opened with a cold and with a warm cache of rendered notes on the disk, through the built bundle.
//!
//! The folder is set by the environment, so each of these hosts is a process of its own: this program again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use timbrel::worker::disk::entry;
use timbrel_host::measure::{db, rms};
use timbrel_host::{Activation, Audio, Event, Pace, Plugin};

const CACHE: &str = "TIMBREL_CACHE";

/// Where no note was kept for so long, none will be. Only a hang is stopped by this.
const HANG: Duration = Duration::from_secs(60);

/// Keys that are played; each has an entry in the cache.
const CHORD: [u8; 3] = [48, 60, 67];

/// A folder that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("timbrel-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A leftover in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Plays the project in a host of its own, and returns what it heard.
fn host(test: &str, scratch: &Scratch) -> Vec<f32> {
    let heard = scratch.0.join("heard");
    let output = Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--ignored", "--nocapture"])
        .env(CACHE, scratch.0.join("notes"))
        .env("TIMBREL_TEST_HEARD", &heard)
        .output()
        .unwrap();
    assert!(
        output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"),
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let bytes = std::fs::read(heard).unwrap();
    bytes.chunks_exact(4).map(|sample| f32::from_le_bytes([sample[0], sample[1], sample[2], sample[3]])).collect()
}

fn tell(audio: &Audio) {
    let bytes: Vec<u8> = audio.left.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(std::env::var_os("TIMBREL_TEST_HEARD").unwrap(), bytes).unwrap();
}

/// Entries of the cache by their pitch.
fn entries(folder: &Path) -> Vec<(u8, PathBuf)> {
    let Ok(found) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut all = Vec::new();
    for path in found.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            all.extend(entries(&path));
        } else if path.extension().is_some_and(|extension| extension == "note") {
            all.push((path.file_stem().unwrap().to_string_lossy().parse().unwrap(), path));
        }
    }
    all.sort();
    all
}

fn entry_of(scratch: &Scratch, pitch: u8) -> PathBuf {
    let entries = entries(&scratch.0.join("notes"));
    entries.into_iter().find(|(own, _)| *own == pitch).expect("the key is in the cache").1
}

fn project(plugin: &mut Plugin) {
    let seed = plugin.param("Seed").unwrap();
    plugin.set(seed, 7.0).unwrap();
}

fn chord() -> Vec<timbrel_host::At> {
    CHORD.map(|key| Event::on(key).at(100)).to_vec()
}

/// Plays in real time until the cache holds the whole keyboard.
#[test]
#[ignore = "runs in a process of its own"]
fn child_saves_the_project() {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    project(&mut plugin);
    plugin.activate(Activation::default()).unwrap();
    let notes = PathBuf::from(std::env::var_os(CACHE).unwrap());
    let (mut kept, mut since) = (0, Instant::now());
    while kept < 61 {
        let now = entries(&notes).len();
        if now != kept {
            (kept, since) = (now, Instant::now());
        }
        assert!(since.elapsed() < HANG, "only {kept} notes were kept");
        plugin.play_in(&[], 0.2, std::iter::repeat(512), Pace::RealTime).unwrap();
        plugin.save().unwrap();
    }
    plugin.reset();
    let audio = plugin.play_in(&chord(), 1.0, std::iter::repeat(512), Pace::RealTime).unwrap();
    tell(&audio);
}

/// Bounces the project.
#[test]
#[ignore = "runs in a process of its own"]
fn child_bounces_the_project() {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    project(&mut plugin);
    plugin.set_offline(true).unwrap();
    plugin.activate(Activation::default()).unwrap();
    tell(&plugin.play(&chord(), 1.0).unwrap());
}

fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

#[test]
fn a_bounce_is_the_same_with_a_cold_and_a_warm_cache_and_a_damaged_one() {
    let scratch = Scratch::new("disk-cache");
    let cold = host("child_bounces_the_project", &scratch);
    assert!(db(rms(&cold)) > -60.0, "it sounds");
    let live = host("child_saves_the_project", &scratch);
    assert!(db(rms(&live)) > -60.0);
    assert!(same_bits(&cold, &host("child_bounces_the_project", &scratch)), "warm");

    // That the warm one came from the disk is heard when the disk holds another sound.
    let path = entry_of(&scratch, 60);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, softer(&whole)).unwrap();
    let softer = host("child_bounces_the_project", &scratch);
    assert!(rms(&softer) < 0.98 * rms(&cold) && !same_bits(&cold, &softer), "the note was read");

    // A checksum that is wrong, a file that is cut, one of another note, and one that is gone.
    let [low, high] = [CHORD[0], CHORD[2]].map(|pitch| entry_of(&scratch, pitch));
    let mut damaged = whole.clone();
    damaged[400_000] ^= 0x40;
    std::fs::write(&path, &damaged).unwrap();
    std::fs::write(&low, &whole[..whole.len() / 2]).unwrap();
    std::fs::copy(entry_of(&scratch, 61), &high).unwrap();
    assert!(same_bits(&cold, &host("child_bounces_the_project", &scratch)), "damaged");
    assert!(![&path, &low, &high].iter().any(|path| path.exists()), "what was damaged is removed");
    host("child_saves_the_project", &scratch);
    assert_eq!(std::fs::read(&path).unwrap(), whole, "and made anew, the same bits");
}

/// The entry of a note, at a tenth of its level in frames and head.
fn softer(bytes: &[u8]) -> Vec<u8> {
    let mut note = entry::any_from_bytes(bytes).unwrap();
    let (steps, codes) = note.frames.codes();
    let softer = steps.iter().map(|step| 0.1 * step).collect();
    let frames = timbrel::frames::Frames::from_codes(note.geometry.bins, softer, codes.into());
    note.frames = frames.unwrap();
    note.head.iter_mut().for_each(|sample| *sample *= 0.1);
    entry::to_bytes(&note)
}
