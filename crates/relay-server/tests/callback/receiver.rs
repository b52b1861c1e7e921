//! Somebody who is called back: notes what arrives, and answers as the test says.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, Full};
use hyper::{
    Request, Response,
    body::{Body, Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use relay_core::callback::Callback;
use tokio::{net::TcpListener, sync::watch};

/// A callback as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub headers: http::HeaderMap,
    pub path: String,
    pub text: String,
    pub callback: Callback,
}

impl Arrived {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The id that stays the same over repeats.
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }

    /// What is signed.
    pub fn signed(&self) -> String {
        format!("{}.{}.{}", self.id(), self.header("webhook-timestamp"), self.text)
    }

    /// The event, and its place among those of its task.
    pub fn event(&self) -> (&'static str, i64) {
        (self.callback.event.as_str(), self.callback.sequence)
    }
}

/// How it is answered.
pub enum Reply {
    Status(u16),
    With(u16, &'static str, String),
    /// 200, once the gate is open.
    Gate(watch::Receiver<bool>),
    /// 200, and bytes without end; counts those that were asked for.
    Endless(Arc<AtomicUsize>),
    /// 200, and a body that never comes.
    Stuck,
}

type Answer = dyn Fn(&Arrived) -> Reply + Send + Sync;

/// A receiver on a port of its own.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    crowd: Arc<Mutex<Crowd>>,
}

/// How many were answered at the same time.
#[derive(Default)]
struct Crowd {
    present: Vec<i64>,
    most: usize,
    two_of_a_task: bool,
}

impl Receiver {
    pub async fn start(answer: impl Fn(&Arrived) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Self { address, arrived: Arc::default(), crowd: Arc::default() };
        let (serving, answer): (_, Arc<Answer>) = (receiver.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (serving, answer) = (serving.clone(), answer.clone());
                let service = service_fn(move |request| {
                    let (serving, answer) = (serving.clone(), answer.clone());
                    async move { Ok::<_, Infallible>(serving.take(request, &*answer).await) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        receiver
    }

    /// One that takes everything.
    pub async fn content() -> Self {
        Self::start(|_| Reply::Status(204)).await
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook?key=hush", self.address)
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.arrived.lock().unwrap().len()
    }

    /// The events that arrived, in order.
    pub fn events(&self) -> Vec<(&'static str, i64)> {
        self.arrived().iter().map(Arrived::event).collect()
    }

    /// How many were being answered at once at the most, and whether two of them told of one task.
    pub fn crowd(&self) -> (usize, bool) {
        let crowd = self.crowd.lock().unwrap();
        (crowd.most, crowd.two_of_a_task)
    }

    async fn take(
        &self,
        request: Request<Incoming>,
        answer: &Answer,
    ) -> Response<Either<Full<Bytes>, Endless>> {
        let (parts, body) = request.into_parts();
        let Ok(body) = body.collect().await else {
            return Response::new(Either::Left(Full::default()));
        };
        let text = String::from_utf8(body.to_bytes().to_vec()).unwrap();
        let arrived = Arrived {
            callback: serde_json::from_str(&text).unwrap(),
            headers: parts.headers,
            path: parts.uri.to_string(),
            text,
        };
        let _present = self.present(arrived.callback.task.id.0);
        let reply = answer(&arrived);
        self.arrived.lock().unwrap().push(arrived);
        let mut response = Response::new(Either::Left(Full::default()));
        match reply {
            Reply::Status(status) => *response.status_mut() = status.try_into().unwrap(),
            Reply::With(status, name, value) => {
                *response.status_mut() = status.try_into().unwrap();
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            Reply::Gate(mut gate) => drop(gate.wait_for(|open| *open).await.map(|_| ())),
            Reply::Endless(asked) => *response.body_mut() = Either::Right(Endless(Some(asked))),
            Reply::Stuck => *response.body_mut() = Either::Right(Endless(None)),
        }
        response
    }

    fn present(&self, task: i64) -> Present {
        let mut crowd = self.crowd.lock().unwrap();
        crowd.two_of_a_task |= crowd.present.contains(&task);
        crowd.present.push(task);
        crowd.most = crowd.most.max(crowd.present.len());
        Present { crowd: self.crowd.clone(), task }
    }
}

/// Somebody who is being answered, also where the relay breaks off.
struct Present {
    crowd: Arc<Mutex<Crowd>>,
    task: i64,
}

impl Drop for Present {
    fn drop(&mut self) {
        let mut crowd = self.crowd.lock().unwrap();
        let place = crowd.present.iter().position(|task| *task == self.task).unwrap();
        crowd.present.remove(place);
    }
}

/// A body without end, or one that never begins.
pub struct Endless(Option<Arc<AtomicUsize>>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const CHUNK: &[u8] = &[b'x'; 16 * 1024];
        let Some(asked) = &self.0 else { return Poll::Pending };
        asked.fetch_add(CHUNK.len(), Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(CHUNK)))))
    }
}
