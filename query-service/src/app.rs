//! What every view shares: the read model once it is there, the positions it has applied, the key that signs cursors.

use crate::coalescer::SingleFlight;
use crate::consistency::{Behind, Consistency, Positions};
use crate::cursor::CursorKey;
use crate::erasures::Owners;
use crate::loaders::Loaders;
use crate::opener::Opener;
use crate::past_orders::PastOrders;
use crate::problems;
use crate::reply::Page;
use read_model::ReadModel;
use read_model::read::positions::{Applied, Projection};
use server::{Problem, ProblemCode};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The state behind all routes; cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    model: OnceLock<ReadModel>,
    positions: Arc<Positions>,
    poller: OnceLock<AbortOnDropHandle<()>>,
    cursor_key: OnceCell<CursorKey>,
    pages: SingleFlight<Result<Page, Problem>>,
    loaders: Loaders,
    past: PastOrders,
    owners: Owners,
    opener: Opener,
    streams: Arc<Semaphore>,
    refused: Mutex<Option<&'static str>>,
    draining: CancellationToken,
}

impl App {
    /// Without a read model yet: views answer 503 until [`App::attach`].
    pub(crate) fn new(max_streams: usize, draining: CancellationToken) -> Self {
        Self(Arc::new(Inner {
            model: OnceLock::new(),
            positions: Arc::default(),
            poller: OnceLock::new(),
            cursor_key: OnceCell::new(),
            pages: SingleFlight::default(),
            loaders: Loaders::default(),
            past: PastOrders::default(),
            owners: Owners::default(),
            opener: Opener::default(),
            streams: Arc::new(Semaphore::new(max_streams)),
            refused: Mutex::default(),
            draining,
        }))
    }

    /// Sets the read model that the views read. The first one stays.
    pub(crate) fn attach(&self, model: ReadModel) {
        let polled = model.clone();
        if self.0.model.set(model).is_ok() {
            let poller = tokio::spawn(Arc::clone(&self.0.positions).follow(polled));
            self.0.poller.set(AbortOnDropHandle::new(poller)).ok();
        }
    }

    /// Refuses all views from now on, or no longer.
    pub(crate) fn refuse_views(&self, why: Option<&'static str>) {
        *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// The read model that was attached, whether views are refused or not.
    pub(crate) fn attached(&self) -> Option<&ReadModel> {
        self.0.model.get()
    }

    /// The read model that was attached.
    ///
    /// # Errors
    /// 503 `unavailable` while there is none, or views are refused.
    pub fn model(&self) -> Result<&ReadModel, Problem> {
        if let Some(why) = *self.0.refused.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(Problem::new(ProblemCode::UNAVAILABLE)
                .detail(why)
                .retry_after(problems::RETRY_AFTER_SECONDS));
        }
        self.attached().ok_or_else(|| {
            Problem::new(ProblemCode::UNAVAILABLE)
                .detail("The read model is not there yet. Try again in a moment.")
                .retry_after(problems::RETRY_AFTER_SECONDS)
        })
    }

    /// The read model, once these projections have applied what the client has seen elsewhere.
    ///
    /// # Errors
    /// 503 `read-model-behind` when they have not in the time the client gives, 503 `unavailable` without read model.
    pub async fn model_at(
        &self,
        consistency: Consistency,
        projections: &[Projection],
    ) -> Result<&ReadModel, Problem> {
        self.model_when(consistency, |applied| applied.least(projections)).await
    }

    /// The read model, once `place` of the projections has reached the client's position; at once if it names none.
    ///
    /// # Errors
    /// As [`Self::model_at`].
    pub async fn model_when(
        &self,
        consistency: Consistency,
        place: impl Fn(&Applied) -> u64,
    ) -> Result<&ReadModel, Problem> {
        let model = self.model()?;
        let Some(wanted) = consistency.0 else { return Ok(model) };
        let reached = if wanted.wait.is_zero() {
            let applied = place(&model.applied().await.map_err(problems::of_read_model)?);
            if applied >= wanted.position { Ok(()) } else { Err(Behind { applied }) }
        } else {
            self.0.positions.reach(place, wanted.position, wanted.wait).await
        };
        match reached {
            Ok(()) => Ok(model),
            Err(Behind { applied }) => Err(wanted.is_ahead_of(applied)),
        }
    }

    /// The key that signs cursors; read once.
    pub(crate) async fn cursor_key(&self) -> Result<&CursorKey, Problem> {
        let model = self.model()?;
        let read = async || model.cursor_key().await.map(CursorKey::new);
        self.0.cursor_key.get_or_try_init(read).await.map_err(problems::of_read_model)
    }

    /// What the projections had applied when the positions were last read.
    pub(crate) fn positions(&self) -> &Positions {
        &self.0.positions
    }

    /// The pages of orders that are being read now.
    pub(crate) fn pages(&self) -> &SingleFlight<Result<Page, Problem>> {
        &self.0.pages
    }

    /// Reads that requests for different orders share.
    pub(crate) fn loaders(&self) -> &Loaders {
        &self.0.loaders
    }

    /// Orders as they were, composed before.
    pub(crate) fn past(&self) -> &PastOrders {
        &self.0.past
    }

    /// The customers of orders.
    pub(crate) fn owners(&self) -> &Owners {
        &self.0.owners
    }

    /// Opens sealed texts.
    pub(crate) fn opener(&self) -> &Opener {
        &self.0.opener
    }

    /// A permit to hold an event stream open.
    pub(crate) fn stream_permit(&self) -> Result<tokio::sync::OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.0.streams).try_acquire_owned().map_err(|_| {
            Problem::new(ProblemCode::OVERLOADED)
                .detail(
                    "Too many event streams are open. Try again later, or page through /v1/events.",
                )
                .retry_after(problems::RETRY_AFTER_SECONDS)
        })
    }

    /// Cancelled when long-lived answers have to end.
    pub(crate) fn draining(&self) -> &CancellationToken {
        &self.0.draining
    }
}
