//! Rate limiting of passwords. A password has fewer bits than a key, so that each attempt waits before it is looked at.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use super::throttle::grown;
use crate::limits;

/// Counts failed attempts for each address and for all together. Each makes the next one wait longer, also a right one.
#[derive(Debug)]
pub struct Attempts {
    counts: Mutex<Counts>,
    /// Attempts that are computed at once: each takes memory and a processor.
    computing: Semaphore,
}

#[derive(Debug, Default)]
struct Counts {
    all: Count,
    by: HashMap<IpAddr, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    failed: u32,
    waiting: usize,
    last: Option<Instant>,
}

impl Default for Attempts {
    fn default() -> Self {
        Self {
            counts: Mutex::default(),
            computing: Semaphore::new(limits::PASSWORDS_AT_ONCE),
        }
    }
}

impl Attempts {
    /// Looks at an attempt from an address once its wait is over: `Some(None)` if it failed. `None` if too many wait
    /// already: then nothing is looked at.
    pub async fn make<T>(
        &self,
        from: Option<IpAddr>,
        look: impl Future<Output = Option<T>>,
    ) -> Option<Option<T>> {
        let from = network(from.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)));
        let (wait, _waiting) = self.begin(from)?;
        sleep(wait).await;
        // Only a closed semaphore fails, and this one is never closed.
        let _turn = self.computing.acquire().await.ok()?;
        let found = look.await;
        if found.is_some() {
            self.lock().forgive(from);
        }
        Some(found)
    }

    /// Counts an attempt as failed until it proves to be right, so that many at once wait as well.
    fn begin(&self, from: IpAddr) -> Option<(Duration, Waiting<'_>)> {
        let now = Instant::now();
        let mut counts = self.lock();
        counts.all.forget(now);
        counts.make_room(from, now);
        let own = counts.by.entry(from).or_default();
        own.forget(now);
        if own.waiting >= limits::PASSWORDS_WAITING {
            return None;
        }
        own.waiting += 1;
        let wait = own.delay(limits::PASSWORD_FREE, limits::PASSWORD_WAIT);
        own.count(now);
        let all = counts
            .all
            .delay(limits::PASSWORD_FREE_ALL, limits::WRONG_MOST);
        counts.all.count(now);
        let waiting = Waiting { of: self, from };
        Some((wait.max(all), waiting))
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(|bad| bad.into_inner())
    }
}

/// An attempt on its way; its place is free once this is dropped.
struct Waiting<'a> {
    of: &'a Attempts,
    from: IpAddr,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(own) = self.of.lock().by.get_mut(&self.from) {
            own.waiting = own.waiting.saturating_sub(1);
        }
    }
}

impl Counts {
    /// Forgets an address where there are too many: one that was quiet for longest.
    fn make_room(&mut self, wanted: IpAddr, now: Instant) {
        if self.by.len() < limits::PASSWORD_ADDRESSES || self.by.contains_key(&wanted) {
            return;
        }
        self.by
            .retain(|_, count| !count.is_over(now) || count.waiting > 0);
        if self.by.len() >= limits::PASSWORD_ADDRESSES {
            let oldest = self.by.iter().min_by_key(|(_, count)| count.last);
            if let Some(ip) = oldest.map(|(ip, _)| *ip) {
                self.by.remove(&ip);
            }
        }
    }

    fn forgive(&mut self, from: IpAddr) {
        if let Some(own) = self.by.get_mut(&from) {
            own.failed = 0;
        }
        self.all.failed = self.all.failed.saturating_sub(1);
    }
}

impl Count {
    fn is_over(&self, now: Instant) -> bool {
        let quiet = |last| now.duration_since(last) >= limits::PASSWORD_FORGOTTEN;
        self.last.is_none_or(quiet)
    }

    fn forget(&mut self, now: Instant) {
        if self.is_over(now) {
            self.failed = 0;
        }
    }

    fn count(&mut self, now: Instant) {
        self.failed = self.failed.saturating_add(1);
        self.last = Some(now);
    }

    fn delay(&self, free: u32, most: Duration) -> Duration {
        grown(self.failed.saturating_add(1).saturating_sub(free), most)
    }
}

/// The network of one customer: an IPv6 address is one of very many that they have.
pub(super) fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        ip => ip,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    async fn fails(attempts: &Attempts, from: &str) -> Duration {
        let began = Instant::now();
        let made = attempts.make(ip(from), async { None::<()> }).await;
        assert_eq!(made, Some(None));
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn each_wrong_password_makes_its_address_wait_longer() {
        let attempts = Attempts::default();
        let mut waits = Vec::new();
        for _ in 0..limits::PASSWORD_FREE + 12 {
            waits.push(fails(&attempts, "10.0.0.1").await);
        }
        let free = usize::try_from(limits::PASSWORD_FREE).unwrap();
        assert!(waits[..free].iter().all(Duration::is_zero), "{waits:?}");
        assert!(waits[free] >= limits::WRONG_FIRST && waits.is_sorted());
        assert!(*waits.last().unwrap() >= limits::PASSWORD_WAIT);
        // A right one waits as well, and is the end of it. Another address does not wait so long.
        let began = Instant::now();
        let right = attempts.make(ip("10.0.0.1"), async { Some(7) }).await;
        assert_eq!(right, Some(Some(7)));
        assert!(began.elapsed() >= limits::PASSWORD_WAIT);
        assert!(fails(&attempts, "10.0.0.1").await.is_zero());
        assert!(fails(&attempts, "10.0.0.2").await.is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn many_addresses_wait_for_each_other_and_many_at_once_are_refused() {
        let attempts = Attempts::default();
        for n in 0..limits::PASSWORD_FREE_ALL + 8 {
            fails(&attempts, &format!("10.1.{}.{}", n / 256, n % 256)).await;
        }
        assert!(fails(&attempts, "10.2.0.1").await >= limits::WRONG_MOST);
        let many = (0..10).map(|_| attempts.make(ip("10.3.0.1"), async { None::<()> }));
        let refused = join_all(many).await.into_iter().filter(Option::is_none);
        assert_eq!(refused.count(), 10 - limits::PASSWORDS_WAITING);
        sleep(limits::PASSWORD_FORGOTTEN).await;
        assert!(fails(&attempts, "10.2.0.1").await.is_zero());
        // One customer has many addresses of IPv6.
        for _ in 0..limits::PASSWORD_FREE {
            fails(&attempts, "2001:db8::1").await;
        }
        assert!(!fails(&attempts, "2001:db8::2").await.is_zero());
        assert!(fails(&attempts, "2001:db8:0:1::1").await.is_zero());
        for n in 0..2 * limits::PASSWORD_ADDRESSES {
            let from = format!("10.{}.{}.1", 10 + n / 256, n % 256);
            attempts.begin(from.parse().unwrap()).unwrap();
        }
        assert!(attempts.lock().by.len() <= limits::PASSWORD_ADDRESSES);
    }
}
