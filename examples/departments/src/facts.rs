//! The data of the example. The names and dates of countries are true, except for two deliberate
//! mistakes. The people are invented.
//!
//! A country starts with its independence, or on 24 October 1945, the founding day of the United
//! Nations, if it is older. Its name is the usual short name.

use sea_orm::prelude::Date;

/// A day, as a constant.
pub const fn day(year: i32, month: u32, day: u32) -> Date {
    Date::from_ymd_opt(year, month, day).expect("a day of the calendar")
}

/// Something that happened to a country.
pub struct Event {
    pub on: Date,
    pub country: i32,
    pub kind: EventKind,
}

/// The kind of an event.
pub enum EventKind {
    /// The country starts, with this name.
    Starts(&'static str),
    /// The country gets this name. The second value is who or what decided it.
    Renamed(&'static str, &'static str),
    /// The country ends.
    Ends,
    /// The country is merged into another one.
    MergesInto(i32),
}

/// A move of a person to a country.
pub struct Move {
    pub on: Date,
    pub person: i32,
    pub country: i32,
}

pub const GDR: i32 = 37;
pub const CZECHOSLOVAKIA: i32 = 42;
pub const GERMANY: i32 = 49;
pub const TURKEY: i32 = 90;
pub const CEYLON: i32 = 94;
pub const BURMA: i32 = 95;
pub const UPPER_VOLTA: i32 = 226;
pub const DAHOMEY: i32 = 229;
pub const CAPE_VERDE: i32 = 238;
pub const CONGO: i32 = 243;
pub const SWAZILAND: i32 = 268;
pub const MACEDONIA: i32 = 389;
pub const CZECHIA: i32 = 420;
pub const SLOVAKIA: i32 = 421;
pub const SYRIA: i32 = 963;

/// Every country, by its calling code.
pub const COUNTRIES: [i32; 15] = [
    GDR,
    CZECHOSLOVAKIA,
    GERMANY,
    TURKEY,
    CEYLON,
    BURMA,
    UPPER_VOLTA,
    DAHOMEY,
    CAPE_VERDE,
    CONGO,
    SWAZILAND,
    MACEDONIA,
    CZECHIA,
    SLOVAKIA,
    SYRIA,
];

pub const ADA: i32 = 1;
pub const BOB: i32 = 2;
pub const CAROL: i32 = 3;
pub const DAVE: i32 = 4;
pub const EVE: i32 = 5;
/// The clerk, who writes the entries of the log.
pub const RITA: i32 = 6;

pub const PEOPLE: [(i32, &str); 6] = [
    (ADA, "Ada"),
    (BOB, "Bob"),
    (CAROL, "Carol"),
    (DAVE, "Dave"),
    (EVE, "Eve"),
    (RITA, "Rita"),
];

/// The day before Zaire was renamed.
pub const FRIDAY: Date = day(1997, 5, 16);
/// The day on which Cape Verde changed its name to Cabo Verde.
pub const CABO_VERDE: Date = day(2013, 10, 24);
/// The day that Rita recorded, which is a month too late.
pub const CABO_VERDE_LATE: Date = day(2013, 11, 24);
/// The day on which the United Nations changed the name of Turkey to Türkiye.
pub const TURKIYE: Date = day(2022, 6, 1);

/// The events of the countries.
pub const EVENTS: &[Event] = &[
    starts(1945, 10, 24, TURKEY, "Turkey"),
    starts(1945, 10, 24, CZECHOSLOVAKIA, "Czechoslovakia"),
    starts(1945, 10, 24, SYRIA, "Syria"),
    starts(1948, 1, 4, BURMA, "Burma"),
    starts(1948, 2, 4, CEYLON, "Ceylon"),
    starts(1949, 5, 23, GERMANY, "Federal Republic of Germany"),
    starts(1949, 10, 7, GDR, "German Democratic Republic"),
    // From 1958 to 1961 Syria was part of the United Arab Republic.
    ends(1958, 2, 22, SYRIA),
    starts(1960, 8, 1, DAHOMEY, "Dahomey"),
    starts(1960, 8, 5, UPPER_VOLTA, "Upper Volta"),
    starts(1961, 9, 28, SYRIA, "Syria"),
    starts(1964, 8, 1, CONGO, "Democratic Republic of the Congo"),
    starts(1968, 9, 6, SWAZILAND, "Swaziland"),
    renamed(day(1971, 10, 27), CONGO, "Zaire", "Mobutu"),
    renamed(day(1972, 5, 22), CEYLON, "Sri Lanka", "a new constitution"),
    starts(1975, 7, 5, CAPE_VERDE, "Cape Verde"),
    renamed(day(1975, 11, 30), DAHOMEY, "Benin", "Mathieu Kérékou"),
    renamed(
        day(1984, 8, 4),
        UPPER_VOLTA,
        "Burkina Faso",
        "Thomas Sankara",
    ),
    renamed(
        day(1989, 6, 18),
        BURMA,
        "Myanmar",
        "the military government",
    ),
    Event {
        on: day(1990, 10, 3),
        country: GDR,
        kind: EventKind::MergesInto(GERMANY),
    },
    starts(1991, 9, 8, MACEDONIA, "Macedonia"),
    ends(1993, 1, 1, CZECHOSLOVAKIA),
    starts(1993, 1, 1, CZECHIA, "Czech Republic"),
    starts(1993, 1, 1, SLOVAKIA, "Slovakia"),
    renamed(
        day(1997, 5, 17),
        CONGO,
        "Democratic Republic of the Congo",
        "Laurent-Désiré Kabila",
    ),
    // Rita's first mistake: the day.
    renamed(CABO_VERDE_LATE, CAPE_VERDE, "Cabo Verde", "its government"),
    renamed(day(2018, 4, 19), SWAZILAND, "Eswatini", "King Mswati III"),
    renamed(
        day(2019, 2, 12),
        MACEDONIA,
        "North Macedonia",
        "the Prespa Agreement",
    ),
    // Her second mistake: the spelling.
    renamed(TURKIYE, TURKEY, "Turkiye", "its government"),
];

/// The moves of the people.
pub const MOVES: &[Move] = &[
    moved(1970, 1, 10, DAVE, CEYLON),
    moved(1979, 7, 2, ADA, BURMA),
    moved(1983, 1, 20, CAROL, UPPER_VOLTA),
    moved(1985, 3, 1, BOB, BURMA),
    moved(1986, 5, 5, DAVE, BURMA),
    moved(1987, 9, 1, DAVE, GDR),
    moved(1989, 2, 13, EVE, GDR),
    moved(1992, 4, 1, BOB, CZECHOSLOVAKIA),
    moved(1994, 3, 7, EVE, CZECHIA),
    moved(1995, 2, 6, CAROL, BURMA),
    moved(1996, 9, 9, BOB, CONGO),
    moved(2013, 11, 4, CAROL, CAPE_VERDE),
    moved(2015, 1, 12, BOB, BURMA),
    moved(2017, 6, 1, EVE, SWAZILAND),
];

const fn starts(year: i32, month: u32, on: u32, country: i32, name: &'static str) -> Event {
    Event {
        on: day(year, month, on),
        country,
        kind: EventKind::Starts(name),
    }
}

const fn renamed(on: Date, country: i32, name: &'static str, by: &'static str) -> Event {
    Event {
        on,
        country,
        kind: EventKind::Renamed(name, by),
    }
}

const fn ends(year: i32, month: u32, on: u32, country: i32) -> Event {
    Event {
        on: day(year, month, on),
        country,
        kind: EventKind::Ends,
    }
}

const fn moved(year: i32, month: u32, on: u32, person: i32, country: i32) -> Move {
    Move {
        on: day(year, month, on),
        person,
        country,
    }
}
