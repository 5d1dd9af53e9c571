//! The tables of the properties: one with instants, one with days and an identity of two columns, and one with valid and
//! transaction time.

use sea_orm::prelude::*;
use sea_orm::{ConnectionTrait, DatabaseConnection, SelectTwo};
use sea_orm_archive::history::AsKnownAt;
use sea_orm_archive::prelude::*;
use sea_orm_archive_migration::ArchiveSchema;
use sea_orm_archive_tests::Database;
use sea_orm_migration::SchemaManager;

use crate::history::calls::{FUTURE, PAST};
use crate::history::departments::SCHEMA;
use crate::history::model::{Instant, Values, Version};

/// Another entity for the table of the other tests. Plans are cached by entity, and theirs belong to other databases.
pub mod department_history {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "department_history")]
    #[history(identity = "department_id")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub department_id: i32,
        pub name: String,
        pub floor: Option<i32>,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod office_history {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "office_history")]
    #[history(identity("site", "code"))]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub site: i32,
        pub code: String,
        pub name: String,
        pub floor: Option<i32>,
        pub valid_from: Date,
        pub valid_to: Option<Date>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub mod team_history {
    use sea_orm::entity::prelude::*;
    use sea_orm_archive::DeriveHistory;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveHistory)]
    #[sea_orm(table_name = "team_history")]
    #[history(identity = "team_id", bitemporal)]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub team_id: i32,
        pub name: String,
        pub floor: Option<i32>,
        pub valid_from: DateTimeUtc,
        pub valid_to: Option<DateTimeUtc>,
        pub recorded_from: DateTimeUtc,
        pub recorded_to: Option<DateTimeUtc>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Identities and times, which one query joins to their versions.
pub mod probe {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "probe")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub number: i32,
        pub site: i32,
        pub code: String,
        pub at: DateTimeUtc,
        pub day: Date,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const MORE: &str = "
    create table offices (site int, code text, primary key (site, code));
    create table office_history (
        id serial primary key,
        site int not null,
        code text not null,
        name text not null,
        floor int,
        valid_from date not null,
        valid_to date,
        foreign key (site, code) references offices,
        check (valid_to > valid_from),
        unique (site, code, valid_from),
        exclude using gist (site with =, code with =, daterange(valid_from, valid_to) with &&)
    );
    create table teams (id int primary key);
    create table team_history (
        id serial primary key,
        team_id int not null references teams,
        name text not null,
        floor int,
        valid_from timestamptz not null,
        valid_to timestamptz,
        recorded_from timestamptz not null,
        recorded_to timestamptz,
        check (valid_to > valid_from),
        check (recorded_to > recorded_from),
        exclude using gist (team_id with =, tstzrange(valid_from, valid_to) with &&) where (recorded_to is null)
    );
    create unique index on team_history (team_id, valid_from) where recorded_to is null;
    create table probe (
        id serial primary key,
        number int not null,
        site int not null,
        code text not null,
        at timestamptz not null,
        day date not null
    );
    insert into offices values (1, 'x'), (1, 'y'), (2, 'x');
    insert into teams values (1), (2), (3)";

pub async fn database() -> (Database, DatabaseConnection) {
    let database = Database::from_template("properties", async |db| {
        db.execute_unprepared(SCHEMA).await?;
        db.execute_unprepared(MORE).await?;
        SchemaManager::new(&db).install_archive().await?;
        Ok(())
    })
    .await;
    let db = database.connect().await;
    (database, db)
}

/// A table of versions, and the conversions between its types and those of the model.
pub trait Table: HistoryEntity {
    const NAME: Self::Column;
    const FLOOR: Self::Column;
    /// The columns of a probe with the identity, and the one with the time.
    const IDENTITY: &[probe::Column];
    const AT: probe::Column;
    /// The length of a year.
    const YEAR: Instant;

    fn identity(number: usize) -> Self::Identity;
    fn time(at: Instant) -> Self::Time;
    fn instant(time: Self::Time) -> Instant;
    fn version(model: Self::Model) -> Version;

    /// Reads as known at a time, for tables with transaction time.
    fn then(_: DateTimeUtc) -> AsKnownAt<Self> {
        unreachable!("this table has no transaction time")
    }

    /// The probes joined to the versions known at a time.
    fn then_beside(_: Select<probe::Entity>, _: DateTimeUtc) -> SelectTwo<probe::Entity, Self> {
        unreachable!("this table has no transaction time")
    }
}

