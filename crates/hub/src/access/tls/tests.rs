#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use model::time::Timestamp;

use super::*;
use crate::limits;

fn names(texts: &[&str]) -> Arc<[HostName]> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn at(dir: &DataDir, after: Duration, texts: &[&str], listen: &str) -> CertificateFacts {
    let now = i64::try_from(after.as_millis()).unwrap() + 1_800_000_000_000;
    let clock = Clock::new(move || Timestamp(now));
    let made = Certificates::self_made(dir, clock, names(texts), listen.parse().unwrap());
    made.unwrap().facts()
}

#[test]
fn a_certificate_is_kept_and_made_anew_in_time() {
    let home = tempfile::tempdir().unwrap();
    let dir = DataDir::open(&home.path().join("data")).unwrap();
    let first = at(&dir, Duration::ZERO, &["hub.example.org"], "192.168.1.4");
    let authority = first.authority.clone().unwrap();
    assert_eq!(first.fingerprint.len(), 64 + 31);
    assert!(authority.certificate.starts_with("-----BEGIN CERTIFICATE"));
    let file = home.path().join("data").join(self_made::FILE);
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let again = at(&dir, Duration::ZERO, &["hub.example.org"], "192.168.1.4");
    assert_eq!(again, first);
    // Before it expires, or with another address of a private network, the authority is the same.
    let late = limits::CERTIFICATE_LIFE - limits::CERTIFICATE_RENEWED;
    let renewed = at(&dir, late, &["hub.example.org"], "192.168.1.4");
    assert_ne!(renewed.fingerprint, first.fingerprint);
    assert_eq!(renewed.authority, first.authority);
    let moved = at(&dir, late, &["hub.example.org"], "10.0.0.9");
    assert_ne!(moved.fingerprint, renewed.fingerprint);
    assert_eq!(moved.authority, first.authority);
    // It may not sign for other names.
    let named = at(&dir, late, &["other.example.org"], "10.0.0.9");
    assert_ne!(named.authority, first.authority);
    let end = limits::AUTHORITY_LIFE;
    let last = at(&dir, end, &["other.example.org"], "10.0.0.9");
    assert_ne!(last.authority, named.authority);
    std::fs::write(&file, "{}").unwrap();
    let broken = at(&dir, end, &["other.example.org"], "10.0.0.9");
    assert_ne!(broken.authority, last.authority);
    assert!(file.with_file_name("tls.json.broken-1").exists());
}

#[test]
fn files_of_a_person_are_read_again_and_bad_ones_are_named() {
    let home = tempfile::tempdir().unwrap();
    let pair = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["hub.example.org".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let path = |name: &str| home.path().join(name);
    let put = |(certificate, key): &(String, String)| {
        std::fs::write(path("crt"), certificate).unwrap();
        std::fs::write(path("key"), key).unwrap();
    };
    let (one, other) = (pair(), pair());
    put(&one);
    let certificates = Certificates::from_files(&path("crt"), &path("key")).unwrap();
    let first = certificates.facts();
    assert!(first.authority.is_none() && !certificates.refresh().unwrap());
    put(&other);
    assert!(certificates.refresh().unwrap());
    assert_ne!(certificates.facts(), first);
    // Another's key, no key, and no file: the certificate before is used on.
    let before = certificates.facts();
    for (certificate, key) in [
        (&other.0, &one.1),
        (&other.0, &other.0),
        (&other.1, &other.1),
    ] {
        put(&(certificate.clone(), key.clone()));
        let error = certificates.refresh().unwrap_err().to_string();
        assert!(
            error.contains("--tls-key") && !error.contains("PRIVATE"),
            "{error}"
        );
    }
    std::fs::remove_file(path("crt")).unwrap();
    assert!(certificates.refresh().is_err());
    assert_eq!(certificates.facts(), before);
}
