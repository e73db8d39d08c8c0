//! The pieces of a form on their way to the parser. Until the head of a part is complete, the parser holds all that has
//! come and searches it anew with every piece, so what may come meanwhile has a bound.

use bytes::Bytes;
use futures_util::{Stream, TryStream};
use std::{
    error::Error,
    fmt, mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

/// How many bytes the parser may still ask for; [`Allowance::UNBOUNDED`] while it reads what is not kept.
#[derive(Clone)]
pub struct Allowance(Arc<AtomicUsize>);

impl Allowance {
    const UNBOUNDED: usize = usize::MAX;

    /// Without a bound at first.
    pub fn new() -> Self {
        Self(Arc::new(AtomicUsize::new(Self::UNBOUNDED)))
    }
    /// So many bytes from now on. A piece that has begun within them is given whole.
    pub fn bound(&self, bytes: usize) {
        self.0.store(bytes, Relaxed);
    }
    /// As many as there are.
    pub fn lift(&self) {
        self.bound(Self::UNBOUNDED);
    }
}

/// The error of one who asks for more than the allowance.
#[derive(Debug)]
pub struct Exhausted;

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the head of a part is too long")
    }
}
impl Error for Exhausted {}

/// Whatever goes wrong with a stream.
type Whatever = Box<dyn Error + Send + Sync>;

/// A stream whose pieces count against an allowance.
pub struct Pieces<S> {
    stream: S,
    allowance: Allowance,
    /// Whether the parser has had a look at the last piece.
    paused: bool,
}

impl<S> Pieces<S> {
    /// The pieces of a stream.
    pub fn new(stream: S, allowance: Allowance) -> Self {
        Self { stream, allowance, paused: true }
    }
}

impl<S> Stream for Pieces<S>
where
    S: TryStream<Ok = Bytes> + Unpin,
    S::Error: Into<Whatever>,
{
    type Item = Result<Bytes, Whatever>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        // The parser takes whatever is there before it looks at any of it: one piece at a time, then.
        if !mem::replace(&mut self.paused, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let left = self.allowance.0.load(Relaxed);
        if left == 0 {
            return Poll::Ready(Some(Err(Exhausted.into())));
        }
        let next = ready!(Pin::new(&mut self.stream).try_poll_next(cx));
        Poll::Ready(next.map(|piece| {
            let piece = piece.map_err(Into::into)?;
            if left != Allowance::UNBOUNDED {
                self.allowance.bound(left.saturating_sub(piece.len()));
            }
            self.paused = false;
            Ok(piece)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{StreamExt, stream};
    use proptest::prelude::*;
    use std::{convert::Infallible, task::Waker};

    fn pieces(sizes: &[usize]) -> (Pieces<impl TryStream<Ok = Bytes, Error = Infallible> + Unpin>, Allowance) {
        let pieces: Vec<_> = sizes.iter().map(|&size| Ok(Bytes::from(vec![b'x'; size]))).collect();
        let allowance = Allowance::new();
        (Pieces::new(stream::iter(pieces), allowance.clone()), allowance)
    }

    fn poll(pieces: &mut (impl Stream<Item = Result<Bytes, Whatever>> + Unpin)) -> Poll<Option<Result<usize, bool>>> {
        let next = pieces.poll_next_unpin(&mut Context::from_waker(Waker::noop()));
        next.map_ok(|piece| piece.len()).map_err(|error| error.is::<Exhausted>())
    }

    #[test]
    fn one_piece_at_a_time() {
        let (mut pieces, _) = pieces(&[1, 2]);
        let polled: Vec<_> = (0..5).map(|_| poll(&mut pieces)).collect();
        let (first, second) = (Poll::Ready(Some(Ok(1))), Poll::Ready(Some(Ok(2))));
        assert_eq!(polled, [first, Poll::Pending, second, Poll::Pending, Poll::Ready(None)]);
    }

    proptest! {
        #[test]
        fn an_allowance_ends_with_the_piece_that_uses_it_up(
            sizes in prop::collection::vec(1usize..9, 1..20),
            bound in 1usize..99,
        ) {
            let (mut pieces, allowance) = pieces(&sizes);
            allowance.bound(bound);
            let mut came = 0;
            for &size in &sizes {
                if came >= bound {
                    prop_assert_eq!(poll(&mut pieces), Poll::Ready(Some(Err(true))));
                    return Ok(());
                }
                prop_assert_eq!(poll(&mut pieces), Poll::Ready(Some(Ok(size))));
                prop_assert!(poll(&mut pieces).is_pending());
                came += size;
            }
            let wanted = if came < bound { None } else { Some(Err(true)) };
            prop_assert_eq!(poll(&mut pieces), Poll::Ready(wanted));
        }
    }
}
