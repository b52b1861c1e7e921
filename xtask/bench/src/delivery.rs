//! Delivery: direct mail at a steady rate, from its POST to its arrival on the receiver's stream.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, LocalSet};
use tokio::time::{Instant, sleep_until, timeout};

use crate::agents::Agent;
use crate::connection::Connection;
use crate::load::{latencies, quantile, record};
use crate::reply::Framing;
use crate::request;
use crate::stream::Stream;

/// The steady load of one run.
#[derive(Clone, Copy)]
pub struct Pace {
    pub per_second: u32,
    pub lasting: Duration,
    /// What arrives in this time at the start is not counted.
    pub warm_up: Duration,
    /// Bytes of text in a body.
    pub body: usize,
}

/// What one run saw, in milliseconds: from the POST to the arrival, and from the POST to its answer.
pub struct Run {
    pub p50: f64,
    pub p99: f64,
    pub answered_p50: f64,
    pub answered_p99: f64,
}

/// Streams that are being read, each on a task of its own on this thread.
pub struct Readers {
    local: LocalSet,
    seen: Rc<Seen>,
    tasks: Vec<JoinHandle<()>>,
    epoch: Instant,
}

/// What the readers saw of the present run.
struct Seen {
    latencies: RefCell<Histogram<u64>>,
    answers: RefCell<Histogram<u64>>,
    arrived: Cell<u64>,
    counted_from: Cell<Duration>,
    /// Why a stream ended that should not have.
    broken: RefCell<Option<io::Error>>,
    more: Notify,
}

impl Readers {
    /// Opens one stream for each agent.
    pub async fn open(address: SocketAddr, agents: &[Agent]) -> io::Result<Self> {
        let mut readers = Self {
            local: LocalSet::new(),
            seen: Rc::new(Seen {
                latencies: RefCell::new(latencies()),
                answers: RefCell::new(latencies()),
                arrived: Cell::new(0),
                counted_from: Cell::new(Duration::ZERO),
                broken: RefCell::new(None),
                more: Notify::new(),
            }),
            tasks: Vec::with_capacity(agents.len()),
            epoch: Instant::now(),
        };
        for agent in agents {
            let stream = Stream::open(address, agent).await?;
            let seen = Rc::clone(&readers.seen);
            let task = readers.local.spawn_local(read(stream, seen, readers.epoch));
            readers.tasks.push(task);
        }
        Ok(readers)
    }

    /// Sends at the given pace from `senders` to `receivers` in turn and waits until all of it arrived.
    pub async fn deliver(
        &self,
        address: SocketAddr,
        senders: &[Agent],
        receivers: &[Agent],
        pace: Pace,
    ) -> io::Result<Run> {
        self.seen.latencies.borrow_mut().reset();
        self.seen.answers.borrow_mut().reset();
        self.seen.arrived.set(0);
        let start = Instant::now();
        self.seen.counted_from.set(start - self.epoch + pace.warm_up);
        let total = u64::from(pace.per_second) * pace.lasting.as_secs();
        let schedule =
            Schedule { start, epoch: self.epoch, pace, step: senders.len() as u64, total };
        let sending = senders.iter().zip(0..).map(|(sender, first)| {
            let (sender, receivers) = (sender.clone(), receivers.to_vec());
            let answered = Rc::clone(&self.seen);
            self.local.spawn_local(send(address, sender, receivers, first, schedule, answered))
        });
        let sending: Vec<_> = sending.collect();
        let run = self.local.run_until(async {
            for one in sending {
                one.await.map_err(io::Error::other)??;
            }
            while self.seen.arrived.get() < total {
                if let Some(error) = self.seen.broken.take() {
                    return Err(error);
                }
                self.seen.more.notified().await;
            }
            Ok::<(), io::Error>(())
        });
        let patience = pace.lasting + Duration::from_secs(20);
        timeout(patience, run).await.map_err(|_| {
            let arrived = self.seen.arrived.get();
            io::Error::other(format!("of {total} messages {arrived} arrived in {patience:?}"))
        })??;
        let (seen, answers) = (self.seen.latencies.borrow(), self.seen.answers.borrow());
        Ok(Run {
            p50: quantile(&seen, 0.5),
            p99: quantile(&seen, 0.99),
            answered_p50: quantile(&answers, 0.5),
            answered_p99: quantile(&answers, 0.99),
        })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn read(mut stream: Stream, seen: Rc<Seen>, epoch: Instant) {
    loop {
        let arrivals = stream.arrivals(|sent| {
            seen.arrived.set(seen.arrived.get() + 1);
            if sent >= seen.counted_from.get() {
                let latency = epoch.elapsed().saturating_sub(sent);
                record(&mut seen.latencies.borrow_mut(), latency);
            }
        });
        let ended = arrivals.await.err();
        let last = ended.is_some();
        if last {
            seen.broken.replace(ended);
        }
        seen.more.notify_one();
        if last {
            return;
        }
    }
}

/// Which messages one sender sends, and when: every `step`th of `total`.
#[derive(Clone, Copy)]
struct Schedule {
    start: Instant,
    epoch: Instant,
    pace: Pace,
    step: u64,
    total: u64,
}

async fn send(
    address: SocketAddr,
    sender: Agent,
    receivers: Vec<Agent>,
    first: u64,
    schedule: Schedule,
    seen: Rc<Seen>,
) -> io::Result<()> {
    let mut connection = Connection::open(address, Framing::Http).await?;
    let mut number = first;
    while number < schedule.total {
        let receiver = &receivers[number as usize % receivers.len()];
        let mut request =
            request::send(&sender.token, &sender.id, &receiver.id, schedule.pace.body);
        let place = request::stamp_place(&request);
        let due = Duration::from_secs(number) / schedule.pace.per_second;
        sleep_until(schedule.start + due).await;
        request::stamp(&mut request, place, schedule.epoch.elapsed().as_nanos());
        let posted = Instant::now();
        connection.exchange(&request).await?;
        if posted - schedule.epoch >= seen.counted_from.get() {
            record(&mut seen.answers.borrow_mut(), posted.elapsed());
        }
        number += schedule.step;
    }
    Ok(())
}
