//! The calls of a generated migration.

/// Methods that are called one on the result of the other, such as `StampedTable::new("posts").without_created_by()`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Chain {
    head: String,
    links: Vec<(String, Vec<Argument>)>,
}

/// An argument of a method.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Argument {
    Text(String),
    Chain(Chain),
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Chain> for Argument {
    fn from(chain: Chain) -> Self {
        Self::Chain(chain)
    }
}

/// rustfmt breaks a longer chain of two or more calls.
const CHAIN_WIDTH: usize = 60;
const WIDTH: usize = 100;

impl Chain {
    pub fn new(head: impl Into<String>) -> Self {
        Self {
            head: head.into(),
            links: Vec::new(),
        }
    }

    /// The same with one more call. An argument is source text, or another chain.
    pub fn call<A: Into<Argument>>(
        mut self,
        method: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        self.links.push((format!(".{method}"), arguments));
        self
    }

    fn line(&self) -> String {
        let links = self.links.iter().map(|(method, arguments)| {
            let arguments: Vec<_> = arguments.iter().map(Argument::line).collect();
            format!("{method}({})", arguments.join(", "))
        });
        format!("{}{}", self.head, links.collect::<String>())
    }

    /// The source, as rustfmt formats it at this indent and with this end.
    pub fn source(&self, indent: usize, end: &str) -> String {
        let line = self.line();
        // `.await` is one more call of the chain.
        let links = self.links.len() + usize::from(end.starts_with('.'));
        let chained = line.len() + end.trim_end_matches([';', ',']).len();
        if (links < 2 || chained <= CHAIN_WIDTH) && indent + line.len() + end.len() <= WIDTH {
            return format!("{line}{end}");
        }
        let inner = " ".repeat(indent + 4);
        let mut text = self.head.clone();
        for (method, arguments) in &self.links {
            text.push_str(&format!(
                "\n{inner}{method}({})",
                inside(arguments, indent + 4, method)
            ));
        }
        if end.starts_with('.') {
            text.push_str(&format!("\n{inner}"));
        }
        text.push_str(end);
        text
    }
}

/// The arguments between the parentheses, on one line or on several.
fn inside(arguments: &[Argument], indent: usize, method: &str) -> String {
    let lines: Vec<_> = arguments.iter().map(Argument::line).collect();
    let line = lines.join(", ");
    let is_long = |argument: &Argument| matches!(argument, Argument::Chain(chain) if chain.links.len() > 1 && chain.line().len() > CHAIN_WIDTH);
    let width = indent + method.len() + line.len() + 2;
    if arguments.is_empty() || width <= WIDTH && !arguments.iter().any(is_long) {
        return line;
    }
    let (inner, outer) = (" ".repeat(indent + 4), " ".repeat(indent));
    let lines = arguments.iter().map(|argument| match argument {
        Argument::Text(text) => format!("\n{inner}{text},"),
        Argument::Chain(chain) => format!("\n{inner}{}", chain.source(indent + 4, ",")),
    });
    format!("{}\n{outer}", lines.collect::<String>())
}

impl Argument {
    fn line(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Chain(chain) => chain.line(),
        }
    }
}

/// A statement of a migration, and its reverse. Calls are made in their order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Call {
    rank: usize,
    pub up: Chain,
    pub down: Option<Chain>,
    /// What has to be imported from the migration crate.
    pub imports: Vec<&'static str>,
    /// Whether it returns nothing, so that a function can end with it.
    pub returns_nothing: bool,
}

/// The verbs, in the order in which a migration calls them, with the traits that have them.
const VERBS: [(&str, &str); 10] = [
    ("install_archive", "ArchiveSchema"),
    ("install_audit", "AuditSchema"),
    ("sync_archived_table", "ArchiveSchema"),
    ("stamp_table", "StampSchema"),
    ("create_temporal_foreign_key", "HistorySchema"),
    ("guard_table", "GuardSchema"),
    ("enable_tenancy", "TenancySchema"),
    ("enable_events", "EventSchema"),
    ("archive_existing_table", "ArchiveSchema"),
    ("audit_table", "AuditSchema"),
];

impl Call {
    /// A call of a verb of the migration crate.
    pub fn of<A: Into<Argument>>(verb: &str, arguments: impl IntoIterator<Item = A>) -> Self {
        let rank = VERBS.iter().position(|(name, _)| *name == verb);
        Self {
            rank: rank.map_or(0, |rank| rank + 1),
            up: Chain::new("manager").call(verb, arguments),
            down: None,
            imports: rank.map(|rank| VERBS[rank].1).into_iter().collect(),
            returns_nothing: true,
        }
    }

    /// A call of a verb without arguments.
    pub fn plain(verb: &str) -> Self {
        Self::of(verb, Vec::<Argument>::new())
    }

    /// A call of a verb for a table, `schema.table`.
    pub fn on(verb: &str, table: &str) -> Self {
        Self::of(verb, [argument(table)])
    }

    /// A statement of SQL, before the verbs, which may drop what it names.
    pub fn sql(sql: &str) -> Self {
        let nothing = Vec::<Argument>::new();
        let connection = Chain::new("manager").call("get_connection", nothing);
        Self {
            rank: 0,
            up: connection.call("execute_unprepared", [format!("{sql:?}")]),
            down: None,
            imports: Vec::new(),
            returns_nothing: false,
        }
    }

    /// The same, undone by a call of this verb with these arguments.
    pub fn undone<A: Into<Argument>>(
        mut self,
        verb: &str,
        arguments: impl IntoIterator<Item = A>,
    ) -> Self {
        self.down = Some(Chain::new("manager").call(verb, arguments));
        self
    }

    /// The same, with one more import.
    pub fn importing(mut self, name: &'static str) -> Self {
        self.imports.push(name);
        self
    }
}

/// A table as an argument: `"posts"`, or `("shop", "orders")`.
pub(crate) fn argument(table: &str) -> String {
    match table.split_once('.') {
        Some((schema, table)) if schema != "public" => format!("({schema:?}, {table:?})"),
        Some((_, table)) => format!("{table:?}"),
        None => format!("{table:?}"),
    }
}
