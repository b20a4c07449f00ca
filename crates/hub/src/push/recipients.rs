//! Devices and targets: whom the hub notifies, and the bounds of what callers may name.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use model::time::Timestamp;
use page::{Language, QuietHours};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::encrypt;
use crate::limits;

/// A browser's subscription to be stored.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// The address at the push service of the browser.
    pub endpoint: String,
    /// The public key of the subscription, in base64url.
    pub p256dh: String,
    /// The secret of the subscription, in base64url.
    pub auth: String,
    /// The language of the device's page.
    #[serde(default)]
    pub language: String,
    /// The name of the device's time zone, by which quiet hours count.
    #[serde(default)]
    pub zone: String,
    /// True if requests whose whole content fits into a notification have buttons in it.
    #[serde(default)]
    pub buttons: bool,
}

/// A device that gets Web Push.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) id: String,
    /// The caller that subscribed it: without its key the device gets nothing.
    pub(super) owner: Arc<str>,
    pub(super) endpoint: Url,
    p256dh: String,
    auth: String,
    language: String,
    zone: String,
    pub(super) buttons: bool,
    pub(super) made: Timestamp,
}

/// The kind of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TargetKind {
    /// A topic of an ntfy server.
    Ntfy,
    /// An address that takes JSON.
    Webhook,
}

/// A target to be stored.
#[derive(Clone, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTarget {
    /// Its kind: `ntfy` or `webhook`.
    pub kind: TargetKind,
    /// Its address: https, or http on loopback.
    pub url: String,
}

/// An address that is notified.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Target {
    pub(super) id: String,
    pub(super) kind: TargetKind,
    pub(super) url: Url,
    pub(super) made: Timestamp,
}

/// A device or a target, without its address: whoever has that can send there, or read there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// `device`, `ntfy` or `webhook`.
    pub kind: &'static str,
    /// The server that it is at.
    pub server: String,
    /// The caller that subscribed a device.
    #[schema(value_type = Option<String>)]
    pub owner: Option<Arc<str>>,
    /// When it was stored, in milliseconds since 1970.
    #[schema(value_type = i64)]
    pub made: Timestamp,
}

/// What came of a trial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Trial {
    /// The device or target.
    #[serde(flatten)]
    pub to: Listed,
    /// True if its server took it.
    pub sent: bool,
    /// What its server answered, in short.
    pub outcome: String,
}

/// The reason why a device or target is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// The address is none that is sent to.
    #[error(
        "the address must begin with https://, or with http:// on this machine, and be no longer than {} bytes",
        limits::PUSH_ENDPOINT_BYTES
    )]
    Address,
    /// The address has a name and a password, or names no topic.
    #[error("the address of an ntfy topic ends with its name, such as https://ntfy.sh/NAME")]
    Topic,
    /// The keys of the subscription are invalid.
    #[error("the keys of the subscription are invalid")]
    Keys,
    /// There are as many as there may be.
    #[error("the hub already notifies as many as it can")]
    Full,
    /// The file cannot be written.
    #[error("the data directory cannot be written, so nothing was changed")]
    Disk,
}

impl Device {
    pub(super) fn new(
        new: NewDevice,
        owner: Arc<str>,
        made: Timestamp,
    ) -> Result<Self, RecipientError> {
        let endpoint = address(&new.endpoint)?;
        let device = Self {
            id: id_of(endpoint.as_str()),
            owner,
            endpoint,
            p256dh: new.p256dh,
            auth: new.auth,
            language: new.language,
            zone: new.zone,
            buttons: new.buttons,
            made,
        };
        let long = |text: &String| text.len() > limits::PUSH_FIELD_BYTES;
        let fields = [&device.p256dh, &device.auth, &device.language, &device.zone];
        // A trial of encryption: a key may be well written and on no curve.
        match !fields.into_iter().any(long) && device.seal(b"").is_some() {
            true => Ok(device),
            false => Err(RecipientError::Keys),
        }
    }

    /// Encrypts a message for the device. `None` if its keys are invalid.
    pub(super) fn seal(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let decoded = |text: &str| {
            let text = text.trim_end_matches('=');
            BASE64_URL_SAFE_NO_PAD.decode(text).ok()
        };
        let (key, auth) = (decoded(&self.p256dh)?, decoded(&self.auth)?);
        let fits = key.len() == encrypt::PUBLIC_KEY && auth.len() == encrypt::AUTH;
        fits.then(|| encrypt::seal(plain, &key, &auth)).flatten()
    }

    pub(super) fn language(&self) -> Language {
        Language::of_tag(&self.language).unwrap_or(Language::English)
    }

    /// True if these hours are now where the device is; where its zone is unknown, by the machine's clock.
    pub(super) fn is_quiet(&self, quiet: Option<QuietHours>, now: Timestamp) -> bool {
        let zone = jiff::tz::TimeZone::get(&self.zone);
        is_quiet(
            quiet,
            now,
            zone.unwrap_or_else(|_| jiff::tz::TimeZone::system()),
        )
    }

    /// Apple's push service takes the leave from whom it is sent messages that show nothing.
    pub(super) fn takes_withdrawals(&self) -> bool {
        let host = self.endpoint.host_str().unwrap_or_default();
        host != "push.apple.com" && !host.ends_with(".push.apple.com")
    }