/// The instants of the stories: years from 2001 to 2012, and years from 2101 on.
pub fn instants<T: Table>() -> Vec<Instant> {
    let years = (31..31 + PAST).chain(131..131 + FUTURE);
    years
        .map(|year| Instant::try_from(year).unwrap() * T::YEAR)
        .collect()
}

fn utc(at: Instant) -> DateTimeUtc {
    DateTimeUtc::from_timestamp_micros(at).unwrap()
}

macro_rules! of_instants {
    ($module:ident, $identity:ident $(, $known:item)*) => {
        impl Table for $module::Entity {
            const NAME: Self::Column = $module::Column::Name;
            const FLOOR: Self::Column = $module::Column::Floor;
            const IDENTITY: &[probe::Column] = &[probe::Column::Number];
            const AT: probe::Column = probe::Column::At;
            const YEAR: Instant = 365 * 24 * 3600 * 1_000_000 + 1;

            fn identity(number: usize) -> i32 {
                i32::try_from(number).unwrap() + 1
            }

            fn time(at: Instant) -> DateTimeUtc {
                utc(at)
            }

            fn instant(time: DateTimeUtc) -> Instant {
                time.timestamp_micros()
            }

            fn version(model: Self::Model) -> Version {
                Version {
                    identity: usize::try_from(model.$identity).unwrap() - 1,
                    from: Self::instant(model.valid_from),
                    to: model.valid_to.map(Self::instant),
                    values: Values {
                        name: model.name,
                        floor: model.floor,
                    },
                }
            }

            $($known)*
        }
    };
}

of_instants!(department_history, department_id);
of_instants!(
    team_history,
    team_id,
    fn then(known: DateTimeUtc) -> AsKnownAt<Self> {
        Self::as_known_at(known)
    },
    fn then_beside(
        probes: Select<probe::Entity>,
        known: DateTimeUtc,
    ) -> SelectTwo<probe::Entity, Self> {
        let identity = Self::IDENTITY.iter().copied();
        probes.find_also_version_as_known_at::<Self>(identity, Self::AT, known)
    }
);

/// The identities in the order of their columns; the last one does not exist.
const OFFICES: [(i32, &str); 4] = [(1, "x"), (1, "y"), (2, "x"), (2, "y")];

/// The first day of 1970.
const EPOCH: Date = Date::from_ymd_opt(1970, 1, 1).unwrap();

impl Table for office_history::Entity {
    const NAME: Self::Column = office_history::Column::Name;
    const FLOOR: Self::Column = office_history::Column::Floor;
    const IDENTITY: &[probe::Column] = &[probe::Column::Site, probe::Column::Code];
    const AT: probe::Column = probe::Column::Day;
    const YEAR: Instant = 365;

    fn identity(number: usize) -> (i32, String) {
        let (site, code) = OFFICES[number];
        (site, code.to_owned())
    }

    fn time(at: Instant) -> Date {
        utc(at * 24 * 3600 * 1_000_000).date_naive()
    }

    fn instant(time: Date) -> Instant {
        day(time)
    }

    fn version(model: Self::Model) -> Version {
        let office = (model.site, model.code.as_str());
        Version {
            identity: OFFICES.iter().position(|known| *known == office).unwrap(),
            from: Self::instant(model.valid_from),
            to: model.valid_to.map(Self::instant),
            values: Values {
                name: model.name,
                floor: model.floor,
            },
        }
    }
}

/// A probe of an identity at a time.
pub fn probe<T: Table>(number: usize, at: Instant) -> probe::ActiveModel {
    use sea_orm::ActiveValue::Set;
    let (site, code) = OFFICES[number];
    // The column of the other type of time is not read.
    let days = T::YEAR == 365;
    probe::ActiveModel {
        number: Set(i32::try_from(number).unwrap() + 1),
        site: Set(site),
        code: Set(code.to_owned()),
        at: Set(utc(if days { 0 } else { at })),
        day: Set(if days {
            utc(at * 24 * 3600 * 1_000_000).date_naive()
        } else {
            EPOCH
        }),
        ..Default::default()
    }
}

/// A day, as an instant of the model.
pub fn day(day: Date) -> Instant {
    day.signed_duration_since(EPOCH).num_days()
}
