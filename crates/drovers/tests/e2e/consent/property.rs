//! Over any order of keys, clicks, taps and changes nothing is granted that was not whole in sight for 400 ms before.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use testkit::chromium::{Spot, Viewport};

use super::{Asked, pause};
use crate::bench::{elsewhere, until};

/// What each frame showed: it looks at every frame which requests are whole in sight, since when without a change, and
/// notes for each grant how long that was when the press for it was made. It shares nothing with the page's own script.
const WITNESS: &str = "(() => {
    const since = new Map();
    let pressed = 0;
    const lines = new Map();
    window.grants = [];
    window.presses = 0;
    const whole = shown => {
        let box = shown.getBoundingClientRect();
        if (box.width === 0) return null;
        let view = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };
        for (let up = shown.parentElement; up; up = up.parentElement) {
            if (getComputedStyle(up).overflowY === 'visible') continue;
            const clip = up.getBoundingClientRect();
            view = { left: Math.max(view.left, clip.left), top: Math.max(view.top, clip.top),
                right: Math.min(view.right, clip.right), bottom: Math.min(view.bottom, clip.bottom) };
        }
        const inside = box.left >= view.left - 3 && box.top >= view.top - 3 && box.right <= view.right + 3 && box.bottom <= view.bottom + 3;
        return inside && !document.hidden ? [box.left, box.top, box.width, box.height].map(Math.round).join() : null;
    };
    const look = () => {
        const seen = new Set();
        for (const form of document.querySelectorAll('.card form[data-fingerprint][data-do=permission]')) {
            const key = form.closest('li').dataset.k;
            const place = whole(form.querySelector('.ask'));
            if (!place) continue;
            // A card for equal requests has a line for each, with what it asks.
            const named = 'group' in form.dataset ? [...form.querySelectorAll('input[data-url]')] : [form];
            const asked = named.map(({ dataset }) => `${dataset.url} ${dataset.fingerprint}`);
            const as = asked.join() + place;
            seen.add(key);
            if (since.get(key)?.as !== as) since.set(key, { as, asked, at: performance.now() });
        }
        for (const key of since.keys()) if (!seen.has(key)) since.delete(key);
        requestAnimationFrame(look);
    };
    look();
    for (const name of ['pointerdown', 'keydown']) addEventListener(name, event => {
        if (event.repeat) return;
        presses += 1;
        pressed = event.timeStamp;
        // What a press may grant: the request under it; by a key, the one with the focus or any. It is noted at the press, since a
        // click follows it, when the cards may have moved on.
        const key = event.type === 'keydown' ? event.key : '';
        if (event.type === 'keydown' && !['a', 'A', 'Enter', ' '].includes(key)) return;
        const card = (key === 'Enter' || key === ' ' ? document.activeElement : event.target)?.closest?.('li.card');
        if (key.toLowerCase() === 'a') lines.clear();
        for (const { dataset } of card?.querySelectorAll('[data-url]') ?? []) lines.delete(`${dataset.url} ${dataset.fingerprint}`);
        for (const [of, { asked, at }] of since) {
            if (key.toLowerCase() !== 'a' && of !== card?.dataset.k) continue;
            for (const one of asked) lines.set(one, pressed - at);
        }
    }, true);
    // The page writes an answer down in the task of the press that gave it, and may send it after other presses.
    const stood = new Map();
    const write = Storage.prototype.setItem;
    Storage.prototype.setItem = function (name, value) {
        if (name.startsWith('outbox:')) {
            const { key, url, body } = JSON.parse(value);
            if (!stood.has(key)) stood.set(key, lines.get(`${url} ${body.fingerprint}`) ?? -1);
        }
        return write.call(this, name, value);
    };
    const real = window.fetch;
    window.fetch = (url, init) => {
        const body = init?.method === 'POST' ? JSON.parse(init.body) : {};
        if (body.reply === 'once' || body.reply === 'always') {
            const key = init.headers['idempotency-key'] ?? '';
            const grant = { url, key, stood: stood.get(key) ?? -1, fingerprint: body.fingerprint ?? '', told: '' };
            const again = grants.find(other => other.key === key);
            // What the hub could not do yet is sent once more, under the same key: it is the same grant.
            if (!again) grants.push(grant);
            return real(url, init).then(async answer => {
                (again ?? grant).told += ` ${answer.status} ${(await answer.clone().text()).slice(0, 200)}`;
                return answer;
            });
        }
        return real(url, init);
    };
    return true;
})()";

/// A frame or two may pass between what is drawn and what is looked at.
const SLACK: f64 = 40.0;

#[derive(Debug, Deserialize)]
struct Grant {
    url: String,
    /// Names the act of a person.
    key: String,
    stood: f64,
    fingerprint: String,
    /// What the hub answered.
    told: String,
}

/// The same numbers for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Whether keys go to a card's buttons and fields, or to the page itself.
const ON_CARDS: &str = "document.activeElement === document.body || document.activeElement.matches('.card :is(button, input), .place')";

