//! Questions that are asked at the same moment are answered by one statement.
//!
//! What a small read costs is the way to the database and back, not the row. So whoever asks leaves a question and waits;
//! a reader takes all that have gathered, up to a bound, and asks for them together. Nobody waits for a timer: alone, a
//! question is asked at once. While one statement is under way the next one's questions gather; when they fill it, it is
//! not waited for any longer. Every answer comes from a statement that began after the question came.

use crate::db::{ReadModel, ReadModelError};
use std::sync::{Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Questions in one statement.
const TOGETHER: usize = 32;
/// Statements under way at once: another one begins when those that wait fill it.
const READERS: usize = 2;

/// A question that can be asked together with others of its kind.
pub(crate) trait Question: Sized + Send + Sync + 'static {
    /// What one who asked is told.
    type Answer: Send + 'static;

    /// Where the questions of this kind gather.
    fn gathered(model: &ReadModel) -> &Gathered<Self>;

    /// Asks one.
    fn answer(
        self,
        model: &ReadModel,
    ) -> impl Future<Output = Result<Self::Answer, ReadModelError>> + Send;

    /// Asks several by one statement: an answer for each, in their order.
    fn answer_all(
        model: &ReadModel,
        questions: &[Self],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, ReadModelError>> + Send;
}

type Told<Q> = Result<<Q as Question>::Answer, ReadModelError>;
type Waiting<Q> = (Q, oneshot::Sender<Told<Q>>);

/// The questions of one kind that wait, and how many readers are at work.
pub(crate) struct Gathered<Q: Question>(Mutex<State<Q>>);

struct State<Q: Question> {
    waiting: Vec<Waiting<Q>>,
    readers: usize,
}

impl<Q: Question> Default for Gathered<Q> {
    fn default() -> Self {
        Self(Mutex::new(State { waiting: Vec::new(), readers: 0 }))
    }
}

impl<Q: Question> std::fmt::Debug for Gathered<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gathered")
    }
}

/// What a question is given when it comes.
enum Turn<Q: Question> {
    /// Leave to be asked at once.
    Now(Q),
    /// The place where its answer will be told; and what is to be asked at once, for it fills a statement.
    Wait(oneshot::Receiver<Told<Q>>, Vec<Waiting<Q>>),
}

impl<Q: Question> Gathered<Q> {
    fn come(&self, question: Q) -> Turn<Q> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.readers == 0 {
            state.readers += 1;
            return Turn::Now(question);
        }
        let (tell, told) = oneshot::channel();
        state.waiting.push((question, tell));
        if state.waiting.len() < TOGETHER || state.readers >= READERS {
            return Turn::Wait(told, Vec::new());
        }
        state.readers += 1;
        Turn::Wait(told, state.take())
    }

    /// The questions to answer next; a reader that gets none is no longer at work.
    fn next(&self) -> Vec<Waiting<Q>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.waiting.is_empty() {
            state.readers -= 1;
        }
        state.take()
    }
}

impl<Q: Question> State<Q> {
    fn take(&mut self) -> Vec<Waiting<Q>> {
        let taken = self.waiting.len().min(TOGETHER);
        self.waiting.drain(..taken).collect()
    }
}

/// A reader at work. When it is done, or whoever it reads for goes away, what has gathered meanwhile is answered.
struct Reader<Q: Question> {
    model: ReadModel,
    kind: std::marker::PhantomData<fn(Q)>,
}

impl<Q: Question> Reader<Q> {
    fn new(model: ReadModel) -> Self {
        Self { model, kind: std::marker::PhantomData }
    }
}

impl<Q: Question> Drop for Reader<Q> {
    fn drop(&mut self) {
        let questions = Q::gathered(&self.model).next();
        if !questions.is_empty()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(answer_all(Self::new(self.model.clone()), questions));
        }
    }
}

/// Asks a question, together with others if there are any.
///
/// # Errors
/// When the storage refuses.
pub(super) async fn ask<Q: Question>(model: &ReadModel, question: Q) -> Told<Q> {
    match Q::gathered(model).come(question) {
        Turn::Now(question) => {
            let _reader = Reader::<Q>::new(model.clone());
            question.answer(model).await
        }
        Turn::Wait(told, full) => {
            if !full.is_empty() {
                tokio::spawn(answer_all(Reader::new(model.clone()), full));
            }
            told.await.unwrap_or_else(|_| {
                Err(ReadModelError::Unavailable("the reader that was asked has failed".into()))
            })
        }
    }
}

async fn answer_all<Q: Question>(reader: Reader<Q>, questions: Vec<Waiting<Q>>) {
    let (questions, waiting): (Vec<Q>, Vec<_>) = questions.into_iter().unzip();
    // Whoever asked may be gone.
    match Q::answer_all(&reader.model, &questions).await {
        Ok(answers) => {
            for (answer, tell) in answers.into_iter().zip(waiting) {
                tell.send(Ok(answer)).ok();
            }
        }
        Err(error) => {
            for tell in waiting {
                tell.send(Err(error.clone())).ok();
            }
        }
    }
}
