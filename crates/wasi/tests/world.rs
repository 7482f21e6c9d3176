//! Arguments, environment, standard streams, clocks, random bytes, polling, sockets and the end of the process.

mod harness;

use harness::{CREATE, DATA, Guest, READ, RESULT, WRITE};
use rotifer_wasi::{Errno, OutputPipe, WasiCtx, WasiCtxBuilder};
use std::{
    io::{self, Read, Write},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Reads an array of strings.
fn strings(guest: &mut Guest, get: &str, sizes: &str) -> Vec<String> {
    guest.call(sizes, &[RESULT, RESULT + 4]).unwrap();
    let (count, size) = (guest.get_u32(RESULT), guest.get_u32(RESULT + 4));
    guest.call(get, &[512, DATA]).unwrap();
    let bytes = guest.get(DATA, size as usize);
    let strings = (0..count).map(|index| {
        let start = guest.get_u32(512 + 4 * i64::from(index)) as usize - DATA as usize;
        let len = bytes[start..].iter().position(|&byte| byte == 0).unwrap();
        String::from_utf8(bytes[start..start + len].to_vec()).unwrap()
    });
    strings.collect()
}

#[test]
fn arguments_and_environment() {
    let wasi = WasiCtxBuilder::new()
        .arg("program")
        .args(["", "ä b"])
        .env("A", "1")
        .envs([("B", "2 3"), ("EMPTY", "")])
        .build();
    let mut guest = Guest::new(wasi);
    assert_eq!(strings(&mut guest, "args_get", "args_sizes_get"), ["program", "", "ä b"]);
    assert_eq!(strings(&mut guest, "environ_get", "environ_sizes_get"), ["A=1", "B=2 3", "EMPTY="]);
    let mut nothing = Guest::new(WasiCtxBuilder::new().build());
    assert!(strings(&mut nothing, "args_get", "args_sizes_get").is_empty());
    assert!(strings(&mut nothing, "environ_get", "environ_sizes_get").is_empty());
}

#[test]
fn the_environment_can_be_inherited() {
    let mut guest = Guest::new(WasiCtxBuilder::new().inherit_env().build());
    guest.call("environ_sizes_get", &[RESULT, RESULT + 4]).unwrap();
    let unicode =
        std::env::vars_os().filter(|(name, value)| name.to_str().is_some() && value.to_str().is_some());
    assert_eq!(guest.get_u32(RESULT) as usize, unicode.count());
}

#[test]
fn a_builder_starts_anew() {
    let mut builder = WasiCtxBuilder::new();
    builder.arg("a");
    let mut first = Guest::new(builder.build());
    let mut second = Guest::new(builder.build());
    assert_eq!(strings(&mut first, "args_get", "args_sizes_get"), ["a"]);
    assert!(strings(&mut second, "args_get", "args_sizes_get").is_empty());
}

#[test]
fn standard_streams() {
    let (stdout, stderr) = (OutputPipe::new(), OutputPipe::with_limit(5));
    let mut builder = WasiCtxBuilder::new();
    builder.stdin_bytes("some input").stdout(stdout.clone()).stderr(stderr.clone());
    let mut guest = Guest::new(builder.build());
    // A stream fills one buffer at a time, lest it waits for the second.
    assert_eq!(guest.read(0, 6), Ok(b"so".to_vec()));
    assert_eq!(guest.read(0, 1), Ok(b"m".to_vec()));
    assert_eq!(guest.write(1, b"output"), Ok(6));
    assert_eq!(guest.write(2, b"errors"), Ok(5), "the pipe is full");
    assert_eq!(guest.write(2, b"!"), Err(Errno::Nospc));
    assert_eq!((stdout.contents(), stderr.contents()), (b"output".to_vec(), b"error".to_vec()));
    assert_eq!(guest.write(0, b"x"), Err(Errno::Badf));
    assert_eq!(guest.read(1, 1), Err(Errno::Badf));
    for fd in 0..3 {
        assert_eq!(guest.seek(fd, 0, 1), Err(Errno::Spipe));
        assert_eq!(guest.tell(fd), Err(Errno::Spipe));
        assert_eq!(guest.pread(fd, 1, 0), Err(Errno::Spipe));
        assert_eq!(guest.pwrite(fd, b"x", 0), Err(Errno::Spipe));
    }
    let mut nothing = Guest::new(WasiCtxBuilder::new().build());
    assert_eq!(nothing.read(0, 6), Ok(vec![]));
    assert_eq!(nothing.write(1, b"lost"), Ok(4));
}

/// A stream of an embedder that fails in every way.
struct Broken(u32);

impl Read for Broken {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0 += 1;
        match self.0 {
            1 => Err(io::ErrorKind::Interrupted.into()),
            2 => Err(io::ErrorKind::BrokenPipe.into()),
            _ => Ok(bytes.len() + 1),
        }
    }
}