/// Acts in a row.
const ACTS: usize = 160;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_granted_that_was_not_whole_in_sight_for_a_while() -> Result<()> {
    let mut granted = 0;
    for (seed, viewport) in [(7, Viewport::DESKTOP), (11, Viewport::PHONE)] {
        let mut asked = Asked::open(&["permission ;; say allowed"; 5], viewport).await?;
        asked.page.eval::<bool>(WITNESS).await?;
        let mut dice = Dice(seed);
        for _ in 0..ACTS {
            act(&asked, &mut dice, viewport == Viewport::PHONE).await?;
        }
        let grants: Vec<Grant> = asked.page.eval("grants").await?;
        let presses: usize = asked.page.eval("presses").await?;
        ensure!(
            !grants.is_empty(),
            "seed {seed}: no grant in {presses} presses"
        );
        granted += grants.len();
        for grant in &grants {
            ensure!(grant.stood >= 400.0 - SLACK, "seed {seed}: {grant:?}");
            ensure!(grant.fingerprint.len() == 32, "seed {seed}: {grant:?}");
            ensure!(!grant.key.is_empty(), "seed {seed}: {grant:?}");
            let same = grants.iter().filter(|other| other.url == grant.url);
            let same: Vec<_> = same
                .filter(|other| !other.told.contains("urn:drovers"))
                .collect();
            ensure!(same.len() <= 1, "seed {seed}: granted twice: {same:?}");
            ensure!(
                !grant.told.contains("content-not-named") && !grant.told.contains("stopped"),
                "seed {seed}: {grant:?}"
            );
        }
        asked
            .page
            .assert_clean_but(&["status of 404", "status of 409"])
            .await?;
    }
    ensure!(granted >= 4, "only {granted} grants: nothing was tried");
    Ok(())
}

/// Where a card's button is, on or off the screen.
async fn button(asked: &Asked, dice: &mut Dice) -> Result<Option<Spot>> {
    let places: Vec<(f64, f64)> = asked
        .page
        .eval("[...document.querySelectorAll('.card form button[value=once], .card form button[value=always], .place')].map(one => one.getBoundingClientRect())
            .filter(box => box.width > 0 && box.top >= 0 && box.bottom <= innerHeight).map(box => [box.left + box.width / 2, box.top + box.height / 2])")
        .await?;
    let count = u64::try_from(places.len())?;
    if count == 0 {
        return Ok(None);
    }
    let (x, y) = places[usize::try_from(dice.roll(count))?];
    Ok(Some(Spot { x, y }))
}

async fn act(asked: &Asked, dice: &mut Dice, phone: bool) -> Result<()> {
    let page = &asked.page;
    match dice.roll(18) {
        0..=2 => {
            let Some(at) = button(asked, dice).await? else {
                return Ok(());
            };
            let times = 1 + i64::try_from(dice.roll(3))?;
            if phone {
                for _ in 0..times {
                    page.tap(at).await?;
                }
            } else {
                page.clicks(at, times).await?;
            }
        }
        // An act of somebody who takes their time.
        13..=15 => {
            pause(page, 500).await?;
            match button(asked, dice).await? {
                Some(at) if phone => page.tap(at).await?,
                Some(at) if dice.roll(2) == 0 => page.clicks(at, 1).await?,
                _ => {
                    page.press("a").await?;
                    // Whatever comes sooner takes it back.
                    pause(page, 500).await?;
                }
            }
        }
        3 => page.press("a").await?,
        4 => page.hold("a", 6).await?,
        // Elsewhere it would lead away from what is tried.
        5 | 6 if !page.eval::<bool>(ON_CARDS).await? => {}
        5 => page.hold("Enter", usize::try_from(dice.roll(4))?).await?,
        6 => page.hold(" ", usize::try_from(dice.roll(4))?).await?,
        7 => page.press("Tab").await?,
        8 if !phone => page.point(Spot { x: 700.0, y: 200.0 }).await?,
        8 => {
            let sheet = "(document.body.dataset.sheet ? delete document.body.dataset.sheet : document.body.dataset.sheet = 'left', true)";
            page.eval::<bool>(sheet).await?;
        }
        9 => {
            elsewhere(&asked.server, "permission ;; say more").await?;
        }
        10 => reject_elsewhere(asked).await?,
        11 => {
            let scroll = format!(
                "(document.querySelector('[data-k=needs] ul').scrollTop = {}, document.querySelector('#log').scrollTop = {}, true)",
                dice.roll(300),
                dice.roll(2000)
            );
            page.eval::<bool>(&scroll).await?;
        }
        12 => {
            page.eval::<bool>("(document.activeElement?.blur(), true)")
                .await?;
        }
        // The time between two acts of a person: it is part of what is tried, nothing is waited for.
        _ => pause(page, dice.roll(700)).await?,
    }
    Ok(())
}

/// Another client of the server answers one of its requests.
async fn reject_elsewhere(asked: &Asked) -> Result<()> {
    let url = format!("{}/permission", asked.server.url);
    let waiting: Value = reqwest::get(&url).await?.json().await?;
    let Some(id) = waiting[0]["id"].as_str() else {
        return Ok(());
    };
    let reply = reqwest::Client::new().post(format!("{url}/{id}/reply"));
    // It may have been answered just now.
    reply.json(&json!({ "reply": "reject" })).send().await?;
    until("the end of it", async || {
        let waiting: Value = reqwest::get(&url).await?.json().await?;
        let waiting = waiting.as_array().context("a list")?;
        Ok((!waiting.iter().any(|one| one["id"] == id)).then_some(()))
    })
    .await
}
