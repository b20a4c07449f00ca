//! What a person does to a page with a keyboard, a mouse and a finger, as the browser has it from the machine.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use chromiumoxide::cdp::browser_protocol::dom::SetFileInputFilesParams;
use chromiumoxide::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, DispatchMouseEventParams, DispatchMouseEventType,
    DispatchTouchEventParams, DispatchTouchEventReturns, ImeSetCompositionParams, InsertTextParams,
    MouseButton, TouchPoint,
};
use chromiumoxide::keys::get_key_definition;
use chromiumoxide::types::{Command, Method, MethodId};
use serde::Serialize;

use crate::page::Page;

/// The protocol's bit for the shift key.
const SHIFT: i64 = 8;

/// A touch; unlike the library's own it can say that no finger is left.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Touch {
    r#type: &'static str,
    touch_points: Vec<TouchPoint>,
}

impl Method for Touch {
    fn identifier(&self) -> MethodId {
        DispatchTouchEventParams::IDENTIFIER.into()
    }
}

impl Command for Touch {
    type Response = DispatchTouchEventReturns;
}

/// How long a finger is held down for a long press. It is part of the gesture, and nothing is waited for by it.
const LONG_TAP: Duration = Duration::from_millis(900);

/// A place on the screen, in CSS pixels from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
}

impl Page {
    /// Presses and releases a key, such as `Enter`, `a` or `Control+k`.
    ///
    /// # Errors
    /// When there is no such key.
    pub async fn press(&self, keys: &str) -> Result<()> {
        self.hold(keys, 0).await
    }

    /// Presses a key, holds it until it repeated so often, and releases it.
    ///
    /// # Errors
    /// When there is no such key.
    pub async fn hold(&self, keys: &str, repeats: usize) -> Result<()> {
        self.down(keys, false).await?;
        for _ in 0..repeats {
            self.down(keys, true).await?;
        }
        self.up(keys).await
    }

    /// Presses a key and leaves it down; `repeated` if it was down already.
    ///
    /// # Errors
    /// When there is no such key.
    pub async fn down(&self, keys: &str, repeated: bool) -> Result<()> {
        self.act(key(keys, true, repeated)?).await
    }

    /// Releases a key.
    ///
    /// # Errors
    /// When there is no such key.
    pub async fn up(&self, keys: &str) -> Result<()> {
        self.act(key(keys, false, false)?).await
    }

    /// Where the middle of the first element that matches is, wherever that is.
    ///
    /// # Errors
    /// When there is none.
    pub async fn spot(&self, selector: &str) -> Result<Spot> {
        let quoted = serde_json::to_string(selector)?;
        let middle = format!(
            "(box => [box.left + box.width / 2, box.top + box.height / 2])(document.querySelector({quoted}).getBoundingClientRect())"
        );
        let (x, y) = self
            .eval(&middle)
            .await
            .with_context(|| format!("nothing matches {selector}"))?;
        Ok(Spot { x, y })
    }

