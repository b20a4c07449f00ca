//! What a person offers as the new program: a program, or an archive with one.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::fault::Fault;
use crate::limits;

/// File name of the program in an archive.
const PROGRAM: &str = "drovers";

/// The list of checksums that is beside an archive of a release.
const CHECKSUMS: &str = "SHA256SUMS";

/// The first bytes of a compressed archive.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Digits of a checksum.
const DIGITS: usize = 64;

/// Copies the program in a file to `to`, once the file is shown to be the one that was meant. Blocks on the disk.
///
/// The checksum is the given one, else that of the list beside the file. Without either the file is not checked.
///
/// Returns whether it was checked.
///
/// # Errors
/// The file cannot be read, is another one, or has no program; or `to` cannot be written.
pub(super) fn unpack(from: &Path, checksum: Option<&str>, to: &Path) -> Result<bool, Fault> {
    let shown = from.display();
    let unreadable = |error: io::Error| {
        Fault::usage(format!(
            "{shown} cannot be read: {error}. Name a program, or an archive of a release"
        ))
    };
    let mut file = File::open(from).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(Fault::usage(format!(
            "{shown} is no file. Name a program, or an archive of a release"
        )));
    }
    let expected = match checksum {
        Some(given) => Some(given.to_owned()),
        None => listed(from)?,
    };
    let is_checked = expected.is_some();
    if let Some(expected) = expected {
        let found = hash(&mut file).map_err(unreadable)?;
        if !found.eq_ignore_ascii_case(expected.trim()) {
            return Err(Fault::failed(format!(
                "{shown} has the checksum {found}, and {expected} was expected: it is damaged or another file. Get it again"
            )));
        }
        file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    }
    let mut first = [0; 2];
    let read = file.read(&mut first).map_err(unreadable)?;
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    match first[..read] == GZIP {
        true => from_archive(file, from, to)?,
        false => copy(file, to)?,
    }
    Ok(is_checked)
}

/// Checks the form of a checksum, for the command line.
///
/// # Errors
/// It is none; the message says how one looks.
pub(super) fn checksum(text: &str) -> Result<String, String> {
    match text.len() == DIGITS && text.chars().all(|c| c.is_ascii_hexdigit()) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a SHA-256 checksum has {DIGITS} hexadecimal digits, as `sha256sum FILE` prints them"
        )),
    }
}

/// The checksum of a file in the list beside it. `None` if there is no list.
///
/// # Errors
/// The list cannot be read, or does not name the file.
fn listed(file: &Path) -> Result<Option<String>, Fault> {
    let path = file.with_file_name(CHECKSUMS);
    let failed = |why: &str| {
        Fault::failed(format!(
            "{} {why}. Give the checksum of {} by --checksum, or move the list away",
            path.display(),
            file.display()
        ))
    };
    let unreadable = |error: io::Error| failed(&format!("cannot be read: {error}"));
    let list = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        list => list.map_err(unreadable)?,
    };
    let mut text = String::new();
    let mut list = list.take(limits::CHECKSUMS_BYTES);
    list.read_to_string(&mut text).map_err(unreadable)?;
    let name = file.file_name().and_then(|name| name.to_str());
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(_, rest)| {
        let rest = rest.trim_start_matches([' ', '*']);
        Some(rest.strip_prefix("./").unwrap_or(rest)) == name
    });
    let found = found.ok_or_else(|| failed("does not name the file"))?;
    Ok(Some(found.0.to_owned()))
}