    pub(super) fn listed(&self) -> Listed {
        Listed {
            id: self.id.clone(),
            kind: "device",
            server: self.endpoint.origin().ascii_serialization(),
            owner: Some(self.owner.clone()),
            made: self.made,
        }
    }
}

impl Target {
    pub(super) fn new(new: &NewTarget, made: Timestamp) -> Result<Self, RecipientError> {
        let url = address(&new.url)?;
        let target = Self {
            id: id_of(url.as_str()),
            kind: new.kind,
            url,
            made,
        };
        let topic = target.kind != TargetKind::Ntfy || target.topic().is_some();
        topic.then_some(target).ok_or(RecipientError::Topic)
    }

    /// The address of an ntfy server, and the topic.
    pub(super) fn topic(&self) -> Option<(Url, &str)> {
        let topic = self.url.path_segments()?.next_back()?;
        let mut server = self.url.clone();
        server.path_segments_mut().ok()?.pop().push("");
        (!topic.is_empty()).then_some((server, topic))
    }

    pub(super) fn listed(&self) -> Listed {
        Listed {
            id: self.id.clone(),
            kind: match self.kind {
                TargetKind::Ntfy => "ntfy",
                TargetKind::Webhook => "webhook",
            },
            server: self.url.origin().ascii_serialization(),
            owner: None,
            made: self.made,
        }
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.listed().fmt(f)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.listed().fmt(f)
    }
}

impl fmt::Debug for NewDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewDevice(***)")
    }
}

impl fmt::Debug for NewTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewTarget(***)")
    }
}

/// True if these hours are now in this zone. They may span midnight.
pub(super) fn is_quiet(
    quiet: Option<QuietHours>,
    now: Timestamp,
    zone: jiff::tz::TimeZone,
) -> bool {
    let at = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default();
    let time = at.to_zoned(zone).time();
    let minute =
        u16::from(time.hour().unsigned_abs()) * 60 + u16::from(time.minute().unsigned_abs());
    quiet.is_some_and(|QuietHours { from, until }| match from <= until {
        true => (from..until).contains(&minute),
        false => minute >= from || minute < until,
    })
}

/// An address that is sent to: https, or http on this machine, as for a push service of one's own.
fn address(text: &str) -> Result<Url, RecipientError> {
    let url = Url::parse(text).map_err(|_| RecipientError::Address)?;
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    };
    let safe = url.scheme() == "https" && url.has_host() || url.scheme() == "http" && loopback;
    match safe && text.len() <= limits::PUSH_ENDPOINT_BYTES {
        true => Ok(url),
        false => Err(RecipientError::Address),
    }
}

/// The id of an address: one address is stored once.
fn id_of(address: &str) -> String {
    let digest = Sha256::digest(address.as_bytes());
    digest[..6]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_encrypted_or_on_this_machine() {
        for good in [
            "https://push.example/x",
            "http://127.0.0.1:9/x",
            "http://localhost/x",
            "http://[::1]:80/x",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        let long = format!("https://push.example/{}", "x".repeat(3000));
        for bad in [
            "",
            "/x",
            "http://push.example/x",
            "http://127.0.0.1.push.example/x",
            "http://localhost.example/x",
            "file:///etc/passwd",
            "ftp://localhost/x",
            &long,
        ] {
            assert_eq!(address(bad), Err(RecipientError::Address), "{bad}");
        }
    }

    #[test]
    fn a_topic_is_at_the_end_of_its_address_and_no_list_or_log_has_it() {
        let target = |url: &str| {
            let new = NewTarget {
                kind: TargetKind::Ntfy,
                url: url.to_owned(),
            };
            Target::new(&new, Timestamp(1))
        };
        let made = target("https://ntfy.example/sub/secret-topic").unwrap();
        let (server, topic) = made.topic().unwrap();
        assert_eq!(
            (server.as_str(), topic),
            ("https://ntfy.example/sub/", "secret-topic")
        );
        let printed = format!("{made:?} {:?}", made.listed());
        assert!(!printed.contains("secret"), "{printed}");
        assert_eq!(target("https://ntfy.example"), Err(RecipientError::Topic));
    }

    #[test]
    fn quiet_hours_are_those_of_the_zone_and_may_span_midnight() {
        // 2026-01-01, 22:30 in UTC.
        let now = Timestamp(1_767_306_600_000);
        let hours = |from: u16, until: u16| {
            Some(QuietHours {
                from: from * 60,
                until: until * 60,
            })
        };
        let utc = jiff::tz::TimeZone::UTC;
        assert!(is_quiet(hours(22, 7), now, utc.clone()));
        assert!(!is_quiet(hours(23, 7), now, utc.clone()));
        assert!(!is_quiet(hours(7, 22), now, utc.clone()));
        assert!(!is_quiet(hours(22, 22), now, utc.clone()));
        assert!(!is_quiet(None, now, utc));
        let east = jiff::tz::TimeZone::fixed(jiff::tz::offset(1));
        assert!(is_quiet(hours(23, 7), now, east));
    }
}
