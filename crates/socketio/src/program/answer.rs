//! An answer that is awaited.

use super::error::Error;
use super::shared::Shared;
#[cfg(feature = "blocking")]
use super::state::State;
use crate::Args;
use crate::client::Question;
#[cfg(feature = "blocking")]
use crate::client::Unanswered;
use alloc::sync::Arc;
use core::fmt;
use core::mem;
use core::pin::Pin;
use core::task::{Context, Poll};

/// The answer to [`Socket::ask`](super::Socket::ask), which comes within the time that was given there, or not.
///
/// Tasks of any runtime `await` it, and threads `wait` for it (with the feature `blocking`). The event is on its way before that, so
/// more can be asked meanwhile. Who drops it does not get the answer.
#[must_use = "the answer comes to whoever waits for it"]
pub struct Answer(Stage);

enum Stage {
    /// The event was not sent.
    Failed(Error),
    Asked(Asked),
    /// The answer was taken.
    Over,
}

struct Asked {
    shared: Arc<Shared>,
    question: Question,
}

impl Answer {
    pub(super) fn new(shared: &Arc<Shared>, asked: Result<Question, Error>) -> Self {
        let shared = Arc::clone(shared);
        Self(match asked {
            Ok(question) => Stage::Asked(Asked { shared, question }),
            Err(error) => Stage::Failed(error),
        })
    }

    /// Waits for the answer. Blocks the thread: tasks `await` it.
    ///
    /// # Errors
    ///
    /// [`Error::Encode`] and [`Error::Emit`]: the event was not sent. [`Error::Unanswered`].
    #[cfg(feature = "blocking")]
    pub fn wait(mut self) -> Result<Args<'static>, Error> {
        match mem::replace(&mut self.0, Stage::Over) {
            Stage::Failed(error) => Err(error),
            Stage::Asked(asked) => {
                let find = |state: &mut State| state.answer(asked.question, None);
                let answer = asked.shared.wait_for_news(None, find);
                Ok(answer.unwrap_or(Err(Unanswered::Disconnected))?)
            }
            Stage::Over => Err(Unanswered::Disconnected.into()),
        }
    }
}

/// Output: the answer, or the errors of `wait`. Cancel safe: the answer waits as long as this is there.
impl Future for Answer {
    type Output = Result<Args<'static>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Stage::Asked(Asked { shared, question }) = &self.0 {
            let answer = shared.look(|state| state.answer(*question, Some(cx)));
            let Some(answer) = answer else { return Poll::Pending };
            self.0 = Stage::Over;
            return Poll::Ready(answer.map_err(Error::from));
        }
        match mem::replace(&mut self.0, Stage::Over) {
            Stage::Failed(error) => Poll::Ready(Err(error)),
            // It was polled once more.
            Stage::Asked(_) | Stage::Over => Poll::Pending,
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.shared.look(|state| state.inbox.forget(self.question));
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}