    /// Moves the mouse.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn point(&self, at: Spot) -> Result<()> {
        self.act(mouse(DispatchMouseEventType::MouseMoved, at, 0)?)
            .await
    }

    /// Presses the mouse's button; `nth` is 2 for the second press of a double click.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn button_down(&self, at: Spot, nth: i64) -> Result<()> {
        self.act(mouse(DispatchMouseEventType::MousePressed, at, nth)?)
            .await
    }

    /// Releases the mouse's button.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn button_up(&self, at: Spot, nth: i64) -> Result<()> {
        self.act(mouse(DispatchMouseEventType::MouseReleased, at, nth)?)
            .await
    }

    /// Clicks so often in a row, as fast as can be: twice is a double click.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn clicks(&self, at: Spot, times: i64) -> Result<()> {
        self.point(at).await?;
        for nth in 1..=times {
            self.button_down(at, nth).await?;
            self.button_up(at, nth).await?;
        }
        Ok(())
    }

    /// Clicks while the shift key is held.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn click_with_shift(&self, at: Spot) -> Result<()> {
        self.point(at).await?;
        for kind in [
            DispatchMouseEventType::MousePressed,
            DispatchMouseEventType::MouseReleased,
        ] {
            let mut event = mouse(kind, at, 1)?;
            event.modifiers = Some(SHIFT);
            self.act(event).await?;
        }
        Ok(())
    }

    /// Taps with a finger.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn tap(&self, at: Spot) -> Result<()> {
        self.tap_for(at, Duration::ZERO).await
    }

    /// Holds a finger down for longer than any page takes for a long press.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn long_tap(&self, at: Spot) -> Result<()> {
        self.tap_for(at, LONG_TAP).await
    }

    async fn tap_for(&self, at: Spot, time: Duration) -> Result<()> {
        self.touch("touchStart", vec![TouchPoint::new(at.x, at.y)])
            .await?;
        tokio::time::sleep(time).await;
        self.touch("touchEnd", Vec::new()).await
    }

    async fn touch(&self, kind: &'static str, touch_points: Vec<TouchPoint>) -> Result<()> {
        self.act(Touch {
            r#type: kind,
            touch_points,
        })
        .await
    }

    /// Writes through an input method into what has the focus, and leaves the composition open.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn compose(&self, text: &str) -> Result<()> {
        let end = i64::try_from(text.encode_utf16().count())?;
        self.act(ImeSetCompositionParams::new(text, end, end)).await
    }

    /// Writes into what has the focus. It ends a composition.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn write(&self, text: &str) -> Result<()> {
        self.act(InsertTextParams::new(text)).await
    }

    /// Chooses a file in the first field that matches, as a person does in the browser's own dialog.
    ///
    /// # Errors
    /// When there is no such field.
    pub async fn choose_file(&self, selector: &str, file: &Path) -> Result<()> {
        let field = self.inner().find_element(selector).await?;
        let chosen = SetFileInputFilesParams::builder()
            .file(file.to_string_lossy())
            .backend_node_id(field.backend_node_id)
            .build();
        self.act(chosen.map_err(|error| anyhow!(error))?).await
    }

    async fn act<T: Command>(&self, command: T) -> Result<()> {
        self.inner().execute(command).await?;
        Ok(())
    }
}

fn mouse(kind: DispatchMouseEventType, at: Spot, nth: i64) -> Result<DispatchMouseEventParams> {
    let event = DispatchMouseEventParams::builder()
        .r#type(kind)
        .x(at.x)
        .y(at.y)
        .click_count(nth);
    let event = if nth > 0 {
        event.button(MouseButton::Left)
    } else {
        event
    };
    event.build().map_err(|error| anyhow!(error))
}

fn key(keys: &str, down: bool, repeated: bool) -> Result<DispatchKeyEventParams> {
    let (modifiers, name) = match keys.strip_suffix('+') {
        Some(modifiers) => (modifiers, "+"),
        None => keys.rsplit_once('+').unwrap_or(("", keys)),
    };
    let key = get_key_definition(name).with_context(|| format!("no key {name}"))?;
    let bits = modifiers.split('+').map(modifier).sum::<i64>();
    let text = key
        .text
        .or((key.key.len() == 1).then_some(key.key))
        .filter(|_| bits & !SHIFT == 0);
    let event = DispatchKeyEventParams::builder()
        .key(key.key)
        .code(key.code)
        .windows_virtual_key_code(key.key_code)
        .native_virtual_key_code(key.key_code)
        .modifiers(bits)
        .auto_repeat(repeated);
    let event = match (down, text) {
        (false, _) => event.r#type(DispatchKeyEventType::KeyUp),
        (true, Some(text)) => event.r#type(DispatchKeyEventType::KeyDown).text(text),
        (true, None) => event.r#type(DispatchKeyEventType::RawKeyDown),
    };
    event.build().map_err(|error| anyhow!(error))
}

fn modifier(name: &str) -> i64 {
    match name {
        "Alt" => 1,
        "Control" => 2,
        "Meta" => 4,
        "Shift" => SHIFT,
        _ => 0,
    }
}
