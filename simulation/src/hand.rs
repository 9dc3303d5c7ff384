//! The simulation's own side of the stage: the hand that drives the actors.

use super::{STAGE, Stage, Verdict, with};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// A part that the simulation drives: a process, a member, a job. 0 is none.
pub type Actor = usize;

/// A verdict that waits for an actor; it strikes once.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// The point at which it strikes; any point, if none is named.
    pub point: Option<&'static str>,
    /// The number of passings before it strikes.
    pub after: u64,
    /// The verdict.
    pub verdict: Verdict,
}

/// Drives the actors; ends the stage of its thread when dropped.
#[derive(Debug)]
pub struct Hand(());

/// Where a driven actor stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop<T> {
    /// It ended.
    Done(T),
    /// It waits for time to pass or for news.
    Idle,
    /// It waits at a point until it is released.
    Waiting(&'static str),
    /// It is dead; the caller must drop what is left of it.
    Dead(&'static str),
}

/// How the driver knows that an actor rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The actor says so itself.
    Said,
    /// It is not woken, and the log has no open question of this actor, or one asked while no actor was driven. For
    /// actors that use no other threads.
    Unasked,
    /// Never: it ends or stops at a point.
    Never,
}

struct Flag {
    woken: AtomicBool,
    outer: Waker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.outer.wake_by_ref();
    }
}

impl Hand {
    /// Sets a stage on this thread, at a time in microseconds since 1970.
    ///
    /// # Panics
    /// When the thread already has one.
    pub fn take(now: i64) -> Self {
        STAGE.with(|stage| {
            let before = stage.borrow_mut().replace(Stage { now, ..Stage::default() });
            assert!(before.is_none(), "one simulation on a thread at a time");
        });
        Self(())
    }

    /// Moves the simulated clock by microseconds, forwards or back.
    pub fn turn_clock(&self, by: i64) {
        let _ = with(|stage| stage.now += by);
    }

    /// How often each point was passed.
    pub fn passed(&self) -> BTreeMap<&'static str, u64> {
        with(|stage| stage.passed.clone()).unwrap_or_default()
    }

    /// How often each verdict struck at each point.
    pub fn struck(&self) -> BTreeMap<(&'static str, Verdict), u64> {
        with(|stage| stage.struck.clone()).unwrap_or_default()
    }

    /// Whether an actor waits at a point.
    pub fn waits(&self, actor: Actor) -> bool {
        with(|stage| stage.waiting.contains_key(&actor)).unwrap_or(false)
    }

    /// Releases an actor that waits at a point: it goes on when it is driven next. Returns that point.
    pub fn let_go(&self, actor: Actor, verdict: Verdict) -> Option<&'static str> {
        with(|stage| {
            let waiting = stage.waiting.remove(&actor)?;
            stage.free.insert(actor, (waiting.go, verdict));
            Some(waiting.point)
        })
        .flatten()
    }

    /// Forgets an actor that is gone.
    pub fn forget(&self, actor: Actor) {
        let _ = with(|stage| {
            stage.waiting.remove(&actor);
            stage.free.remove(&actor);
            stage.resting.remove(&actor);
            stage.armed.remove(&actor);
        });
    }

    /// Withdraws all verdicts that have not struck.
    pub fn disarm(&self) {
        let _ = with(|stage| stage.armed.clear());
    }

    /// Drives an actor until it ends, rests, or stops at a point. A verdict armed earlier that has not struck stays
    /// armed, unless `arm` replaces it.
    pub async fn drive<F: Future + ?Sized>(
        &self,
        actor: Actor,
        rest: Rest,
        arm: Option<Arm>,
        mut future: Pin<&mut F>,
    ) -> Stop<F::Output> {
        let _ = with(|stage| {
            (stage.driven, stage.dead) = (actor, None);
            stage.by_word = rest == Rest::Said;
            if let Some(arm) = arm {
                stage.armed.insert(actor, arm);
            }
            if let Some((go, verdict)) = stage.free.remove(&actor) {
                // An actor that was dropped meanwhile has no receiver.
                let _ = go.send(verdict);
            }
        });
        let stop = std::future::poll_fn(|context| self.poll(actor, rest, future.as_mut(), context));
        let mut stop = tokio::task::unconstrained(stop).await;
        if !matches!(stop, Stop::Dead(_)) {
            // The tasks that it has started also run as far as they can.
            tokio::task::yield_now().await;
            std::future::poll_fn(|context| self.poll_background(context)).await;
            // One of them may have died after another had stopped.
            if let Some(point) = with(|stage| stage.death_of(actor)).flatten() {
                stop = Stop::Dead(point);
            }
        }
        let _ = with(|stage| {
            (stage.driven, stage.driver) = (0, None);
        });
        stop
    }

    fn poll_background(&self, context: &mut Context<'_>) -> Poll<()> {
        let background = with(|stage| {
            stage.driver = Some(context.waker().clone());
            stage.background
        });
        if background.unwrap_or(0) == 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll<F: Future + ?Sized>(
        &self,
        actor: Actor,
        rest: Rest,
        mut future: Pin<&mut F>,
        context: &mut Context<'_>,
    ) -> Poll<Stop<F::Output>> {
        let _ = with(|stage| stage.driver = Some(context.waker().clone()));
        let flag = Arc::new(Flag { woken: AtomicBool::new(false), outer: context.waker().clone() });
        let waker = Waker::from(Arc::clone(&flag));
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let (dead, waiting, asking, resting) = with(|stage| {
            let dead = stage.death_of(actor);
            let waiting = stage.waiting.get(&actor).map(|waiting| waiting.point);
            let resting = stage.resting.get(&actor).copied().unwrap_or(0);
            (dead, waiting, stage.asks(actor) || stage.asks(0), resting)
        })
        .unwrap_or_default();
        if let Some(point) = dead {
            return Poll::Ready(Stop::Dead(point));
        }
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Stop::Done(output));
        }
        if let Some(point) = waiting {
            return Poll::Ready(Stop::Waiting(point));
        }
        let at_rest = match rest {
            Rest::Said => resting > 0,
            Rest::Unasked => !asking,
            Rest::Never => false,
        };
        match at_rest && !flag.woken.load(Ordering::SeqCst) {
            true => Poll::Ready(Stop::Idle),
            false => Poll::Pending,
        }
    }
}

impl Stage {
    fn asks(&self, actor: Actor) -> bool {
        self.asking.get(&actor).is_some_and(|count| *count > 0)
    }

    fn death_of(&self, actor: Actor) -> Option<&'static str> {
        self.dead.filter(|(whose, _)| *whose == actor).map(|(_, point)| point)
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        STAGE.with(|stage| *stage.borrow_mut() = None);
    }
}
