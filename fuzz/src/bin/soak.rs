//! Random modules from seeds through the oracles, without instrumentation and with every dispatcher.
//!
//! The work is done by a child process, so that a crash or an endless loop is a finding like others: the parent
//! knows the seed that the child was at, keeps the module and goes on with the next seed.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use rotifer_fuzz::{
    Finding, api,
    case::Case,
    execute::{self, Done, Nan},
    generate,
    random::Random,
    states, validate, wast_text,
};

/// Nothing that is made here may make the engine ask for more: what is refused ends the process.
#[global_allocator]
static ALLOCATOR: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, MOST_MEMORY);

/// Bytes on the heap, at most. Linear memories of wasmtime are not among them.
const MOST_MEMORY: usize = 1 << 30;

/// What can be run.
const TARGETS: &[&str] = &[
    "validate",
    #[cfg(feature = "reference")]
    "execute",
    "modes",
    "suspend",
    "states",
    "api",
    "wast-text",
];

const USAGE: &str = "\
usage: soak --target validate|execute|modes|suspend|states|api|wast-text [--seconds N] [--seed S] [--count N] [--out DIR] [--stop]
       soak --target T --replay FILE --seed S    runs one module; its exit status says which oracle it violates
       soak --target T --shrink FILE --seed S    minimises one module
       soak --target T --print S                 writes the module of a seed";

/// An execution that takes more seconds of the processor is endless: what others run on the machine must not accuse a
/// module.
const PATIENCE: u64 = 20;
/// How often that is looked at.
const TICK: Duration = Duration::from_millis(200);

#[derive(Clone, Debug)]
struct Options {
    target: String,
    seconds: u64,
    seed: u64,
    count: u64,
    out: PathBuf,
    stop: bool,
    child: bool,
    replay: Option<PathBuf>,
    shrink: Option<PathBuf>,
    print: Option<u64>,
}

fn options() -> Option<Options> {
    let mut options = Options {
        target: String::new(),
        seconds: 60,
        seed: 1,
        count: u64::MAX,
        out: std::env::temp_dir().join("rotifer-soak"),
        stop: false,
        child: false,
        replay: None,
        shrink: None,
        print: None,
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--target" => options.target = args.next()?,
            "--seconds" => options.seconds = args.next()?.parse().ok()?,
            "--seed" => options.seed = args.next()?.parse().ok()?,
            "--count" => options.count = args.next()?.parse().ok()?,
            "--out" => options.out = args.next()?.into(),
            "--replay" => options.replay = Some(args.next()?.into()),
            "--shrink" => options.shrink = Some(args.next()?.into()),
            "--print" => options.print = Some(args.next()?.parse().ok()?),
            "--stop" => options.stop = true,
            "--child" => options.child = true,
            _ => return None,
        }
    }
    TARGETS.contains(&options.target.as_str()).then_some(options)
}

fn main() -> ExitCode {
    let Some(options) = options() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(seed) = options.print {
        return print(&options, seed);
    }
    if let Some(file) = &options.replay {
        return replay(&options, file);
    }
    if let Some(file) = &options.shrink {
        return shrink(&options, file);
    }
    if options.child { child(&options) } else { parent(&options) }
}

/// The input of a seed: a module, a script, or for `api` the seed itself.
fn input_of_seed(target: &str, seed: u64) -> Option<Vec<u8>> {
    match target {
        "validate" => Some(validate::bytes_of_seed(seed).0),
        "wast-text" => Some(wast_text::text_of_seed(seed).into_bytes()),
        "api" => Some(seed.to_le_bytes().to_vec()),
        _ => Some(generate::module_of_seed(seed).ok()?.case.wasm),
    }
}

fn print(options: &Options, seed: u64) -> ExitCode {
    let Some(input) = input_of_seed(&options.target, seed) else {
        eprintln!("the seed gives no module");
        return ExitCode::FAILURE;
    };
    std::io::stdout().write_all(&input).expect("standard output");
    ExitCode::SUCCESS
}

