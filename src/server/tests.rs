//! Servers in their roles: eras, sleep, connections in the place of pipes.

use super::status::Reason;
use super::*;
use crate::config;
use crate::config::spec::{ChildSpec, Launch, ServerSpec, Transport, Way};
use crate::limits::Limits;
use crate::meter::Meter;
use crate::protocol::revision::Era;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Far beyond what anything takes here.
const DEADLINE: Duration = Duration::from_secs(20);

/// A face that tells what it sees.
struct Witness(Sender<Seen>);

#[derive(Debug)]
enum Seen {
    Up(Running),
    Line(Vec<u8>),
    Down(End),
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.generation, self.greeting)
    }
}

impl Face for Witness {
    fn up(&self, running: &Running) {
        let _ = self.0.send(Seen::Up(running.clone()));
    }

    fn line(&self, _: &Running, line: Vec<u8>) -> Result<(), Noise> {
        Noise::sort(&String::from_utf8_lossy(&line))?;
        let _ = self.0.send(Seen::Line(line));
        Ok(())
    }

    fn oversize(&self, _: &Running, _: &Oversize) {}

    fn down(&self, _: u64, end: &End) {
        let _ = self.0.send(Seen::Down(end.clone()));
    }
}

/// A running server; its end is waited for.
struct Stage {
    server: Arc<Server>,
    seen: Receiver<Seen>,
}

impl Stage {
    /// A server whose child is this shell script.
    fn script(script: &str, role: Role) -> Stage {
        Stage::new(spec(script), role)
    }

    fn dial(dial: Arc<dyn Dial>, opening: Opening) -> Stage {
        Stage::new(spec("exit 1"), Role { opening, asleep: false, dial: Some(dial), ..Role::default() })
    }

    fn new(spec: ServerSpec, role: Role) -> Stage {
        Stage::among(spec, role, context())
    }

    fn among(spec: ServerSpec, role: Role, context: Arc<Context>) -> Stage {
        let (saw, seen) = unbounded();
        let (server, seat) = Server::new(&Arc::new(Meter::new("test")), &Limits::default(), &Arc::default());
        server.run(seat, Arc::new(spec), Arc::new(Witness(saw)), context, role).unwrap();
        Stage { server, seen }
    }

    #[track_caller]
    fn next(&self) -> Seen {
        self.seen.recv_timeout(DEADLINE).expect("something to be seen")
    }

