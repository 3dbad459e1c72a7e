//! A file that is named by text: a path, or a URI as file managers copy it.

use std::path::PathBuf;

/// Longest text that is looked at, in bytes.
const LONGEST: usize = 16 * 1024;

/// The first file that a text names. `None` where it names none, whether or not a file of that name is there.
///
/// A file manager copies a list of URIs, one a line, some with a comment or the word "copy" above; a terminal's drop puts quotes
/// around a path.
pub fn named(text: &str) -> Option<PathBuf> {
    if text.len() > LONGEST {
        return None;
    }
    text.lines().find_map(of_line)
}

fn of_line(line: &str) -> Option<PathBuf> {
    let line = line.trim().trim_matches(['"', '\'']);
    let path = match line.split_at_checked("file:".len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file:") => of_uri(rest)?,
        _ => line.to_owned(),
    };
    if path.contains('\0') {
        return None;
    }
    if let Some(rest) = path.strip_prefix("~/") {
        let home = std::env::var_os(if cfg!(windows) { "USERPROFILE" } else { "HOME" })?;
        return Some(PathBuf::from(home).join(rest));
    }
    Some(PathBuf::from(path)).filter(|path| path.is_absolute())
}

/// What follows the scheme of a URI, without its host. A file of another machine is none of ours.
fn of_uri(rest: &str) -> Option<String> {
    let path = match rest.strip_prefix("//") {
        Some(rest) => {
            let slash = rest.find('/')?;
            let host = &rest[..slash];
            if !(host.is_empty() || host.eq_ignore_ascii_case("localhost")) {
                return None;
            }
            &rest[slash..]
        }
        None => rest,
    };
    let path = unescaped(path)?;
    // On Windows a slash stands before the drive.
    let drive = cfg!(windows) && path.as_bytes().get(2) == Some(&b':');
    Some(if drive { path[1..].to_owned() } else { path })
}

/// Text whose percent signs stand for bytes.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        if first == b'%' {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        } else {
            bytes.push(first);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_uris_name_files_and_other_text_does_not() {
        for (text, path) in [
            ("/home/me/harp.wav", Some("/home/me/harp.wav")),
            ("  \"/home/me/a harp.wav\"\n", Some("/home/me/a harp.wav")),
            ("file:///home/me/a%20harp%C3%A9.wav", Some("/home/me/a harp\u{e9}.wav")),
            ("FILE://localhost/harp.wav", Some("/harp.wav")),
            ("file:/harp.wav", Some("/harp.wav")),
            ("# a comment\r\nfile:///first.wav\r\nfile:///second.wav", Some("/first.wav")),
            ("copy\nfile:///first.wav", Some("/first.wav")),
            ("file://elsewhere/harp.wav", None),
            ("file:///bad%2", None),
            ("file:///bad%ff.wav", None),
            ("file:///nul%00.wav", None),
            ("harp.wav", None),
            ("https://example.org/harp.wav", None),
            ("{\"timbrel_timbre\":1}", None),
            ("", None),
        ] {
            assert_eq!(named(text), path.map(PathBuf::from), "{text}");
        }
        assert!(named("~/harp.wav").unwrap().ends_with("harp.wav"));
        assert_eq!(named(&format!("/{}", "x".repeat(LONGEST))), None);
    }
}
