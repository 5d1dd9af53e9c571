//! Archive and restore on a Unix socket.

use std::time::Duration;

use sea_orm::ConnectionTrait;
use throwaway_postgres::Postgres;

use crate::aims::{Aims, Most, verdict};
use crate::databases::{AUTHOR, Kind, Layout, WARM_AUTHOR, WARM_UP, connect, vacuum};
use crate::rival::{Rival, Samples, median};
use crate::table::{self, ratio, time};
use crate::target::Target;
use crate::{Fallible, Size};

/// One case of the benchmark.
pub(crate) struct Case {
    pub name: String,
    pub aims: Aims,
    /// The targets of the rounds, in order.
    pub targets: Vec<Target>,
    /// The targets that warm up the plans.
    pub warm: Vec<Target>,
    /// Whether to vacuum between the rounds, because every round moves the same rows.
    pub vacuum: bool,
    /// The number of rounds for row by row, which is slow.
    pub rows_rounds: usize,
    /// What the session does besides.
    pub session: Session,
}

/// What the session of a rival does besides the measured calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// Nothing: the calls follow each other.
    Busy,
    /// It waits between the calls, as the session of an application does.
    Idle(Duration),
    /// It has so many other statements of 3 kB prepared.
    Prepared(usize),
}

impl Session {
    /// Before the first call.
    async fn prepare(self, rival: &Rival) -> Fallible {
        let Self::Prepared(statements) = self else {
            return Ok(());
        };
        let text = "x".repeat(3_000);
        for n in 0..statements {
            let prepare = format!("PREPARE other_{n} AS SELECT '{text}' WHERE {n} = 0");
            rival.db.execute_unprepared(&prepare).await?;
        }
        Ok(())
    }
}

/// Picks the times of one operation.
type Times = fn(&Samples) -> &Vec<Duration>;

/// The results: [`Samples`] for each rival.
pub(crate) struct Outcome {
    pub case: Case,
    pub samples: Vec<(Kind, Samples)>,
}

impl Outcome {
    fn median(&self, kind: Kind, of: Times) -> Option<f64> {
        let (_, samples) = self.samples.iter().find(|(k, _)| *k == kind)?;
        median(of(samples))
    }

    /// The cells of the table for one operation.
    fn row(&self, operation: &str, aims: Most, of: Times) -> Vec<String> {
        let times = Kind::ALL.map(|kind| self.median(kind, of));
        let [product, rest @ ..] = times;
        let ratios = rest.map(|rival| Some(product? / rival?));
        let [floor, soft, _, rows] = ratios;
        let mut cells = vec![self.case.name.clone(), operation.to_owned(), time(product)];
        for (rival, to) in rest.into_iter().zip(ratios) {
            cells.extend([time(rival), ratio(to)]);
        }
        cells.push(aims.judge(floor, soft, rows));
        cells
    }
}

pub(crate) async fn run(server: &Postgres, size: &Size) -> Fallible {
    let mut rivals = Vec::new();
    for kind in Kind::ALL {
        let db = connect(&server.url(kind.database())).await?;
        rivals.push(Rival { kind, db });
    }
    let mut outcomes = Vec::new();
    for case in cases(size) {
        outcomes.push(measure(&rivals, case).await?);
    }
    println!("\n## Archive and restore, Unix socket: median ms, and archive / rival\n");
    report(&outcomes);
    per_row(&outcomes[2], &outcomes[3], size);
    memory(&outcomes);
    Ok(())
}

/// Longer than an idle processor needs to sleep.
const PAUSE: Duration = Duration::from_millis(5);

fn cases(size: &Size) -> Vec<Case> {
    let layout = Layout::of(size);
    let small = |posts: crate::databases::Range| {
        let rounds =
            (WARM_UP..WARM_UP + size.small_rounds).map(move |n| Target::Post(posts.nth(n)));
        let warm = (0..WARM_UP).map(move |n| Target::Post(posts.nth(n)));
        (rounds.collect(), warm.collect())
    };
    let (none, warm_none): (Vec<_>, Vec<_>) = small(layout.none);
    let (ten, warm_ten) = small(layout.ten);
    let ten_times = |at_once| {
        let target = |author, posts| Target::Author {
            author,
            posts,
            at_once,
        };
        (
            vec![target(AUTHOR, layout.posts); size.posts_rounds],
            vec![target(WARM_AUTHOR, layout.warm); WARM_UP],
        )
    };
    let (each, warm_each) = ten_times(false);
    let (at_once, warm_at_once) = ten_times(true);
    let few_warm = warm_ten[..2].to_vec();
    let beside = |name: &str, session| Case {
        name: name.to_owned(),
        aims: Aims::FEW,
        targets: ten.clone(),
        warm: warm_ten.clone(),
        vacuum: false,
        session,
        rows_rounds: 0,
    };
    vec![
        Case {
            name: "no comment".to_owned(),
            aims: Aims::ONE,
            rows_rounds: none.len(),
            targets: none,
            warm: warm_none,
            vacuum: false,
            session: Session::Busy,
        },
        Case {
            name: "10 comments".to_owned(),
            aims: Aims::FEW,
            rows_rounds: ten.len(),
            targets: ten.clone(),
            warm: warm_ten.clone(),
            vacuum: false,
            session: Session::Busy,
        },
        Case {
            name: format!("{} comments", size.middling),
            aims: Aims::MIDDLING,
            targets: layout.middling.ids().map(Target::Post).collect(),
            warm: few_warm.clone(),
            vacuum: false,
            session: Session::Busy,
            rows_rounds: 7,
        },
        Case {
            name: format!("{} comments", size.large),
            aims: Aims::SETS,
            targets: vec![Target::Post(layout.large.first); size.large_rounds],
            warm: few_warm,
            vacuum: true,
            session: Session::Busy,
            rows_rounds: 0,
        },
        Case {
            name: format!("{} posts x 10", size.posts),
            aims: Aims::SETS,
            targets: each,
            warm: warm_each,
            vacuum: true,
            session: Session::Busy,
            rows_rounds: 1,
        },
        Case {
            name: format!("{} posts x 10, restored at once", size.posts),
            aims: Aims::SETS,
            targets: at_once,
            warm: warm_at_once,
            vacuum: true,
            session: Session::Busy,
            rows_rounds: 0,
        },
        beside("10 comments, 5 ms pause", Session::Idle(PAUSE)),
        beside("10 comments, 100 prepared", Session::Prepared(100)),
    ]
}

