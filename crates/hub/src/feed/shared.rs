//! What all viewers share: the engine, the renderer with its threads, the ticks and the settings.

use std::sync::Arc;

use model::State;
use model::state::Rev;
use model::view::{self, Common, ViewDelta, Viewport};
use page::{Language, Renderer, Settings, speak};
use tokio::sync::{Semaphore, watch};

use super::Ticks;
use crate::engine::Handle;
use crate::limits;
use crate::review::Marks;

/// The threads that render pages.
#[derive(Clone, Debug)]
pub enum Drawing {
    /// Work that is not light runs on blocking threads, a limited number at a time.
    Threads(Arc<Semaphore>),
    /// Inline: for simulations, in which nothing may run concurrently.
    Here,
}

impl Drawing {
    /// Renders on as many threads as there are cores.
    pub fn on_threads() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::Threads(Arc::new(Semaphore::new(cores)))
    }
}

/// The data that all viewers share.
#[derive(Clone, Debug)]
pub struct LiveShared {
    pub(super) handle: Handle,
    pub(super) renderer: Arc<Renderer>,
    pub(super) ticks: Ticks,
    drawing: Drawing,
    /// Rows that are the same for many viewers.
    pub(super) common: Arc<Common>,
    pub(super) settings: watch::Receiver<Arc<Settings>>,
    pub(super) marks: watch::Receiver<Arc<Marks>>,
}

impl LiveShared {
    /// The live feed of an engine.
    pub fn new(handle: Handle, renderer: Arc<Renderer>, drawing: Drawing) -> Self {
        let ticks = Ticks::start(handle.changes(), limits::TICK);
        let (_never, settings) = watch::channel(Arc::default());
        let (_nobody, marks) = watch::channel(Arc::default());
        Self {
            settings,
            marks,
            handle,
            renderer,
            ticks,
            drawing,
            common: Arc::default(),
        }
    }

    /// Adds settings, whose changes are sent to all viewers.
    #[must_use]
    pub fn with_settings(self, settings: watch::Receiver<Arc<Settings>>) -> Self {
        Self { settings, ..self }
    }

    /// Adds marks and comments of reviews, whose changes are sent to viewers of reviews.
    #[must_use]
    pub fn with_marks(self, marks: watch::Receiver<Arc<Marks>>) -> Self {
        Self { marks, ..self }
    }

    /// Waits until the feed has ended: after that no viewer is sent anything.
    pub async fn ended(&self) {
        self.ticks.ended().await;
    }

    /// The engine whose state is rendered.
    pub fn engine(&self) -> &Handle {
        &self.handle
    }

    /// The whole view of a viewport, with the rows that viewers share. `state` is the state of [`LiveShared::engine`].
    pub(super) fn whole(&self, state: &State, look: &Viewport) -> ViewDelta {
        view::delta_with(state, look, Rev(0), &self.common)
    }

    /// Renders in a language, in the configured place. `None` if the rendering panicked.
    pub async fn draw<T: Send + 'static>(
        &self,
        language: Language,
        draw: impl FnOnce(&Renderer) -> T + Send + 'static,
    ) -> Option<T> {
        let draw = move |renderer: &Renderer| speak(language, || draw(renderer));
        let turns = match &self.drawing {
            Drawing::Here => return Some(draw(&self.renderer)),
            Drawing::Threads(turns) => turns,
        };
        let _turn = turns.acquire().await.ok()?;
        let renderer = self.renderer.clone();
        tokio::task::spawn_blocking(move || draw(&renderer))
            .await
            .ok()
    }
}
