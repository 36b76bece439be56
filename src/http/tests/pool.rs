use crate::http::pool::Pool;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(10);

type Job = (Sender<u32>, Receiver<()>, u32);

fn pool(most: usize, idle: Duration) -> Pool<Job> {
    Pool::new(most, idle, |(begun, go, number): Job| {
        begun.send(number).unwrap();
        let _ = go.recv();
        assert_ne!(number, 13, "a job that panics");
    })
}

#[test]
fn jobs_given_together_run_together() {
    let pool = pool(64, LONG);
    let ((begun, began), (release, go)) = (unbounded(), unbounded::<()>());
    for round in 0..3 {
        for number in 0..64 {
            pool.give((begun.clone(), go.clone(), round * 100 + number)).map_err(|_| ()).unwrap();
        }
        for _ in 0..64 {
            began.recv_timeout(LONG).unwrap();
        }
        assert_eq!(pool.threads(), 64);
        (0..64).for_each(|_| release.send(()).unwrap());
    }
    assert_eq!(pool.close(LONG), 0);
}

#[test]
fn a_job_over_the_bound_waits_and_a_panic_costs_no_thread() {
    let pool = pool(1, LONG);
    let ((begun, began), (release, go)) = (unbounded(), unbounded::<()>());
    for number in [13, 14] {
        pool.give((begun.clone(), go.clone(), number)).map_err(|_| ()).unwrap();
    }
    assert_eq!(began.recv_timeout(LONG), Ok(13));
    assert!(began.is_empty());
    release.send(()).unwrap();
    assert_eq!(began.recv_timeout(LONG), Ok(14));
    assert_eq!((pool.threads(), pool.close(Duration::ZERO)), (1, 1));
    release.send(()).unwrap();
    assert_eq!(pool.close(LONG), 0);
}

#[test]
fn idle_threads_end_and_are_joined() {
    let pool = pool(8, Duration::from_millis(1));
    let ((begun, began), (release, go)) = (unbounded(), unbounded::<()>());
    drop(release);
    for number in 100..300 {
        pool.give((begun.clone(), go.clone(), number)).map_err(|_| ()).unwrap();
        assert_eq!(began.recv_timeout(LONG), Ok(number));
    }
    let deadline = Instant::now() + LONG;
    while pool.threads() > 0 {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    assert_eq!(pool.close(Duration::ZERO), 0);
}
