//! The simulation's own side of the stage.

use super::{STAGE, Stage, Verdict, with};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Something that is driven: a process, a member, a job. 0 is none.
pub type Actor = usize;

/// What strikes an actor, once.
#[derive(Debug, Clone, Copy)]
pub struct Arm {
    /// At which point; at any, if none is named.
    pub point: Option<&'static str>,
    /// Passings that come before.
    pub after: u64,
    /// What happens then.
    pub verdict: Verdict,
}

/// The hand that drives; ends its stage when dropped.
#[derive(Debug)]
pub struct Hand(());

/// Where an actor who was driven came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop<T> {
    /// The end.
    Done(T),
    /// It waits for time to pass or for news.
    Idle,
    /// It waits at a point until it is let go.
    Waiting(&'static str),
    /// It is dead; what is left of it is to be dropped.
    Dead(&'static str),
}

/// How it is seen that an actor has come to rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It says so itself.
    Said,
    /// Whenever it is not woken, and no question to the log is open that it asked, or that was asked while nobody was
    /// driven: it uses nothing else that has threads.
    Unasked,
    /// Never: it ends, or comes to a point.
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
    /// When there is one already.
    pub fn take(now: i64) -> Self {
        STAGE.with(|stage| {
            let before = stage.borrow_mut().replace(Stage { now, ..Stage::default() });
            assert!(before.is_none(), "one simulation on a thread at a time");
        });
        Self(())
    }

    /// Moves the simulated clock, which may go back, by microseconds.
    pub fn turn_clock(&self, by: i64) {
        let _ = with(|stage| stage.now += by);
    }

    /// How often each point was passed.
    pub fn passed(&self) -> BTreeMap<&'static str, u64> {
        with(|stage| stage.passed.clone()).unwrap_or_default()
    }

    /// What struck at which point, how often.
    pub fn struck(&self) -> BTreeMap<(&'static str, Verdict), u64> {
        with(|stage| stage.struck.clone()).unwrap_or_default()
    }

    /// Whether an actor waits at a point.
    pub fn waits(&self, actor: Actor) -> bool {
        with(|stage| stage.waiting.contains_key(&actor)).unwrap_or(false)
    }

    /// Lets an actor who waits at a point go on when it is driven next; where it waited.
    pub fn let_go(&self, actor: Actor, verdict: Verdict) -> Option<&'static str> {
        with(|stage| {
            let waiting = stage.waiting.remove(&actor)?;
            stage.free.insert(actor, (waiting.go, verdict));
            Some(waiting.point)
        })
        .flatten()
    }

    /// Forgets an actor who is gone.
    pub fn forget(&self, actor: Actor) {
        let _ = with(|stage| {
            stage.waiting.remove(&actor);
            stage.free.remove(&actor);
            stage.resting.remove(&actor);
            stage.armed.remove(&actor);
        });
    }

    /// Nothing strikes anybody any more, until it is armed again.
    pub fn disarm(&self) {
        let _ = with(|stage| stage.armed.clear());
    }

    /// Drives an actor until it ends, rests, or is stopped at a point. What it was armed with before and has not struck
    /// yet still does, unless `arm` takes its place.
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
                // An actor that was dropped meanwhile does not hear it.
                let _ = go.send(verdict);
            }
        });
        let stop = std::future::poll_fn(|context| self.poll(actor, rest, future.as_mut(), context));
        let mut stop = tokio::task::unconstrained(stop).await;
        if !matches!(stop, Stop::Dead(_)) {
            // Tasks that it has begun come as far as they can, too.
            tokio::task::yield_now().await;
            std::future::poll_fn(|context| self.poll_background(context)).await;
            // One of them may have died, where another had stopped already.
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
