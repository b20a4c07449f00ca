//! The password by which a person comes in from a browser, where one is set.
//!
//! The file `password` of the data directory (mode 0600) has its Argon2id hash as a PHC string. It is read for each
//! attempt, so that a change holds at once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};

use crate::datadir::write_private;
use crate::limits;

/// File name in the data directory.
const FILE: &str = "password";

/// The place of the password.
#[derive(Clone, Debug)]
pub struct Password {
    file: PathBuf,
}

/// The reason why a password cannot be set. Every message names the next step.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// The password is too short or too long.
    #[error(
        "a password has {} to {} characters. A few random words are easy to type on a phone",
        limits::PASSWORD_LEAST,
        limits::PASSWORD_MOST
    )]
    Length,
    /// The file cannot be written.
    #[error("{path} cannot be written: {source}. Check its permissions and the space on its disk")]
    Disk {
        /// Path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The password cannot be hashed.
    #[error("the password cannot be hashed: {0}. Try again")]
    Hash(String),
}

impl Password {
    /// The password of the hub with this data directory.
    pub fn in_folder(data_dir: &Path) -> Self {
        Self {
            file: data_dir.join(FILE),
        }
    }

    /// True if a password is set. Blocks on the disk.
    pub fn is_set(&self) -> bool {
        self.file.exists()
    }

    /// Sets the password. Blocks on the disk, and takes a moment of computing.
    ///
    /// # Errors It is too short or too long, or cannot be written.
    pub fn set(&self, text: &str) -> Result<(), PasswordError> {
        if !(limits::PASSWORD_LEAST..=limits::PASSWORD_MOST).contains(&text.chars().count()) {
            return Err(PasswordError::Length);
        }
        let hash = hash(text).map_err(|error| PasswordError::Hash(error.to_string()))?;
        let written = write_private(&self.file, hash.to_string().as_bytes());
        written.map_err(|source| PasswordError::Disk {
            path: self.file.clone(),
            source,
        })
    }

    /// Removes the password: nobody comes in by it any more. False if there was none. Blocks on the disk.
    ///
    /// # Errors The file cannot be removed.
    pub fn remove(&self) -> Result<bool, PasswordError> {
        match fs::remove_file(&self.file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(source) => Err(PasswordError::Disk {
                path: self.file.clone(),
                source,
            }),
        }
    }

    /// True if the text is the password. Takes as long where none is set. Blocks on the disk, and takes a moment of
    /// computing.
    pub fn is(&self, text: &str) -> bool {
        // A longer text was never set, and would only cost time.
        let text = match text.chars().nth(limits::PASSWORD_MOST) {
            None => text,
            Some(_) => "",
        };
        let stored = fs::read_to_string(&self.file).unwrap_or_default();
        let Ok(stored) = PasswordHash::new(stored.trim()) else {
            let _none_is_set = hash(text);
            return false;
        };
        // Compares in constant time.
        let verified = Argon2::default().verify_password(text.as_bytes(), &stored);
        verified.is_ok()
    }
}

fn hash(text: &str) -> argon2::password_hash::Result<PasswordHash> {
    let salt = rand::random::<[u8; 16]>();
    Argon2::default().hash_password_with_salt(text.as_bytes(), &salt)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_password_is_hashed_and_known_again() {
        let home = tempfile::tempdir().unwrap();
        let password = Password::in_folder(home.path());
        assert!(!password.is_set() && !password.is("") && !password.remove().unwrap());
        password.set("three words, two rivers").unwrap();
        let stored = fs::read_to_string(home.path().join(FILE)).unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        let mode = home.path().join(FILE).metadata().unwrap().permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
        assert!(password.is("three words, two rivers"));
        for wrong in ["", "three words", "Three words, two rivers", &stored] {
            assert!(!password.is(wrong), "{wrong}");
        }
        assert!(!password.is(&"x".repeat(1 << 20)));
        for length in [0, limits::PASSWORD_LEAST - 1, limits::PASSWORD_MOST + 1] {
            let error = password.set(&"ü".repeat(length)).unwrap_err();
            assert!(matches!(error, PasswordError::Length), "{length}");
        }
        password.set(&"ü".repeat(limits::PASSWORD_MOST)).unwrap();
        assert!(password.is(&"ü".repeat(limits::PASSWORD_MOST)));
        assert!(password.remove().unwrap() && !password.is("three words, two rivers"));
    }
}
