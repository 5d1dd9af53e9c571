//! A network in between: what is sent arrives later, and nothing else changes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Forwards connections to `server`, each chunk `delay` after it was sent. The threads end with the
/// process.
pub fn delay(server: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
            for stream in [&client, &server] {
                stream.set_nodelay(true).unwrap();
            }
            forward(
                client.try_clone().unwrap(),
                server.try_clone().unwrap(),
                delay,
            );
            forward(server, client, delay);
        }
    });
    address
}

fn forward(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = [0; 65536];
        while let Ok(read) = from.read(&mut buffer) {
            if read == 0
                || sender
                    .send((Instant::now() + delay, buffer[..read].to_vec()))
                    .is_err()
            {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, chunk) in receiver {
            wait_until(due);
            if to.write_all(&chunk).is_err() {
                break;
            }
        }
    });
}

/// A sleep ends late by more than what is measured here: the last part is waited for awake.
fn wait_until(due: Instant) {
    let awake = Duration::from_micros(100);
    let left = due.saturating_duration_since(Instant::now());
    if left > awake {
        thread::sleep(left - awake);
    }
    while Instant::now() < due {
        std::hint::spin_loop();
    }
}
