//! Sleeps, whatever its arguments are.

fn main() {
    loop {
        std::thread::park();
    }
}
