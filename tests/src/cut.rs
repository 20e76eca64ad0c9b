//! A way to a server that can be cut and mended: what is lost between two machines.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A port of loopback that leads to a server, until it is cut.
#[derive(Debug)]
pub struct Way {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_cut: bool,
    /// Both ends of all that was let through.
    open: Vec<TcpStream>,
}

impl Way {
    /// A way to that server, from where the calling thread is.
    ///
    /// # Panics
    /// Where loopback has no port.
    #[expect(clippy::expect_used, reason = "a test helper fails its test")]
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("its address").port();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        // It ends with the test's process.
        thread::spawn(move || {
            for came in listener.incoming().flatten() {
                // Who is not let through is refused: the connection closes.
                let _ = lead(&shared, came, server);
            }
        });
        Self { port, state }
    }

    /// Its port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Ends all that is on the way, and lets nothing through.
    pub fn cut(&self) {
        let mut state = lock(&self.state);
        state.is_cut = true;
        for end in state.open.drain(..) {
            // It may have ended by itself.
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Lets all through again.
    pub fn mend(&self) {
        lock(&self.state).is_cut = false;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn lead(state: &Mutex<State>, came: TcpStream, server: SocketAddr) -> io::Result<()> {
    let mut state = lock(state);
    if state.is_cut {
        return Ok(());
    }
    let there = TcpStream::connect(server)?;
    for (from, to) in [(&came, &there), (&there, &came)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        thread::spawn(move || {
            // It ends where one of both ends.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    state.open.extend([came, there]);
    Ok(())
}
