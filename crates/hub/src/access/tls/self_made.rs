//! `tls.json`, version 1, mode 0600: the hub's certificate authority and its certificate, in PEM form. Times are
//! milliseconds since 1970.
//!
//! The authority may sign for addresses of private networks and the hub's own names alone, so that a device that trusts
//! it trusts it for nothing else.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use model::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, date_time_ymd,
};
use serde::{Deserialize, Serialize};

use crate::access::hosts::{HostName, is_private};
use crate::access::key::hex;
use crate::clock::Clock;
use crate::datadir::{put_aside, write_private};
use crate::limits;

/// File name in the data directory.
pub(super) const FILE: &str = "tls.json";

/// The version written, and the only one read.
const VERSION: u32 = 1;

/// Networks that are nobody's own.
const PRIVATE: [(&str, u8); 9] = [
    ("10.0.0.0", 8),
    ("172.16.0.0", 12),
    ("192.168.0.0", 16),
    ("169.254.0.0", 16),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("fc00::", 7),
    ("fe80::", 10),
    ("::1", 128),
];

/// Makes the certificate, and keeps it.
pub(super) struct SelfMade {
    file: PathBuf,
    clock: Clock,
    wanted: Box<dyn Fn() -> BTreeSet<HostName> + Send + Sync>,
}

/// A certificate with its key.
pub(super) struct Made {
    /// The certificate and that of the authority.
    pub(super) chain: String,
    pub(super) key: String,
    /// The authority's certificate.
    pub(super) authority: String,
}

#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    version: u32,
    authority: Pair,
    certificate: Pair,
}

#[derive(Clone, Serialize, Deserialize)]
struct Pair {
    /// Common name of the subject.
    subject: String,
    certificate: String,
    key: String,
    /// Names of the certificate; of the authority those beside private networks that it may sign for.
    names: BTreeSet<String>,
    expires: Timestamp,
}

impl fmt::Debug for SelfMade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SelfMade({})", self.file.display())
    }
}

impl SelfMade {
    pub(super) fn new(
        file: PathBuf,
        clock: Clock,
        wanted: Box<dyn Fn() -> BTreeSet<HostName> + Send + Sync>,
    ) -> Self {
        Self {
            file,
            clock,
            wanted,
        }
    }

    /// The certificate that is kept, or a new one where it expires soon or lacks a name. Blocks on the disk.
    pub(super) fn current(&self) -> Result<Made, String> {
        let now = self.clock.now();
        let mut wanted = (self.wanted)();
        wanted.insert(HostName::Name("localhost".into()));
        wanted.insert(HostName::Address(IpAddr::from([127, 0, 0, 1])));
        let kept = self.kept()?;
        let names: BTreeSet<String> = wanted.iter().map(ToString::to_string).collect();
        if let Some(stored) = &kept
            && stored.certificate.names == names
            && remains(stored.certificate.expires, now) > limits::CERTIFICATE_RENEWED
        {
            return Ok(stored.made());
        }
        let authority = match kept.map(|stored| stored.authority) {
            Some(authority) if authority.signs_for(&wanted, now) => authority,
            _ => authority(&wanted, now)?,
        };
        let certificate = certificate(&authority, names, now)?;
        let stored = Stored {
            version: VERSION,
            authority,
            certificate,
        };
        let bytes = serde_json::to_vec_pretty(&stored).map_err(|error| error.to_string())?;
        let written = write_private(&self.file, &bytes);
        written.map_err(|error| format!("{} cannot be written ({error})", self.file.display()))?;
        Ok(stored.made())
    }

    /// What is on the disk. A file that makes no sense is put aside.
    fn kept(&self) -> Result<Option<Stored>, String> {
        let failed = |error| format!("{} cannot be read ({error})", self.file.display());
        let bytes = match fs::read(&self.file) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(failed)?,
        };
        let stored = serde_json::from_slice::<Stored>(&bytes).ok();
        if let Some(stored) = stored.filter(|stored| stored.version == VERSION) {
            return Ok(Some(stored));
        }
        let aside = put_aside(&self.file, &[]).map_err(failed)?;
        tracing::warn!(
            "the hub's certificate could not be read and was put aside as {}: devices see a new one",
            aside.display()
        );
        Ok(None)
    }
}

