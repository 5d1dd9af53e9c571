//! The small trees over a connection with latency.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DatabaseConnection};
use throwaway_postgres::Postgres;

use crate::aims::Aims;
use crate::cases::{self, Case, Session};
use crate::databases::{Kind, Layout, Range, WARM_UP, connect};
use crate::rival::{Rival, median};
use crate::table;
use crate::target::Target;
use crate::{Fallible, Size};

/// The latency in each direction.
const ONE_WAY: Duration = Duration::from_micros(250);

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    let to = server.tcp_address().ok_or("the server has no port")?;
    let line = Line::open(to)?;
    let mut rivals = Vec::new();
    for kind in Kind::ALL {
        let db = connect(&server.tcp_url(line.address, kind.database())).await?;
        rivals.push(Rival { kind, db });
    }
    let near = round_trip(&connect(&server.url("postgres")).await?).await?;
    let far = round_trip(&connect(&server.tcp_url(line.address, "postgres")).await?).await?;
    let layout = Layout::of(size);
    let small = |name: &str, posts: Range, count: usize| {
        let first = WARM_UP + size.small_rounds;
        let posts = move |from: usize, count: usize| -> Vec<_> {
            (from..from + count)
                .map(|n| Target::Post(posts.nth(n)))
                .collect()
        };
        Case {
            name: name.to_owned(),
            aims: Aims::FEW,
            targets: posts(first + WARM_UP, count),
            warm: posts(first, WARM_UP),
            vacuum: false,
            session: Session::Busy,
            rows_rounds: count,
        }
    };
    let middling = Case {
        name: format!("{} comments", size.middling),
        aims: Aims::SETS,
        targets: layout.middling.ids().map(Target::Post).collect(),
        warm: vec![Target::Post(layout.none.first)],
        vacuum: false,
        session: Session::Busy,
        rows_rounds: 0,
    };
    let none = small("no comment", layout.none, size.far_rounds);
    let ten = small("10 comments", layout.ten, size.far_rounds);
    let one = ten.warm[0];
    let mut outcomes = Vec::new();
    for case in [none, ten, middling] {
        outcomes.push(cases::measure(&rivals, case).await?);
    }
    println!("## Archive and restore over a connection with half a millisecond of latency\n");
    println!(
        "`SELECT 1` through the pool takes {:.3} ms, including the ping before use, and {:.3} ms on the Unix socket.\n",
        far * 1e3,
        near * 1e3
    );
    cases::report(&outcomes);
    round_trips(&rivals, &line, one).await
}

async fn round_trip(db: &DatabaseConnection) -> Fallible<f64> {
    let mut samples = Vec::new();
    for _ in 0..50 {
        let start = Instant::now();
        db.execute_unprepared("SELECT 1").await?;
        samples.push(start.elapsed());
    }
    Ok(median(&samples).unwrap_or_default())
}

/// Counts the requests of the client. Each request that waits for an answer is one packet.
async fn round_trips(rivals: &[Rival], line: &Line, target: Target) -> Fallible {
    println!("## Requests for one post with ten comments, including the two pings of the pool\n");
    const TIMES: u64 = 5;
    let mut rows = Vec::new();
    for rival in rivals {
        let mut sent = [0; 2];
        for _ in 0..TIMES {
            let start = line.requests();
            rival.archive(target).await?;
            settle(line).await;
            let archived = line.requests();
            rival.restore(target).await?;
            settle(line).await;
            sent[0] += archived - start;
            sent[1] += line.requests() - archived;
        }
        rows.push(vec![
            rival.kind.name().to_owned(),
            (sent[0] / TIMES).to_string(),
            (sent[1] / TIMES).to_string(),
        ]);
    }
    table::print(&["", "archive", "restore"], &rows);
    Ok(())
}

/// Waits until the connection is back in its pool.
async fn settle(line: &Line) {
    let mut seen = u64::MAX;
    while seen != line.requests() {
        seen = line.requests();
        for _ in 0..2_000 {
            tokio::task::yield_now().await;
        }
        let _ = tokio::task::spawn_blocking(|| thread::sleep(Duration::from_millis(3))).await;
    }
}

/// A proxy that delays every packet by the same time, without blocking the packets after it.
struct Line {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
}

/// Bytes on their way, and the time when they arrive.
type Parcel = (Instant, Vec<u8>);

impl Line {
    fn open(to: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // If this fails, the connection is closed, which the client reports as an error.
                let _ = join(client, to, &counter);
            }
        });
        Ok(Self { address, requests })
    }

    fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

fn join(client: TcpStream, to: SocketAddr, requests: &Arc<AtomicU64>) -> io::Result<()> {
    let server = TcpStream::connect(to)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    carry(client.try_clone()?, server.try_clone()?, Some(requests));
    carry(server, client, None);
    Ok(())
}

fn carry(from: TcpStream, to: TcpStream, requests: Option<&Arc<AtomicU64>>) {
    let (sender, receiver) = channel();
    let requests = requests.map(Arc::clone);
    thread::spawn(move || accept(from, &sender, requests.as_deref()));
    thread::spawn(move || deliver(to, &receiver));
}

fn accept(mut from: TcpStream, parcels: &Sender<Parcel>, requests: Option<&AtomicU64>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let parcel = (Instant::now() + ONE_WAY, buffer[..read].to_vec());
        if let Some(requests) = requests {
            requests.fetch_add(1, Ordering::Relaxed);
        }
        if parcels.send(parcel).is_err() {
            break;
        }
    }
}

fn deliver(mut to: TcpStream, parcels: &Receiver<Parcel>) {
    while let Ok((due, bytes)) = parcels.recv() {
        wait_until(due);
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Sleeping ends some 60 microseconds late, so the last part is a busy loop.
fn wait_until(due: Instant) {
    let early = Duration::from_micros(100);
    if let Some(left) = due.checked_duration_since(Instant::now() + early) {
        thread::sleep(left);
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}
