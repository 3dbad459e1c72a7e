//! Notes that are kept on the disk, through the whole service. Its folder is set by the environment, so each test runs in a
//! process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;
use crate::files::CACHE_VARIABLE;
use crate::model::handmade::{Folder, Handmade};

/// Runs an ignored test of this file in a process whose notes are kept in `notes`.
fn run(test: &str, notes: &Path) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&format!("worker::tests::disk::{test}"), "--exact", "--ignored", "--nocapture"])
        .env(CACHE_VARIABLE, notes)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn own_notes() -> PathBuf {
    std::env::var_os(CACHE_VARIABLE).expect("set by the test that started this process").into()
}

/// Every entry below a folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(found) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = found.flatten().map(|entry| entry.path());
    let mut entries: Vec<PathBuf> =
        paths.flat_map(|path| if path.is_dir() { entries(&path) } else { vec![path] }).collect();
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
    let used = player.instance.usage();
    assert!(used.folder == Some(own_notes()) && used.disk_bytes > 61 * 540_000, "{used:?}");
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
fn a_timbre_that_rests_is_kept_and_one_that_moves_is_not() {
    run("child_moves_and_rests", &Folder::new().join("notes"));
}

#[test]
#[ignore = "runs in a process of its own"]
fn child_moves_and_rests() {
    let folder = Folder::new();
    let mut player = Player::playing(Handmade::named("moves").write(&folder, "moves.onnx"));
    for seed in 100..130 {
        let request = NoteRequest { timbre: timbre(seed), key: 60 };
        player.ear.want(timbre(seed), &[request]);
        player.wait_for(request);
    }
    keyboard(&mut player, 7);
    player.wait_until("the timbre at rest is kept", |_| entries(&own_notes()).len() == 61);
    let files = entries(&own_notes());
    assert!(files.iter().all(|file| file.parent() == files[0].parent()), "of one timbre only: {files:?}");
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