/// Runs a seed through the oracle.
fn run_seed(target: &str, seed: u64) -> Result<Done, Finding> {
    match target {
        "validate" => {
            let (wasm, features) = validate::bytes_of_seed(seed);
            let valid = validate::validate(&wasm, &features)?;
            return Ok(Done { calls: 1, returns: valid.into(), ..Done::default() });
        }
        "api" => return api::run(seed, &[]),
        "wast-text" => return wast_text::run(seed, &wast_text::text_of_seed(seed)),
        _ => {}
    }
    let Ok(generated) = generate::module_of_seed(seed) else { return Ok(Done::default()) };
    match target {
        #[cfg(feature = "reference")]
        "execute" => generated.execute(),
        "modes" => generated.modes(),
        "states" => generated.states(),
        _ => generated.suspend(),
    }
}

/// Runs an input from a file.
fn run_input(target: &str, input: &[u8], seed: u64) -> Result<Done, Finding> {
    match target {
        "api" => {
            let (seed, input) = input.split_first_chunk::<8>().expect("the file begins with a seed");
            return api::run(u64::from_le_bytes(*seed), input);
        }
        "wast-text" => return wast_text::run(seed, std::str::from_utf8(input).expect("a text")),
        _ => {}
    }
    let case = Case { wasm: wat::parse_bytes(input).expect("a module").into_owned(), seed };
    // A module that is being minimised may lose the code that makes its NaNs canonical.
    let nan = match generate::nan_of_seed(seed) {
        Nan::Exact => Nan::Any,
        nan => nan,
    };
    match target {
        "validate" => {
            validate::validate(&case.wasm, &validate::bytes_of_seed(case.seed).1).map(|_| Done::default())
        }
        #[cfg(feature = "reference")]
        "execute" => execute::execute(&case, nan),
        "modes" => execute::modes(&case, nan),
        "states" => states::states(&case, nan),
        _ => execute::suspend(&case, nan),
    }
}

/// A panic is a finding.
fn guarded(run: impl FnOnce() -> Result<Done, Finding>) -> Result<Done, Finding> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()))
            .unwrap_or_default();
        Err(Finding::new("panic", text))
    })
}

static BEATS: AtomicU64 = AtomicU64::new(0);
static DONE: AtomicBool = AtomicBool::new(false);

/// The seconds of the processor that this process has used.
fn cpu_seconds() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may have spaces; in hundredths of a second on every Linux.
    let ticks = stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11).take(2);
    ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() / 100
}

/// Ends the process if an execution takes too long.
fn watch() {
    std::thread::spawn(|| {
        let beats = || BEATS.load(Ordering::Relaxed) + execute::CALLS.load(Ordering::Relaxed);
        let (mut last, mut since) = (beats(), cpu_seconds());
        while !DONE.load(Ordering::Relaxed) {
            std::thread::sleep(TICK);
            let (beat, now) = (beats(), cpu_seconds());
            if beat != last {
                (last, since) = (beat, now);
            } else if now - since > PATIENCE {
                std::process::exit(EXIT_ENDLESS.into());
            }
        }
    });
}

const EXIT_ENDLESS: u8 = 99;
const ORACLES: [&str; 15] = [
    "panic", "load", "outcome", "place", "globals", "memory", "tables", "host", "accepts", "refuses",
    "modes", "fuel", "usage", "message", "hash",
];

fn exit_of(oracle: &str) -> u8 {
    10 + ORACLES.iter().position(|of| *of == oracle).map_or(50, |at| at as u8)
}

fn replay(options: &Options, file: &Path) -> ExitCode {
    watch();
    let input = fs::read(file).expect("a file");
    match guarded(|| run_input(&options.target, &input, options.seed)) {
        Ok(done) => {
            eprintln!("no finding; {done:?}");
            ExitCode::SUCCESS
        }
        Err(finding) => {
            eprintln!("{}: {}", finding.oracle, finding.text);
            ExitCode::from(exit_of(finding.oracle))
        }
    }
}

