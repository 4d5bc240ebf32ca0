//! Questions that are asked again and again: what was worked out for the rows before is kept.

use query::{First, Query, QueryError, Running, Streaming, Table};

use super::heat::Heat;
use super::session::Published;

/// What is known so far of the queries that were asked last.
#[derive(Debug, Default)]
pub(crate) struct Going {
    /// The one that was asked last is the last one.
    queries: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    text: String,
    heat: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Sums over the rows so far.
    Sums(Box<Running>),
    /// The first rows of an order.
    First(Box<First>),
    /// Counts by time and latency.
    Heat(Box<Grid>),
    /// Nothing can be kept: it is run over all rows.
    Anew(Box<Query>),
}

#[derive(Debug)]
struct Grid {
    /// Null: it is counted anew each time.
    streaming: Option<Streaming>,
    query: Query,
    heat: Heat,
}

impl Going {
    /// The rows that a query gives now.
    ///
    /// # Errors
    /// What is wrong with the query, or failed while it ran.
    pub(super) fn table(&mut self, text: &str, published: &Published) -> Result<Table, QueryError> {
        let (snapshot, context) = (&published.snapshot, &published.context);
        // Over files every row is there already, and figures are exact.
        if !context.live {
            return Query::parse(text)?.run(snapshot, context);
        }
        let result = match &mut self.known(text, false)?.state {
            State::Sums(sums) => sums.push(snapshot, context),
            State::First(first) => first.push(snapshot, context),
            State::Anew(query) => query.run(snapshot, context),
            State::Heat(_) => return Query::parse(text)?.run(snapshot, context),
        };
        self.forget_on_error(result)
    }

    /// The rows that a query gives now, which have a `time` and a `latency`, as counts by both.
    ///
    /// # Errors
    /// What is wrong with the query, or failed while it ran.
    pub(super) fn heat(&mut self, text: &str, published: &Published) -> Result<&Heat, QueryError> {
        let (snapshot, context) = (&published.snapshot, &published.context);
        let State::Heat(grid) = &mut self.known(text, true)?.state else { return Err(QueryError::run("no grid")) };
        match grid.streaming.as_mut().filter(|_| context.live) {
            Some(streaming) => grid.heat.add(&streaming.push(snapshot, context)?),
            None => {
                grid.heat = Heat::default();
                grid.heat.add(&grid.query.run(snapshot, context)?);
            }
        }
        Ok(&grid.heat)
    }

    /// What is known of a query, which becomes the last one.
    fn known(&mut self, text: &str, heat: bool) -> Result<&mut Known, QueryError> {
        let known = match self.queries.iter().position(|known| known.text == text && known.heat == heat) {
            Some(at) => self.queries.remove(at),
            None => Known { text: text.to_owned(), heat, state: State::of(text, heat)? },
        };
        if self.queries.len() >= MOST {
            self.queries.remove(0);
        }
        self.queries.push(known);
        let last = self.queries.len() - 1;
        Ok(&mut self.queries[last])
    }

    /// Whoever failed half-way would go on from there.
    fn forget_on_error(&mut self, result: Result<Table, QueryError>) -> Result<Table, QueryError> {
        result.inspect_err(|_| {
            self.queries.pop();
        })
    }
}

impl State {
    fn of(text: &str, heat: bool) -> Result<Self, QueryError> {
        let query = Query::parse(text)?;
        // Rows of connections change until they close; what says `now` has to be asked anew.
        let rows_stay = !query.tables().contains(&"conns") && !query.needs_now();
        Ok(match (heat, query.streaming(), query.running(), query.first()) {
            (true, streaming, ..) => {
                let streaming = streaming.filter(|_| rows_stay);
                Self::Heat(Box::new(Grid { streaming, query, heat: Heat::default() }))
            }
            (false, _, Some(running), _) if rows_stay => Self::Sums(Box::new(running)),
            (false, _, _, Some(first)) if rows_stay => Self::First(Box::new(first)),
            _ => Self::Anew(Box::new(query)),
        })
    }
}

/// So many queries are known: those of all screens, of all findings, and some of the user's own.
const MOST: usize = 40;