/// Measures each rival in each round. Another rival starts each time.
pub(crate) async fn measure(rivals: &[Rival], case: Case) -> Fallible<Outcome> {
    eprintln!("{} ...", case.name);
    let mut samples: Vec<_> = rivals
        .iter()
        .map(|rival| (rival.kind, Samples::default()))
        .collect();
    for rival in rivals {
        case.session.prepare(rival).await?;
    }
    for (round, target) in case.targets.iter().enumerate() {
        for turn in 0..rivals.len() {
            let n = (turn + round) % rivals.len();
            let (rival, (_, samples)) = (&rivals[n], &mut samples[n]);
            if rival.kind == Kind::RowByRow && round >= case.rows_rounds {
                continue;
            }
            if case.vacuum || round == 0 {
                vacuum(&rival.db).await?;
            }
            // VACUUM invalidates cached plans.
            if case.vacuum || round == 0 {
                for warm in &case.warm {
                    rival.warm(*warm).await?;
                }
            }
            if let Session::Idle(pause) = case.session {
                tokio::time::sleep(pause).await;
            }
            rival.measure(*target, samples).await?;
        }
    }
    Ok(Outcome { case, samples })
}

pub(crate) fn report(outcomes: &[Outcome]) {
    let rows: Vec<_> = outcomes
        .iter()
        .flat_map(|outcome| {
            [
                outcome.row("archive", outcome.case.aims.archive, |samples| {
                    &samples.archive
                }),
                outcome.row("restore", outcome.case.aims.restore, |samples| {
                    &samples.restore
                }),
            ]
        })
        .collect();
    let mut titles = vec!["one post with", "", Kind::ALL[0].name()];
    for kind in &Kind::ALL[1..] {
        titles.extend([kind.name(), "ratio"]);
    }
    titles.push("aims");
    table::print(&titles, &rows);
}

fn per_row(middling: &Outcome, large: &Outcome, size: &Size) {
    println!("## Time per row, in microseconds; at most 1.3 times as much\n");
    let mut rows = Vec::new();
    let operations: [(&str, Times); 2] = [("archive", |s| &s.archive), ("restore", |s| &s.restore)];
    for (operation, of) in operations {
        for kind in Kind::ALL {
            let per = |outcome: &Outcome, comments: i64| {
                Some(outcome.median(kind, of)? * 1e6 / (comments + 1) as f64)
            };
            let (few, many) = (per(middling, size.middling), per(large, size.large));
            let growth = many.zip(few).map(|(many, few)| many / few);
            let judged = kind == Kind::Archive && growth.is_some_and(|growth| growth > 1.3);
            let short: Vec<_> = judged.then(|| "grows".to_owned()).into_iter().collect();
            rows.push(vec![
                kind.name().to_owned(),
                operation.to_owned(),
                ratio(few),
                ratio(many),
                ratio(growth),
                if kind == Kind::Archive {
                    verdict(&short)
                } else {
                    String::new()
                },
            ]);
        }
    }
    let (few, many) = (size.middling.to_string(), size.large.to_string());
    table::print(&["", "", &few, &many, "ratio", "aim"], &rows);
}

fn memory(outcomes: &[Outcome]) {
    println!("## Growth of the client's memory during one archive and restore, in kB, at most\n");
    let rows: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            let name = std::iter::once(outcome.case.name.clone());
            let grown = outcome.samples.iter().map(|(_, samples)| {
                let grown = samples.memory.map(|grown| grown.to_string());
                grown.unwrap_or_else(|| "-".to_owned())
            });
            name.chain(grown).collect()
        })
        .collect();
    let mut titles = vec!["one post with"];
    titles.extend(Kind::ALL.map(Kind::name));
    table::print(&titles, &rows);
}
