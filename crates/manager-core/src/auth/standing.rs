//! Whether somebody whose request goes on may still do what it does: tokens are deleted, sessions
//! end, apps go, while a tail is open.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::{HeaderMap, header};
use shared::error::Kind;
use shared::id::AppId;
use store::apps;
use tokio::time::{Sleep, sleep};
use tokio_stream::Stream;

use super::capability::Capability;
use super::extractor::InApp;
use super::principal::{Principal, authenticate};
use crate::error::{ApiError, ApiResult};
use crate::manager::Manager;

/// Between two looks. The timer lives as long as the request.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks in a row that the database may leave without an answer.
const UNANSWERED: u32 = 30;

/// By what a request was allowed, to be looked at again.
#[derive(Clone)]
struct Standing {
    manager: Arc<Manager>,
    /// The credential as it was sent, and nothing else.
    headers: HeaderMap,
    https: bool,
    app: AppId,
    require: fn(&Principal) -> ApiResult<()>,
}

impl Standing {
    /// Whether the request would still be allowed.
    async fn look(self) -> ApiResult<()> {
        let principal = authenticate(&self.manager, &self.headers, self.https).await?;
        (self.require)(&principal)?;
        let app = self.app;
        let there = self.manager.store().read::<_, ApiError>(move |conn| {
            let there = apps::get(conn, app)?;
            Ok(there.is_some())
        });
        let bound_here = principal.bound_to().is_none_or(|bound| bound == app);
        if there.await? && bound_here {
            return Ok(());
        }
        Err(ApiError::not_found("the app is gone"))
    }
}

enum Look {
    Later(Pin<Box<Sleep>>),
    Now(Pin<Box<dyn Future<Output = ApiResult<()>> + Send>>),
}

/// A stream that ends when its reader may no longer see it. While that is looked at, nothing is
/// given out: what comes was allowed within [`LOOK_EVERY`], however slowly it is read.
pub(crate) struct WhileAllowed<S> {
    events: Pin<Box<S>>,
    standing: Standing,
    look: Look,
    unanswered: u32,
}

impl<S: Stream> Stream for WhileAllowed<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        let this = self.get_mut();
        loop {
            match &mut this.look {
                Look::Later(when) => {
                    if when.as_mut().poll(cx).is_pending() {
                        return this.events.as_mut().poll_next(cx);
                    }
                    this.look = Look::Now(Box::pin(this.standing.clone().look()));
                }
                Look::Now(look) => {
                    let seen = ready!(look.as_mut().poll(cx));
                    this.unanswered = match seen.map_err(|refused| refused.error.kind) {
                        Ok(()) => 0,
                        Err(Kind::Unauthenticated | Kind::Forbidden | Kind::NotFound) => {
                            return Poll::Ready(None);
                        }
                        // A database that is away for a moment ends nobody's tail.
                        Err(_) if this.unanswered < UNANSWERED => this.unanswered + 1,
                        Err(_) => return Poll::Ready(None),
                    };
                    this.look = Look::Later(Box::pin(sleep(LOOK_EVERY)));
                }
            }
        }
    }
}

impl<C: Capability> InApp<C> {
    /// These events, for as long as the request would be allowed. `headers` are the request's.
    pub(crate) fn while_allowed<S: Stream>(
        &self,
        headers: &HeaderMap,
        events: S,
    ) -> WhileAllowed<S> {
        let mut credential = HeaderMap::new();
        for name in [header::AUTHORIZATION, header::COOKIE] {
            for value in headers.get_all(&name) {
                credential.append(&name, value.clone());
            }
        }
        let standing = Standing {
            manager: Arc::clone(&self.manager),
            headers: credential,
            https: self.peer.origin.is_https(),
            app: self.app.id,
            require: Principal::require::<C>,
        };
        WhileAllowed {
            events: Box::pin(events),
            standing,
            look: Look::Later(Box::pin(sleep(LOOK_EVERY))),
            unanswered: 0,
        }
    }
}