impl Stored {
    fn made(&self) -> Made {
        Made {
            chain: format!(
                "{}{}",
                self.certificate.certificate, self.authority.certificate
            ),
            key: self.certificate.key.clone(),
            authority: self.authority.certificate.clone(),
        }
    }
}

impl Pair {
    /// True if an authority lives longer than a new certificate and may sign for these names.
    fn signs_for(&self, wanted: &BTreeSet<HostName>, now: Timestamp) -> bool {
        let own = restricted(wanted);
        remains(self.expires, now) > limits::CERTIFICATE_LIFE && own.is_subset(&self.names)
    }
}

fn remains(expires: Timestamp, now: Timestamp) -> Duration {
    Duration::from_millis(u64::try_from(expires.0 - now.0).unwrap_or_default())
}

/// The names that an authority has to be made for: all but addresses of private networks.
fn restricted(wanted: &BTreeSet<HostName>) -> BTreeSet<String> {
    let own = wanted.iter().filter(|name| match name {
        HostName::Name(_) => true,
        HostName::Address(ip) => !is_private(*ip),
    });
    own.map(ToString::to_string).collect()
}

fn authority(wanted: &BTreeSet<HostName>, now: Timestamp) -> Result<Pair, String> {
    let names = restricted(wanted);
    let subject = format!("Drovers {}", hex(&rand::random::<[u8; 4]>()));
    let mut params = params(&subject, now, limits::AUTHORITY_LIFE)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let private = PRIVATE.iter().filter_map(|(network, prefix)| {
        let ip: IpAddr = network.parse().ok()?;
        Some(GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
            ip, *prefix,
        )))
    });
    let own = names.iter().map(|name| match name.parse::<IpAddr>() {
        Ok(ip) => {
            let prefix = if ip.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(ip, prefix))
        }
        Err(_) => GeneralSubtree::DnsName(name.clone()),
    });
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: private.chain(own).collect(),
        excluded_subtrees: Vec::new(),
    });
    let key = KeyPair::generate().map_err(|error| error.to_string())?;
    let certificate = params
        .self_signed(&key)
        .map_err(|error| error.to_string())?;
    Ok(Pair {
        subject,
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        names,
        expires: after(now, limits::AUTHORITY_LIFE),
    })
}

fn certificate(authority: &Pair, names: BTreeSet<String>, now: Timestamp) -> Result<Pair, String> {
    let failed = |error: rcgen::Error| error.to_string();
    let subject = "Drovers".to_owned();
    let mut params = params(&subject, now, limits::CERTIFICATE_LIFE)?;
    let named = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>());
    params.subject_alt_names = named.map_err(failed)?.subject_alt_names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let issuer = Issuer::new(
        self::params(&authority.subject, now, limits::AUTHORITY_LIFE)?,
        KeyPair::from_pem(&authority.key).map_err(failed)?,
    );
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
    Ok(Pair {
        subject,
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        names,
        expires: after(now, limits::CERTIFICATE_LIFE),
    })
}

/// A certificate of a subject, good from the day before, as clocks differ.
fn params(subject: &str, now: Timestamp, life: Duration) -> Result<CertificateParams, String> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let mut params = CertificateParams::default();
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, subject);
    params.distinguished_name = name;
    let before = Timestamp(now.0.saturating_sub_unsigned(millis(DAY)));
    let (year, month, day) = date(before)?;
    params.not_before = date_time_ymd(year, month, day);
    let (year, month, day) = date(after(now, life))?;
    params.not_after = date_time_ymd(year, month, day);
    Ok(params)
}

/// Year, month and day by UTC.
fn date(at: Timestamp) -> Result<(i32, u8, u8), String> {
    let at = jiff::Timestamp::from_millisecond(at.0).map_err(|error| error.to_string())?;
    let date = at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let (month, day) = (date.month().unsigned_abs(), date.day().unsigned_abs());
    Ok((date.year().into(), month, day))
}

fn after(now: Timestamp, life: Duration) -> Timestamp {
    Timestamp(now.0.saturating_add_unsigned(millis(life)))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
