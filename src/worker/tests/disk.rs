//! Notes that are kept on the disk, through the whole service. Its folder is set by the environment, so each test runs in a
//! process of its own.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::*;
use crate::files::CACHE_VARIABLE;
use crate::model::handmade::{Folder, Handmade};
use crate::storage::{DISK_VARIABLE, MEMORY_VARIABLE};
use crate::worker::client::REST;
use crate::worker::disk::entry;

/// Runs an ignored test of this file in a process whose notes are kept in `notes`.
fn run(test: &str, notes: &Path) {
    check(&command(test, notes).output().unwrap());
}

fn command(test: &str, notes: &Path) -> Command {
    let mut command = alone(&format!("disk::{test}"));
    command.env(CACHE_VARIABLE, notes);
    command
}

fn own_notes() -> PathBuf {
    std::env::var_os(CACHE_VARIABLE).expect("set by the test that started this process").into()
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(found) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = found.flatten().map(|entry| entry.path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Every entry below a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut entries = files(folder);
    entries.retain(|path| path.extension().is_some_and(|extension| extension == "note"));
    entries.sort();
    entries
}

/// Plays the keyboard of a timbre until all of it is there, and returns its notes by pitch.
fn keyboard(player: &mut Player, seed: u32) -> Vec<Arc<Note>> {
    player.ear.want(timbre(seed), &[]);
    let mut notes = Vec::new();
    // The keys' states alone may still be those of the timbre before.
    player.wait_until("the keyboard is ready", |player| {
        notes.extend(player.ear.hear().into_iter().filter(|note| note.key.timbre == timbre(seed)));
        notes.len() == 61 && (24..=84).all(|key| player.ear.state(key) == KeyState::Ready)
    });
    notes.sort_by_key(|note| note.key.pitch);
    notes
}

/// Whether an entry is of a seed's timbre.
fn is_of(entry: &Path, seed: u32) -> bool {
    let timbre = entry.parent().and_then(Path::file_name).unwrap_or_default();
    timbre.to_string_lossy().starts_with(&format!("{seed:08x}"))
}

fn save_until(player: &mut Player, count: usize) {
    player.instance.session_is_saved();
    player.wait_until("the notes are on the disk", |_| entries(&own_notes()).len() == count);
}

#[test]
fn a_saved_project_opens_with_its_notes_from_the_disk() {
    run("child_opens_a_project_again_and_again", &Folder::new().join("notes"));
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_opens_a_project_again_and_again() {
    let folder = Folder::new();
    let path = Handmade::named("kept").write(&folder, "kept.onnx");
    let mut player = Player::playing(path.clone());
    let rendered = keyboard(&mut player, 7);
    assert_eq!((rendered.len(), player.ear.rendered()), (61, 61));
    assert!(entries(&own_notes()).is_empty(), "nothing is kept before the timbre is saved or at rest");
    save_until(&mut player, 61);
    // The file is there a moment before it is counted.
    player.wait_until("all are counted", |player| player.instance.usage().disk_bytes > 61 * 540_000);
    assert_eq!(player.instance.usage().folder, Some(own_notes()));
    drop(player);

    // The service ended with the instance, and its memory with it.
    let mut player = Player::playing(path.clone());
    let read = keyboard(&mut player, 7);
    assert_eq!(player.ear.rendered(), 0, "all of it came from the disk");
    assert!(read.len() == 61 && read.iter().zip(&rendered).all(|(read, rendered)| **read == **rendered));
    drop(player);

    // What is damaged, cut short or gone is rendered anew, and written again.
    let files = entries(&own_notes());
    let whole = std::fs::read(&files[3]).unwrap();
    let mut damaged = whole.clone();
    damaged[300_000] ^= 1;
    std::fs::write(&files[3], damaged).unwrap();
    std::fs::write(&files[10], &whole[..100_000]).unwrap();
    std::fs::remove_file(&files[20]).unwrap();
    let mut player = Player::playing(path.clone());
    let mended = keyboard(&mut player, 7);
    assert_eq!(player.ear.rendered(), 3);
    assert!(mended.iter().zip(&rendered).all(|(mended, rendered)| **mended == **rendered));
    save_until(&mut player, 61);
    player
        .wait_until("the damaged note is whole again", |_| std::fs::read(&files[3]).is_ok_and(|bytes| bytes == whole));
    assert_eq!(player.ear.error(), "");

    // Clearing removes all of it, and what plays stays away until a session is saved with it again.
    player.instance.clear_disk();
    player.wait_until("it is cleared", |player| player.instance.usage().disk_bytes == 0);
    assert!(entries(&own_notes()).is_empty());
    save_until(&mut player, 61);
    assert_eq!(player.ear.rendered(), 3, "nothing was rendered for it");
}

#[test]
fn a_folder_that_is_removed_while_it_is_used_comes_back() {
    run("child_loses_the_folder", &Folder::new().join("notes"));
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_loses_the_folder() {
    let folder = Folder::new();
    let path = Handmade::named("lost").write(&folder, "lost.onnx");
    let mut player = Player::playing(path.clone());
    let rendered = keyboard(&mut player, 7);
    save_until(&mut player, 61);
    drop(player);
    // What is believed to lie there is asked for, and rendered when it does not come.
    let mut player = Player::playing(path);
    player.wait_until("the folder was looked at", |player| player.instance.usage().disk_bytes > 0);
    std::fs::remove_dir_all(own_notes()).unwrap();
    let again = keyboard(&mut player, 7);
    assert!(again.iter().zip(&rendered).all(|(again, rendered)| **again == **rendered));
    assert_eq!((again.len(), player.ear.rendered()), (61, 61));
    // And what is new is kept.
    keyboard(&mut player, 8);
    player.instance.session_is_saved();
    player.wait_until("it is kept again", |_| entries(&own_notes()).iter().filter(|path| is_of(path, 8)).count() == 61);
    assert_eq!(player.ear.error(), "");
}

#[test]
fn a_timbre_that_rests_is_kept_and_one_that_moves_is_not() {
    run("child_moves_and_rests", &Folder::new().join("notes"));
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_moves_and_rests() {
    let folder = Folder::new();
    let mut player = Player::playing(Handmade::named("moves").write(&folder, "moves.onnx"));
    // On a slow machine one that moves may have stood as well.
    let mut stood = vec![7];
    for seed in 100..130 {
        let since = Instant::now();
        let request = NoteRequest { timbre: timbre(seed), key: 60 };
        player.ear.want(timbre(seed), &[request]);
        player.wait_for(request);
        if since.elapsed() > REST / 2 {
            stood.push(seed);
        }
    }
    keyboard(&mut player, 7);
    let kept_of = |seed| entries(&own_notes()).iter().filter(|path| is_of(path, seed)).count();
    player.wait_until("the timbre at rest is kept", |_| kept_of(7) == 61);
    let kept = entries(&own_notes());
    assert!(kept.iter().all(|path| stood.iter().any(|&seed| is_of(path, seed))), "of {stood:?} only: {kept:?}");
}

#[test]
fn where_nothing_can_be_written_it_is_said_and_the_notes_come() {
    let folder = Folder::new();
    // A file in the place of the folder: permissions would not stop a superuser.
    std::fs::write(folder.join("notes"), "a file").unwrap();
    run("child_cannot_write", &folder.join("notes"));
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_cannot_write() {
    let folder = Folder::new();
    let mut player = Player::playing(Handmade::named("full").write(&folder, "full.onnx"));
    assert_eq!(keyboard(&mut player, 7).len(), 61);
    player.instance.session_is_saved();
    player.wait_until("it is said", |player| !player.ear.error().is_empty());
    let error = player.ear.error();
    assert!(error.contains("cannot be kept in") && error.ends_with('.') && !error.contains('\n'), "{error}");
    *player.ear.status().error.lock() = None;
    assert_eq!(keyboard(&mut player, 8).len(), 61);
    player.instance.session_is_saved();
    assert_eq!(keyboard(&mut player, 9).len(), 61);
    assert_eq!(player.ear.error(), "", "it is said once");
}

#[cfg(unix)]
#[test]
fn on_a_full_disk_it_is_said_the_notes_come_and_are_kept_once_there_is_room() {
    run("child_fills_the_disk", &Folder::new().join("notes"));
}

/// The same on a file system of its own that is full.
#[cfg(target_os = "linux")]
#[test]
#[ignore = "needs the right to mount"]
fn on_a_file_system_that_is_full() {
    let folder = Folder::new();
    let script = "mount -t tmpfs -o size=64m tmpfs \"$1\" && shift && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh"]).arg(folder.join(""));
    let child = alone("disk::child_fills_the_disk");
    command.arg(child.get_program()).args(child.get_args());
    command.env(CACHE_VARIABLE, folder.join("notes")).env(BALLAST_VARIABLE, folder.join("ballast"));
    check(&command.output().unwrap());
}

/// Names a file that takes all the room there is; without it, files of more than half a note cannot be written.
#[cfg(unix)]
const BALLAST_VARIABLE: &str = "TIMBREL_TEST_BALLAST";

#[cfg(unix)]
fn set_room(there_is: bool) {
    if let Some(ballast) = std::env::var_os(BALLAST_VARIABLE) {
        if there_is {
            return std::fs::remove_file(ballast).unwrap();
        }
        let mut ballast = std::fs::File::create(ballast).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
        return;
    }
    // SAFETY: neither call touches memory but the structure that is passed. Ignoring the signal lets the system answer with
    // an error instead, as a full disk does.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        let mut limit = std::mem::zeroed::<libc::rlimit>();
        assert_eq!(libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit), 0);
        limit.rlim_cur = if there_is { limit.rlim_max } else { 300_000 };
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}

#[cfg(unix)]
#[test]
#[ignore = "runs in a process of its own"]
fn child_fills_the_disk() {
    let models = Folder::new();
    let mut player = Player::playing(Handmade::named("full").write(&models, "full.onnx"));
    assert_eq!(keyboard(&mut player, 7).len(), 61);
    set_room(false);
    player.instance.session_is_saved();
    player.wait_until("it is said", |player| !player.ear.error().is_empty());
    let error = player.ear.error();
    assert!(error.contains("cannot be kept in") && error.contains("free some space"), "{error}");
    let rendered = keyboard(&mut player, 8);
    assert_eq!(rendered.len(), 61, "the notes come");
    assert_eq!(files(&own_notes()), Vec::<PathBuf>::new(), "nothing half-written is left");
    set_room(true);
    save_until(&mut player, 61);
    player.wait_until("the sentence is taken back", |player| player.ear.error().is_empty());
    let kept = entries(&own_notes()).into_iter().map(|path| entry::any_from_bytes(&std::fs::read(path).unwrap()));
    let mut kept: Vec<Note> = kept.map(|note| note.expect("it is whole")).collect();
    kept.sort_by_key(|note| note.key.pitch);
    assert!(kept.iter().zip(&rendered).all(|(kept, rendered)| *kept == **rendered));
}

/// What two processes at once may keep: not quite three of the five timbres that they play.
const SHARED_MB: u32 = 100;
const SHARED_SEEDS: [u32; 5] = [1, 2, 3, 4, 5];
const SHARED_ROUNDS: usize = 12;
/// What must have been damaged under their hands before they may end.
const SHARED_DAMAGES: usize = 50;

/// A file that lets the processes end.
const END_VARIABLE: &str = "TIMBREL_TEST_END";

/// The sum of each timbre's notes, as rendered where nothing is kept: written by the first process, held against by others.
const RIGHT_VARIABLE: &str = "TIMBREL_TEST_RIGHT";

/// Set in the process that clears the folder now and then.
const CLEARS_VARIABLE: &str = "TIMBREL_TEST_CLEARS";

#[test]
fn two_processes_share_a_folder_that_is_written_trimmed_cleared_and_damaged() {
    let folder = Folder::new();
    let notes = folder.join("notes");
    let path = Handmade::named("shared").write(&folder, "shared.onnx");
    let with = |test: &str, notes: &Path| {
        let mut command = command(test, notes);
        command.env(RIGHT_VARIABLE, folder.join("right")).env("TIMBREL_TEST_MODEL", &path);
        command.env(END_VARIABLE, folder.join("end"));
        // One keyboard, so that what was played before comes from the disk.
        command.env(MEMORY_VARIABLE, "40").env(DISK_VARIABLE, SHARED_MB.to_string());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    check(&with("child_plays_every_timbre", Path::new("off")).output().unwrap());
    let mut processes = [
        with("child_shares_the_folder", &notes).spawn().unwrap(),
        with("child_shares_the_folder", &notes).env(CLEARS_VARIABLE, "1").spawn().unwrap(),
    ];
    let (mut most_bytes, mut damaged) = (0, 0);
    let mut since = Instant::now();
    while processes.iter_mut().all(|process| process.try_wait().unwrap().is_none()) {
        let files = files(&notes);
        most_bytes = most_bytes.max(files.iter().filter_map(|path| Some(path.metadata().ok()?.len())).sum());
        let found = entries(&notes);
        if let Some(path) = found.get(damaged * 7 % found.len().max(1)) {
            damage(path, damaged % 2 == 0);
            damaged += 1;
            since = Instant::now();
        }
        // However slow the machine is, a whole keyboard lay there, and much of it was damaged.
        if damaged >= SHARED_DAMAGES && most_bytes > 61 * 500_000 || since.elapsed() > HANG {
            std::fs::write(folder.join("end"), "").unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    for process in processes {
        check(&process.wait_with_output().unwrap());
    }
    assert!(
        damaged >= SHARED_DAMAGES && most_bytes > 61 * 500_000,
        "{damaged} notes damaged, {most_bytes} bytes at most"
    );
    assert!(most_bytes <= u64::from(SHARED_MB) << 20, "{most_bytes} bytes");
    // What they left is good for the next one.
    check(&with("child_plays_every_timbre", &notes).output().unwrap());
}

/// Damages an entry where it lies, if it still does.
fn damage(path: &Path, cuts: bool) {
    let Ok(mut file) = std::fs::File::options().write(true).open(path) else { return };
    if cuts { file.set_len(100_000) } else { file.write_all(b"no note is this") }.unwrap();
}

/// The sum of a timbre's notes.
fn sum(notes: &[Arc<Note>]) -> String {
    let mut sum = Sha256::new();
    notes.iter().for_each(|note| sum.update(entry::to_bytes(note)));
    sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn right() -> PathBuf {
    std::env::var_os(RIGHT_VARIABLE).expect("set by the test that started this process").into()
}

fn sharing() -> Player {
    Player::playing(std::env::var_os("TIMBREL_TEST_MODEL").expect("set by the test that started this process").into())
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_plays_every_timbre() {
    let mut player = sharing();
    let sums: Vec<String> = SHARED_SEEDS.iter().map(|seed| sum(&keyboard(&mut player, *seed))).collect();
    let played = 61 * SHARED_SEEDS.len() as u64;
    match std::fs::read_to_string(right()) {
        Ok(right) => {
            assert_eq!(sums.join("\n"), right);
            saves_another(player);
        }
        Err(_) => {
            assert_eq!(player.ear.rendered(), played);
            std::fs::write(right(), sums.join("\n")).unwrap();
        }
    }
}

/// Saves a session with a timbre that was not played before, which comes from the disk when it is opened.
fn saves_another(mut player: Player) {
    const SEED: u32 = 9;
    let rendered = keyboard(&mut player, SEED);
    player.instance.session_is_saved();
    player.wait_until("its notes are on the disk", |_| {
        entries(&own_notes()).iter().filter(|path| is_of(path, SEED)).count() == 61
    });
    drop(player);
    let mut player = sharing();
    assert!(keyboard(&mut player, SEED).iter().zip(&rendered).all(|(read, rendered)| **read == **rendered));
    assert_eq!(player.ear.rendered(), 0, "all of it came from the disk");
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_shares_the_folder() {
    let clears = std::env::var_os(CLEARS_VARIABLE).is_some();
    let mut player = sharing();
    let right = std::fs::read_to_string(right()).unwrap();
    let right: Vec<&str> = right.lines().collect();
    let end = PathBuf::from(std::env::var_os(END_VARIABLE).expect("set by the test that started this process"));
    let mut rounds = 0;
    while rounds < SHARED_ROUNDS || !end.exists() {
        let round = rounds;
        rounds += 1;
        // To and fro between two timbres, so that one comes back before it had to go; then on to the next two.
        let index = (round / 4 * 2 + round % 2 + usize::from(clears)) % SHARED_SEEDS.len();
        assert_eq!(sum(&keyboard(&mut player, SHARED_SEEDS[index])), right[index], "round {round}");
        if clears && round % 4 == 3 {
            player.instance.clear_disk();
        }
        player.instance.session_is_saved();
        // Time to write some or all of them; how many does not matter, but one day all.
        std::thread::sleep(Duration::from_millis(400 + 100 * rounds.saturating_sub(SHARED_ROUNDS) as u64));
        assert_eq!(player.ear.error(), "");
    }
    println!("{} notes rendered of {}", player.ear.rendered(), 61 * rounds);
}

#[test]
fn a_timbre_that_was_played_comes_back_from_memory() {
    let _turn = turn();
    let folder = Folder::new();
    let mut player = Player::playing(Handmade::named("back").write(&folder, "back.onnx"));
    keyboard(&mut player, 1);
    keyboard(&mut player, 2);
    assert_eq!(player.ear.rendered(), 122);
    let again = keyboard(&mut player, 1);
    assert_eq!((again.len(), player.ear.rendered()), (61, 122));
    assert!(player.instance.usage().memory_bytes > 122 * 540_000);
}