fn hash(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; limits::READ_BYTES];
    loop {
        match file.read(&mut chunk)? {
            0 => break,
            read => hash.update(&chunk[..read]),
        }
    }
    let digits = hash.finalize();
    Ok(digits.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn from_archive(file: File, from: &Path, to: &Path) -> Result<(), Fault> {
    let shown = from.display();
    let damaged = |error: io::Error| {
        Fault::failed(format!(
            "{shown} cannot be unpacked: {error}. Get it again, or unpack it yourself and name the program in it"
        ))
    };
    let mut archive = tar::Archive::new(GzDecoder::new(file).take(limits::ARCHIVE_BYTES));
    for entry in archive.entries().map_err(damaged)? {
        let entry = entry.map_err(damaged)?;
        let path = entry.path().map_err(damaged)?.into_owned();
        let is_named = path.file_name().is_some_and(|name| name == PROGRAM);
        let is_file = entry.header().entry_type().is_file();
        if is_named && is_file && path.components().count() <= 2 {
            return copy(entry, to);
        }
    }
    Err(Fault::failed(format!(
        "{shown} has no program named {PROGRAM} in its folder. Name an archive of a release"
    )))
}

/// Writes a program, which then can be run.
fn copy(from: impl Read, to: &Path) -> Result<(), Fault> {
    let failed = |error: io::Error| {
        Fault::failed(format!(
            "{} cannot be written: {error}. Update Drovers with what installed it, or install it in a folder of yours",
            to.display()
        ))
    };
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(to)
        .map_err(failed)?;
    let copied = io::copy(&mut from.take(limits::PROGRAM_BYTES + 1), &mut file).map_err(failed)?;
    if copied > limits::PROGRAM_BYTES {
        return Err(Fault::failed(format!(
            "the program is larger than {} MiB. Name a program of a release",
            limits::PROGRAM_BYTES >> 20
        )));
    }
    file.flush().and_then(|()| file.sync_all()).map_err(failed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// The checksum of `hello`.
    const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

    fn archive(entries: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, text) in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, name, text.as_bytes())
                .unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn a_program_is_copied_if_its_checksum_is_the_expected_one() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("drovers"), dir.path().join("new"));
        fs::write(&from, "hello").unwrap();
        let other = HELLO.replace('2', "3");
        let refused = unpack(&from, Some(&other), &to).unwrap_err().to_string();
        assert!(refused.contains(HELLO) && !to.exists(), "{refused}");
        unpack(&from, Some(&HELLO.to_uppercase()), &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "hello");
        fs::remove_file(&to).unwrap();
        // The list beside it counts where none is given.
        let list = dir.path().join(CHECKSUMS);
        fs::write(&list, format!("{other}  drovers\n")).unwrap();
        assert!(unpack(&from, None, &to).is_err());
        fs::write(&list, format!("{other}  another\n{HELLO}  drovers\n")).unwrap();
        unpack(&from, None, &to).unwrap();
        fs::remove_file(&to).unwrap();
        fs::write(&list, format!("{HELLO} *./drovers\n")).unwrap();
        unpack(&from, None, &to).unwrap();
        fs::remove_file(&to).unwrap();
        // A list that names other files, or that is none, lets nothing pass unchecked.
        for text in [&b"aa  another\n"[..], &[0xff, 0xfe]] {
            fs::write(&list, text).unwrap();
            let refused = unpack(&from, None, &to).unwrap_err().to_string();
            assert!(refused.contains("--checksum") && !to.exists(), "{refused}");
        }
        assert!(checksum(HELLO).is_ok() && checksum("abc").is_err());
    }

    #[test]
    fn the_program_of_an_archive_is_the_one_in_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a.tar.gz"), dir.path().join("new"));
        let entries = [
            ("drovers-1/docs/x/drovers", "no program"),
            ("drovers-1/drovers", "program"),
        ];
        fs::write(&from, archive(&entries)).unwrap();
        unpack(&from, None, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "program");
        fs::remove_file(&to).unwrap();
        fs::write(&from, archive(&entries[..1])).unwrap();
        let refused = unpack(&from, None, &to).unwrap_err().to_string();
        assert!(refused.contains("no program") && !to.exists(), "{refused}");
        fs::write(&from, [&GZIP[..], b"nonsense"].concat()).unwrap();
        let refused = unpack(&from, None, &to).unwrap_err().to_string();
        assert!(refused.contains("cannot be unpacked"), "{refused}");
        assert!(unpack(dir.path(), None, &to).is_err());
    }
}