    #[track_caller]
    fn up(&self) -> Running {
        match self.next() {
            Seen::Up(running) => running,
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn down(&self) -> End {
        match self.next() {
            Seen::Down(end) => end,
            other => panic!("{other:?}"),
        }
    }

    /// Waits for the status to be as it should be.
    #[track_caller]
    fn wait(&self, matches: impl Fn(&Status) -> bool) -> Status {
        let begin = Instant::now();
        loop {
            let status = self.server.status();
            if matches(&status) {
                return status;
            }
            let now = (status.state, status.target, status.reason);
            assert!(begin.elapsed() < DEADLINE, "{now:?}");
            std::thread::sleep(Duration::from_millis(5)); // between two looks
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.server.close();
        self.server.join();
    }
}

fn context() -> Arc<Context> {
    static REAPER: OnceLock<Arc<Reaper>> = OnceLock::new();
    let reaper = REAPER.get_or_init(|| Reaper::start().unwrap());
    let guard = Guard::absent();
    let nowhere = std::env::temp_dir().join("mcp-proxy-no-such-folder");
    Arc::new(Context {
        containers: Containers::new(&nowhere, guard.marker(), Arc::clone(reaper)),
        limits: Limits::default(),
        restart: config::Restart { backoff_ms: 1, ..Default::default() },
        health: config::Health::default(),
        reaper: Arc::clone(reaper),
        guard,
        gate: Gate::new(4),
        memory: Memory::of_this_run(),
        ledger: crate::ledger::Ledger::for_tests(),
        answers: Answers::open(std::path::Path::new("/dev/null"), 0),
        changes: Arc::default(),
    })
}

fn spec(script: &str) -> ServerSpec {
    let child = ChildSpec {
        transport: Some(Transport::Stdio),
        ways: vec![Way {
            command: "/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            ..Way::default()
        }],
        cwd: "/".into(),
        env: Default::default(),
        env_file: None,
        env_from_files: Default::default(),
        env_digest: 0,
        pass_env: Vec::new(),
        port: None,
        path: None,
        required: Vec::new(),
        confinement: Default::default(),
    };
    let options = config::ServerTable::default().options(&config::Defaults::default());
    ServerSpec { name: "test".into(), origin: "a test".into(), launch: Launch::Child(child), options }
}

/// Answers the first line with this, then reads on.
fn answering(answer: &str) -> String {
    format!("read -r hello; echo '{{\"jsonrpc\":\"2.0\",\"id\":0,{answer}}}'; while read -r line; do :; done")
}

const LEGACY: &str = r#""result":{"protocolVersion":"2025-11-25"}"#;
const MODERN: &str = r#""result":{"supportedVersions":["2026-07-28"]}"#;
const NOT_LEGACY: &str = r#""error":{"code":-32022,"message":"no"}"#;
const UNKNOWN: &str = r#""error":{"code":-32601,"message":"what?"}"#;

/// `initialize` is refused by half of the modern servers only.
fn modern_only() -> String {
    format!(
        "read -r hello; case \"$hello\" in *server/discover*) a='{MODERN}';; *) a='{NOT_LEGACY}';; esac; \
         echo '{{\"jsonrpc\":\"2.0\",\"id\":0,'\"$a\"'}}'; while read -r line; do :; done"
    )
}

fn opening(opening: Opening) -> Role {
    Role { opening, ..Role::default() }
}

#[test]
fn a_server_of_one_era_only_is_greeted_in_that_one() {
    let stage = Stage::script(&modern_only(), Role::default());
    assert_eq!(stage.down().reason, Reason::OtherEra);
    let greeting = stage.up().greeting.unwrap();
    assert_eq!((greeting.era, &*greeting.result), (Era::Modern, r#"{"supportedVersions":["2026-07-28"]}"#));
    let status = stage.wait(|status| status.state == State::Ready);
    assert_eq!((status.restarts, status.last_error, status.last_end.is_none()), (0, None, true));
    stage.server.restart();
    assert_eq!(stage.down().reason, Reason::Requested);
    assert_eq!(stage.up().greeting.unwrap().era, Era::Modern, "this is known by now");
}

#[test]
fn a_server_asked_for_one_era_gets_no_other() {
    let stage = Stage::script(&modern_only(), opening(Opening::Legacy(None)));
    assert_eq!(stage.down().reason, Reason::SpawnFailed("initialize".into()));
    let stage = Stage::script(&answering(UNKNOWN), opening(Opening::Modern));
    assert_eq!(stage.down().reason, Reason::SpawnFailed("server/discover".into()));
}

/// What speaks only after it was told to, by its first further argument.
fn told(script: &str) -> ServerSpec {
    let mut spec = spec(&format!("test \"$0\" = stdio || exit 2; {script}"));
    let Launch::Child(child) = &mut spec.launch else { unreachable!() };
    child.ways[0].retries = vec![vec!["stdio".into()]];
    spec
}

#[test]
fn an_attempt_that_failed_does_not_count_against_the_next() {
    let stage = Stage::new(told(&modern_only()), Role::default());
    assert_eq!(stage.down().reason, Reason::Exited(2));
    assert_eq!(stage.down().reason, Reason::OtherEra);
    assert_eq!(stage.up().greeting.unwrap().era, Era::Modern);
    let status = stage.wait(|status| status.state == State::Ready);
    assert_eq!((status.restarts, status.last_error, status.last_end.is_none()), (0, None, true));
}

#[test]
fn nor_does_it_explain_why_the_next_was_ended() {
    for end in [Server::stop, Server::sleep] {
        let stage = Stage::new(told("while read -r line; do :; done"), Role::default());
        assert_eq!(stage.down().reason, Reason::Exited(2));
        stage.wait(|status| status.state == State::Starting && status.pid.is_some());
        end(&stage.server);
        let reason = stage.down().reason;
        let status = stage.wait(|status| status.state == State::Stopped);
        assert_eq!((status.reason, status.last_error), (Some(reason), None));
    }
}

#[test]
fn whoever_is_only_tried_out_fails_quietly_and_for_good() {
    for script in [answering(UNKNOWN), answering(LEGACY), "read -r hello; exit 3".into(), "exit".into()] {
        let stage = Stage::script(&script, opening(Opening::TryModern));
        let why = stage.server.wait_running(DEADLINE).expect_err("no child");
        assert_eq!((why.0.target, why.0.last_error), (Target::Down, None));
        let status = stage.wait(|status| status.state == State::Stopped);
        assert_eq!((status.reason, status.last_error), (Some(Reason::NotModern), None), "{script}");
    }
}

#[test]
fn silence_is_an_answer_too() {
    let mut spec = spec("while read -r line; do :; done");
    spec.options.start_timeout = Duration::from_millis(300); // to be shorter than our own patience
    let stage = Stage::new(spec, opening(Opening::TryModern));
    let why = stage.server.wait_running(DEADLINE).expect_err("no child");
    assert_eq!((why.0.reason, why.0.last_error), (Some(Reason::NotModern), None));
}

#[test]
fn whoever_has_passed_is_kept_alive() {
    let stage = Stage::script(&answering(MODERN), opening(Opening::TryModern));
    let first = stage.up();
    assert_eq!(first.greeting.unwrap().era, Era::Modern);
    first.outlet.unwrap().close();
    stage.down();
    assert_eq!(stage.up().generation, 2);
}

#[test]
fn a_sleeper_is_started_by_whoever_waits_for_it() {
    let stage = Stage::script(&answering(LEGACY), Role { asleep: true, ..Role::default() });
    stage.server.wait_settled(DEADLINE);
    assert!(stage.server.status().rests());
    for generation in 1..=3 {
        assert_eq!(stage.server.wait_running(DEADLINE).ok().expect("a child").generation, generation);
        assert!(!stage.server.status().rests());
        stage.up();
        stage.server.sleep();
        assert_eq!(stage.down().reason, Reason::Asleep);
        let status = stage.wait(|status| status.state == State::Stopped);
        assert_eq!((status.restarts, status.target, status.last_error), (0, Target::Up, None));
    }
}

#[test]
fn a_call_that_comes_while_it_falls_asleep_wakes_it() {
    let slow = answering(LEGACY) + "; sleep 0.5";
    let stage = Stage::script(&slow, Role::default());
    stage.up();
    stage.server.sleep();
    stage.wait(Status::rests);
    assert_eq!(stage.server.wait_running(DEADLINE).ok().expect("a child").generation, 2);
}

/// Has calls under way the first time it is asked.
struct Busy {
    face: Witness,
    asked: Mutex<Vec<u64>>,
}

impl Face for Busy {
    fn up(&self, running: &Running) {
        self.face.up(running);
    }

    fn line(&self, from: &Running, line: Vec<u8>) -> Result<(), Noise> {
        self.face.line(from, line)
    }

    fn oversize(&self, _: &Running, _: &Oversize) {}

    fn rest(&self, generation: u64) -> bool {
        let mut asked = self.asked.lock().unwrap();
        asked.push(generation);
        asked.len() > 1
    }

    fn down(&self, generation: u64, end: &End) {
        self.face.down(generation, end);
    }
}

#[test]
fn a_child_with_calls_under_way_does_not_fall_asleep() {
    let (saw, seen) = unbounded();
    let (server, seat) = Server::new(&Arc::new(Meter::new("test")), &Limits::default(), &Arc::default());
    let face = Arc::new(Busy { face: Witness(saw), asked: Mutex::default() });
    let spec = Arc::new(spec(&answering(LEGACY)));
    server.run(seat, spec, Arc::clone(&face) as Arc<dyn Face>, context(), Role::default()).unwrap();
    let stage = Stage { server, seen };
    stage.up();
    stage.server.sleep();
    stage.server.report(Report { generation: 1, failure: None, busy: true });
    // That was heard behind it, by a child that goes on.
    stage.wait(|status| status.health == Health::Healthy && status.state == State::Ready);
    stage.server.sleep();
    assert_eq!(stage.down().reason, Reason::Asleep);
    assert_eq!(*face.asked.lock().unwrap(), [1, 1]);
}

#[test]
fn whoever_waits_for_a_first_start_has_it_begin() {
    let context = context();
    let (sender, passes) = unbounded();
    // All that may start at once do.
    for _ in 0..4 {
        let sender = sender.clone();
        context.gate.enter(false, move |pass| sender.send(pass).unwrap());
    }
    let stage = Stage::among(spec(&answering(LEGACY)), Role::default(), context);
    stage.wait(|status| status.state == State::Starting);
    assert!(stage.server.running().is_none() && passes.len() == 4);
    stage.server.wake(DEADLINE);
    assert_eq!(stage.server.running().expect("a child").generation, 1);
}

#[test]
fn a_sleeper_can_be_stopped_and_is_started_again_by_command() {
    let stage = Stage::script(&answering(LEGACY), Role { asleep: true, ..Role::default() });
    stage.server.stop();
    assert!(stage.server.wait_running(DEADLINE).is_err());
    assert_eq!(stage.wait(|status| !status.rests()).reason, Some(Reason::Requested));
    stage.server.start();
    assert_eq!(stage.up().generation, 1);
}

#[test]
fn several_children_of_one_name_do_not_end_each_other() {
    let echo = format!("read -r hello; echo '{{\"jsonrpc\":\"2.0\",\"id\":0,{LEGACY}}}'; exec cat");
    let stays = Stage::script(&echo, Role::default());
    let ends = Stage::script(&echo, Role::default());
    let running = stays.server.wait_running(DEADLINE).ok().expect("a child");
    ends.server.wait_running(DEADLINE).ok().expect("another child");
    drop(ends);
    let last_words = b"{\"jsonrpc\":\"2.0\",\"method\":\"still/there\"}\n";
    running.outlet.unwrap().send(last_words.to_vec()).unwrap();
    let is_echo = |seen: &Seen| match seen {
        Seen::Line(line) => line == last_words.trim_ascii_end(),
        Seen::Up(_) => false,
        Seen::Down(end) => panic!("{}", end.words()),
    };
    while !is_echo(&stays.next()) {}
}

/// Connections to a server that answers every greeting and says nothing else.
#[derive(Default)]
struct Switchboard {
    inlets: Mutex<Vec<Inlet>>,
    sent: Arc<Mutex<Vec<String>>>,
}

struct Line {
    inlet: Inlet,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Dial for Switchboard {
    fn dial(&self, _: &Opening, inlet: Inlet) -> Result<Arc<dyn Outlet>, String> {
        self.inlets.lock().unwrap().push(inlet.clone());
        Ok(Arc::new(Line { inlet, sent: Arc::clone(&self.sent) }))
    }
}

impl Outlet for Line {
    fn send(&self, line: Vec<u8>) -> Result<(), InputError> {
        let line = String::from_utf8(line).unwrap();
        if line.contains("\"id\":0") {
            let inlet = self.inlet.clone();
            let answer = format!("{{\"jsonrpc\":\"2.0\",\"id\":0,{LEGACY}}}");
            crate::thread::spawn("answer", move || inlet.line(answer.into_bytes())).unwrap();
        }
        self.sent.lock().unwrap().push(line);
        Ok(())
    }

    fn close(&self) {
        self.sent.lock().unwrap().push("closed".into());
    }
}

#[test]
fn a_connection_takes_the_place_of_a_child() {
    let board = Arc::new(Switchboard::default());
    let stage = Stage::dial(board.clone(), Opening::Legacy(Some(r#"{"a":1.0}"#.into())));
    let running = stage.up();
    running.outlet.unwrap().send(b"hello\n".to_vec()).unwrap();
    let inlet = board.inlets.lock().unwrap()[0].clone();
    inlet.line(br#"{"jsonrpc":"2.0","method":"x"}"#.to_vec());
    assert!(matches!(stage.next(), Seen::Line(line) if line.ends_with(b"\"x\"}")));
    let status = stage.wait(|status| status.state == State::Ready);
    assert_eq!((status.pid, status.running.unwrap().greeting.unwrap().era), (None, Era::Legacy));

    inlet.ended("the server hung up");
    let end = stage.down();
    assert_eq!(end.words(), "lost its connection: the server hung up");
    assert_eq!(end.reason.to_string(), "disconnected");
    inlet.line(br#"{"jsonrpc":"2.0","method":"too late"}"#.to_vec());
    assert_eq!(stage.up().generation, 2);
    let status = stage.wait(|status| status.state == State::Ready);
    assert_eq!((status.restarts, status.last_error.as_deref()), (1, Some(end.words().as_str())));

    stage.server.sleep();
    assert_eq!(stage.down().reason, Reason::Asleep);
    let sent = board.sent.lock().unwrap().clone();
    let greeting = "{\"jsonrpc\":\"2.0\",\"id\":0,\"method\":\"initialize\",\"params\":{\"a\":1.0}}\n";
    let initialized = "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";
    let expected = [greeting, initialized, "hello\n", "closed", greeting, initialized, "closed"];
    assert_eq!(sent, expected);
}

/// Nobody can be reached, twice.
#[derive(Default)]
struct DeadTwice {
    tries: Mutex<u32>,
    then: Switchboard,
}

impl Dial for DeadTwice {
    fn dial(&self, opening: &Opening, inlet: Inlet) -> Result<Arc<dyn Outlet>, String> {
        *self.tries.lock().unwrap() += 1;
        match *self.tries.lock().unwrap() {
            1 => Err("nobody there".into()),
            2 => {
                let gone = inlet.clone();
                gone.ended("refused");
                self.then.dial(opening, inlet)
            }
            _ => self.then.dial(opening, inlet),
        }
    }
}

#[test]
fn a_connection_that_cannot_be_made_is_tried_again() {
    let stage = Stage::dial(Arc::new(DeadTwice::default()), Opening::Legacy(None));
    let error = |text: &'static str| move |status: &Status| status.last_error.as_deref() == Some(text);
    stage.wait(error("lost its connection: refused"));
    assert_eq!(stage.server.wait_running(DEADLINE).ok().expect("a connection").generation, 3);
}