impl Write for Broken {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.read(&mut vec![0; bytes.len()])
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

#[test]
fn streams_that_fail() {
    let mut guest = Guest::new(WasiCtxBuilder::new().stdin(Broken(0)).stdout(Broken(0)).build());
    assert_eq!(guest.read(0, 2), Err(Errno::Pipe));
    assert_eq!(guest.read(0, 2), Err(Errno::Io), "more than was asked for");
    assert_eq!(guest.write(1, b"ab"), Err(Errno::Pipe));
    assert_eq!(guest.write(1, b"ab"), Err(Errno::Io));
    assert_eq!(guest.call("fd_sync", &[1]), Err(Errno::Again));
}

fn time(guest: &mut Guest, clock: i64) -> Result<u64, Errno> {
    guest.call("clock_time_get", &[clock, 1000, RESULT])?;
    Ok(guest.get_u64(RESULT))
}

#[test]
fn system_clocks() {
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let mut guest = Guest::new(WasiCtxBuilder::new().system_clocks().system_random().build());
    assert!(time(&mut guest, 0).unwrap() >= before);
    let first = time(&mut guest, 1).unwrap();
    assert!(first < 60_000_000_000, "begins with the run");
    assert!(time(&mut guest, 1).unwrap() >= first);
    for clock in [2, 3] {
        assert_eq!(time(&mut guest, clock), Err(Errno::Badf));
        assert_eq!(guest.call("clock_res_get", &[clock, RESULT]), Err(Errno::Badf));
    }
    assert_eq!(time(&mut guest, 4), Err(Errno::Inval));
    assert_eq!(guest.call("clock_res_get", &[1, RESULT]), Ok(()));
    assert_eq!(guest.get_u64(RESULT), 1);
}

fn deterministic() -> WasiCtx {
    let start = UNIX_EPOCH + Duration::from_secs(1_000_000);
    let mut builder = WasiCtxBuilder::new();
    builder.deterministic_clocks(start, Duration::from_millis(3)).deterministic_random(42).build()
}

#[test]
fn deterministic_clocks() {
    const START: u64 = 1_000_000_000_000_000;
    let mut guest = Guest::new(deterministic());
    assert_eq!(time(&mut guest, 0), Ok(START));
    assert_eq!(time(&mut guest, 1), Ok(3_000_000));
    assert_eq!(time(&mut guest, 0), Ok(START + 6_000_000));
    guest.call("clock_res_get", &[0, RESULT]).unwrap();
    assert_eq!(guest.get_u64(RESULT), 3_000_000);
    // An hour's sleep takes no time, and passes.
    let start = Instant::now();
    subscribe_clock(&mut guest, 0, 7, 1, 3_600_000_000_000, 0);
    assert_eq!(poll(&mut guest, 1), Ok(vec![(7, 0, 0)]));
    assert!(start.elapsed() < Duration::from_secs(60));
    assert_eq!(time(&mut guest, 1), Ok(3_600_009_000_000));
}

#[test]
fn random_bytes() {
    let bytes = |wasi| {
        let mut guest = Guest::new(wasi);
        assert_eq!(guest.call("random_get", &[DATA, 40]), Ok(()));
        assert_eq!(guest.call("random_get", &[DATA + 40, 0]), Ok(()));
        guest.get(DATA, 48)
    };
    let first = bytes(deterministic());
    assert_eq!(first, bytes(deterministic()));
    // What ChaCha20 gives for the seed 42, and shall give forever.
    assert_eq!(first[..8], SEED_42);
    assert_eq!(first[40..], [0; 8], "no more than was asked for");
    let system = || WasiCtxBuilder::new().build();
    assert_ne!(bytes(system()), bytes(system()));
}

const SEED_42: [u8; 8] = [120, 72, 181, 215, 17, 188, 152, 131];

/// Puts subscription `index` to a clock into the memory.
fn subscribe_clock(guest: &mut Guest, index: i64, userdata: i64, clock: i64, timeout: i64, flags: i64) {
    let place = DATA + 48 * index;
    guest.put_u32s(place, &[userdata, 0, 0, 0, clock, 0]);
    guest.put(place + 24, &timeout.to_le_bytes());
    guest.put_u32s(place + 32, &[0, 0, flags, 0]);
}

/// Puts subscription `index` to a descriptor into the memory.
fn subscribe_fd(guest: &mut Guest, index: i64, userdata: i64, kind: i64, fd: i64) {
    guest.put_u32s(DATA + 48 * index, &[userdata, 0, kind, 0, fd]);
}

/// Polls and gives the events: user data, error, kind.
fn poll(guest: &mut Guest, count: i64) -> Result<Vec<(u64, u16, u8)>, Errno> {
    let events = DATA + 4096;
    guest.call("poll_oneoff", &[DATA, events, count, RESULT])?;
    let happened = i64::from(guest.get_u32(RESULT));
    let event = |index| events + 32 * index;
    let read = |place| (guest.get_u64(place), guest.get_u16(place + 8), guest.get_u8(place + 10));
    Ok((0..happened).map(|index| read(event(index))).collect())
}

#[test]
fn polling_clocks() {
    let mut guest = Guest::new(deterministic());
    subscribe_clock(&mut guest, 0, 10, 1, 500, 0);
    subscribe_clock(&mut guest, 1, 11, 0, 300, 0);
    subscribe_clock(&mut guest, 2, 12, 1, 300, 0);
    assert_eq!(poll(&mut guest, 3), Ok(vec![(11, 0, 0), (12, 0, 0)]), "the earliest");
    assert_eq!(time(&mut guest, 1), Ok(300));
    subscribe_clock(&mut guest, 0, 10, 1, 300, 1);
    assert_eq!(poll(&mut guest, 1), Ok(vec![(10, 0, 0)]), "long ago");
    assert_eq!(time(&mut guest, 1), Ok(3_000_300), "nothing was waited for");
    subscribe_clock(&mut guest, 0, 10, 1, 9_000_000, 1);
    assert_eq!(poll(&mut guest, 1), Ok(vec![(10, 0, 0)]));
    assert_eq!(time(&mut guest, 1), Ok(9_000_000));
    subscribe_clock(&mut guest, 0, 10, 9, 0, 0);
    assert_eq!(poll(&mut guest, 1), Ok(vec![(10, Errno::Inval as u16, 0)]));
    subscribe_clock(&mut guest, 0, 10, 1, 0, 2);
    assert_eq!(poll(&mut guest, 1), Ok(vec![(10, Errno::Inval as u16, 0)]));
    assert_eq!(poll(&mut guest, 0), Err(Errno::Inval));

    let mut guest = Guest::new(WasiCtxBuilder::new().build());
    let start = Instant::now();
    subscribe_clock(&mut guest, 0, 1, 1, 20_000_000, 0);
    assert_eq!(poll(&mut guest, 1), Ok(vec![(1, 0, 0)]));
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn polling_descriptors() {
    let (mut guest, _dir) = Guest::with_directory();
    let fd = guest.open("a", CREATE, READ | WRITE).unwrap();
    let reader = guest.open("a", 0, READ).unwrap();
    guest.write(fd, b"hello").unwrap();
    guest.seek(fd, 2, 0).unwrap();
    subscribe_fd(&mut guest, 0, 1, 1, fd);
    subscribe_fd(&mut guest, 1, 2, 2, fd);
    subscribe_fd(&mut guest, 2, 3, 1, 0);
    subscribe_fd(&mut guest, 3, 4, 2, 1);
    subscribe_clock(&mut guest, 4, 5, 1, i64::MAX, 0);
    subscribe_fd(&mut guest, 5, 6, 1, 99);
    subscribe_fd(&mut guest, 6, 7, 2, reader);
    subscribe_fd(&mut guest, 7, 8, 1, 3);
    let bad = Errno::Badf as u16;
    let expected = vec![(1, 0, 1), (2, 0, 2), (3, 0, 1), (4, 0, 2), (6, bad, 1), (7, bad, 2), (8, bad, 1)];
    assert_eq!(poll(&mut guest, 8), Ok(expected), "without waiting for the clock");
    assert_eq!(guest.get_u64(DATA + 4096 + 16), 3, "bytes that can be read");
    subscribe_fd(&mut guest, 0, 1, 3, fd);
    assert_eq!(poll(&mut guest, 1), Err(Errno::Inval));
}

#[test]
fn sockets_do_not_exist() {
    let (mut guest, _dir) = Guest::with_directory();
    for (fd, errno) in [(0, Errno::Notsock), (3, Errno::Notsock), (9, Errno::Badf)] {
        assert_eq!(guest.call("sock_accept", &[fd, 0, RESULT]), Err(errno));
        assert_eq!(guest.call("sock_recv", &[fd, 0, 0, 0, RESULT, RESULT]), Err(errno));
        assert_eq!(guest.call("sock_send", &[fd, 0, 0, 0, RESULT]), Err(errno));
        assert_eq!(guest.call("sock_shutdown", &[fd, 0]), Err(errno));
    }
}

#[test]
fn the_process() {
    let mut guest = Guest::new(WasiCtxBuilder::new().build());
    assert_eq!(guest.call("sched_yield", &[]), Ok(()));
    assert_eq!(guest.call("proc_raise", &[2]), Err(Errno::Notsup));
    for status in [0, 7, 200, -1] {
        let error = guest.try_call("proc_exit", &[status]).unwrap_err();
        assert_eq!(error.i32_exit_status(), Some(status as i32));
    }
}

#[test]
fn worlds_move_between_threads() {
    fn check<T: Send>(_: T) {}
    check(WasiCtxBuilder::new().build());
    check(Guest::new(WasiCtxBuilder::new().build()).store);
}