/// How a child that runs a module ends.
fn end_of_replay(target: &str, file: &Path, seed: u64) -> (std::process::ExitStatus, String) {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--target", target, "--replay"])
        .arg(file)
        .args(["--seed", &seed.to_string()])
        .output()
        .expect("this program runs");
    (output.status, String::from_utf8_lossy(&output.stderr).trim().to_string())
}

fn shrink(options: &Options, file: &Path) -> ExitCode {
    let wasm = fs::read(file).expect("a module");
    let (expected, text) = end_of_replay(&options.target, file, options.seed);
    if expected.success() {
        eprintln!("no finding to minimise: {text}");
        return ExitCode::FAILURE;
    }
    let candidate = file.with_extension("candidate");
    let smallest = rotifer_fuzz::shrink::shrink(wasm, &mut |wasm| {
        fs::write(&candidate, wasm).expect("the directory is writable");
        let (end, _) = end_of_replay(&options.target, &candidate, options.seed);
        end == expected
    });
    let _ = fs::remove_file(&candidate);
    let min = file.with_extension("min.wasm");
    fs::write(&min, &smallest).expect("the directory is writable");
    let (end, text) = end_of_replay(&options.target, &min, options.seed);
    let wat =
        wasmprinter::print_bytes(&smallest).unwrap_or_else(|error| format!(";; {error}: {smallest:02x?}\n"));
    let head = format!(
        ";; {}\n;; {end}; soak --target {} --seed {} --replay {}\n",
        text.replace('\n', "\n;; "),
        options.target,
        options.seed,
        min.display(),
    );
    fs::write(file.with_extension("wat"), head.clone() + &wat).expect("the directory is writable");
    print!("{head}{wat}");
    ExitCode::SUCCESS
}

/// Lines to the parent: `at SEED`, `finding SEED ORACLE TEXT`, `done EXECUTIONS CALLS RETURNS TRAPS INCONCLUSIVE REFUSED
/// SUSPENSIONS CPU`.
fn child(options: &Options) -> ExitCode {
    watch();
    std::panic::set_hook(Box::new(|info| eprintln!("{info}")));
    let start = Instant::now();
    let mut seeds = Random::new(options.seed);
    let (mut executions, mut sum) = (0u64, Done::default());
    let mut out = std::io::stdout();
    let at = options.out.join(format!("at-{}-{}", options.target, std::process::id()));
    let report = |out: &mut std::io::Stdout, executions: u64, sum: &Done| {
        let Done { calls, returns, traps, inconclusive, refused, suspensions } = *sum;
        let cpu = cpu_seconds();
        let line = format!(
            "done {executions} {calls} {returns} {traps} {inconclusive} {refused} {suspensions} {cpu}"
        );
        writeln!(out, "{line}").expect("the parent reads");
        out.flush().expect("the parent reads");
    };
    let file = fs::File::create(&at).expect("the directory is writable");
    let mut reported = Instant::now();
    while start.elapsed().as_secs() < options.seconds && executions < options.count {
        let seed = seeds.bits();
        std::os::unix::fs::FileExt::write_at(&file, &seed.to_le_bytes(), 0).expect("the file is writable");
        BEATS.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let result = guarded(|| run_seed(&options.target, seed));
        if started.elapsed() > Duration::from_secs(2) {
            eprintln!("slow: seed {seed} took {:.1} s", started.elapsed().as_secs_f64());
        }
        match result {
            Ok(done) => {
                sum.calls += done.calls;
                sum.returns += done.returns;
                sum.traps += done.traps;
                sum.inconclusive += done.inconclusive;
                sum.refused += done.refused;
                sum.suspensions += done.suspensions;
            }
            Err(finding) => {
                let text = finding.text.replace('\n', " ");
                writeln!(out, "finding {seed} {} {text}", finding.oracle).expect("the parent reads");
            }
        }
        executions += 1;
        if reported.elapsed() > Duration::from_millis(500) {
            reported = Instant::now();
            report(&mut out, executions, &sum);
        }
    }
    report(&mut out, executions, &sum);
    DONE.store(true, Ordering::Relaxed);
    let _ = fs::remove_file(&at);
    ExitCode::SUCCESS
}

fn parent(options: &Options) -> ExitCode {
    fs::create_dir_all(&options.out).expect("the directory can be made");
    let start = Instant::now();
    let mut total = Counts::default();
    let mut findings = 0u64;
    let mut seed = options.seed;
    let mut shown = Instant::now();
    loop {
        let left = options.seconds.saturating_sub(start.elapsed().as_secs());
        if left == 0 || total[0] >= options.count || (options.stop && findings > 0) {
            break;
        }
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--child", "--target", &options.target, "--seconds", &left.to_string()])
            .args(["--seed", &seed.to_string(), "--count", &(options.count - total[0]).to_string(), "--out"])
            .arg(&options.out)
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program runs");
        let mut counts = Counts::default();
        for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
            let line = line.expect("text");
            if let Some(numbers) = line.strip_prefix("done ") {
                for (count, number) in counts.iter_mut().zip(numbers.split(' ')) {
                    *count = number.parse().expect("a number");
                }
                if shown.elapsed().as_secs() >= 60 {
                    shown = Instant::now();
                    show(options, start, &sum(&total, &counts), findings);
                }
            } else if let Some(finding) = line.strip_prefix("finding ") {
                let mut parts = finding.splitn(3, ' ');
                let of = parts.next().expect("a seed").parse().expect("a number");
                let (oracle, text) = (parts.next().unwrap_or("?"), parts.next().unwrap_or(""));
                keep(options, of, oracle, text);
                findings += 1;
                if options.stop || findings >= 200 {
                    let _ = child.kill();
                }
            }
        }
        let status = child.wait().expect("the child ends");
        total = sum(&total, &counts);
        let at = options.out.join(format!("at-{}-{}", options.target, child.id()));
        if !status.success() && findings < 200 && !(options.stop && findings > 0) {
            let bytes = fs::read(&at).unwrap_or_default();
            let Ok(bytes) = <[u8; 8]>::try_from(bytes) else {
                eprintln!("the child failed before its first module: {status}");
                return ExitCode::FAILURE;
            };
            let oracle = if status.code() == Some(EXIT_ENDLESS.into()) { "endless" } else { "crash" };
            keep(options, u64::from_le_bytes(bytes), oracle, &status.to_string());
            findings += 1;
        }
        let _ = fs::remove_file(&at);
        if findings >= 200 {
            eprintln!("too many findings");
            break;
        }
        seed = Random::new(seed ^ 0x5eed).bits();
    }
    show(options, start, &total, findings);
    if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The numbers of a `done` line.
type Counts = [u64; 8];

fn sum(a: &Counts, b: &Counts) -> Counts {
    std::array::from_fn(|i| a[i] + b[i])
}

fn show(options: &Options, start: Instant, counts: &Counts, findings: u64) {
    let [executions, calls, returns, traps, inconclusive, refused, suspensions, cpu] = counts;
    println!(
        "{}: {} s ({cpu} s of the processor), {executions} executions, {calls} calls ({returns} returned, {traps} trapped), {inconclusive} \
         inconclusive, {refused} refused by the reference, {suspensions} suspensions, {findings} findings; dispatchers: {}",
        options.target,
        start.elapsed().as_secs(),
        execute::dispatchers(),
    );
}

fn keep(options: &Options, seed: u64, oracle: &str, text: &str) {
    let extension = match options.target.as_str() {
        "api" => "bin",
        "wast-text" => "wast",
        _ => "wasm",
    };
    let file = options.out.join(format!("{}-{oracle}-{seed}.{extension}", options.target));
    if let Some(input) = input_of_seed(&options.target, seed) {
        fs::write(&file, input).expect("the directory is writable");
    }
    let text: String = text.chars().take(600).collect();
    println!("FINDING {oracle} seed {seed} ({}): {text}", file.display());
}
