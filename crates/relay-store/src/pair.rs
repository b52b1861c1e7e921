//! Pairs: inviting, answering, talking, ending. Whatever happens to a pair is one transaction with
//! its event and with the message that tells the other side.

mod change;

use relay_core::{
    api::{query, reply::Sent, request::InvitePair},
    caller::Verified,
    error::Refused,
    id::{AgentId, MessageId, PairId},
    pair::{self, INVITATION, Pair},
    stats::PairCounts,
    text::Body,
    time::Timestamp,
};
use serde_json::json;
use sqlx::{Row, any::AnyRow};

use self::change::{Act, Expire, Invite, Say};
pub(crate) use self::change::{forget, leave};
use crate::{
    error::StoreError,
    message::{Acting, Page},
    row,
    store::Store,
};

/// The columns of a pair, in one place: `p` is the table.
macro_rules! pair_columns {
    () => {
        "p.id, p.initiator, p.partner, p.objective, p.status, p.created_at, p.accepted_at, p.ended_at, \
         p.end_reason, p.thread_id"
    };
}
use pair_columns;

impl Store {
    /// Invites an agent to a pair. Who was offline and invites is back.
    ///
    /// Refuses with `target_not_found` or `ambiguous_target` where no one available agent is meant,
    /// with `busy` where one of the two is in a pair that is not over.
    pub async fn invite_pair(
        &self,
        by: Acting,
        verified: Verified,
        request: InvitePair,
    ) -> Result<Pair, StoreError> {
        self.queue.run(Invite { by, verified, request }).await
    }

    /// Accepts an invitation; accepting again changes nothing.
    ///
    /// Refuses with `invalid_transition` what is over or has expired.
    pub async fn accept_pair(
        &self,
        id: PairId,
        by: Acting,
        verified: Verified,
    ) -> Result<Pair, StoreError> {
        self.queue.run(Act { id, by, verified, rule: Pair::accept }).await
    }

    /// Declines an invitation; declining again changes nothing.
    ///
    /// Refuses with `invalid_transition` what was accepted, is over or has expired.
    pub async fn reject_pair(
        &self,
        id: PairId,
        by: Acting,
        verified: Verified,
    ) -> Result<Pair, StoreError> {
        self.queue.run(Act { id, by, verified, rule: Pair::reject }).await
    }

    /// Ends a pair, or takes an invitation back; what is over stays as it is.
    pub async fn hang_up_pair(
        &self,
        id: PairId,
        by: Acting,
        verified: Verified,
    ) -> Result<Pair, StoreError> {
        self.queue.run(Act { id, by, verified, rule: Pair::hang_up }).await
    }

    /// Says something to the other side.
    ///
    /// Refuses with `not_active` before the invitation is accepted and after the end.
    pub async fn say_in_pair(
        &self,
        id: PairId,
        by: Acting,
        verified: Verified,
        body: Body,
    ) -> Result<Sent, StoreError> {
        self.queue.run(Say { id, by, verified, body }).await
    }

    /// One pair.
    ///
    /// Refuses with `forbidden` a viewer who is not in it.
    pub async fn pair(&self, id: &PairId, viewer: Option<&AgentId>) -> Result<Pair, StoreError> {
        let sql = concat!("SELECT ", pair_columns!(), " FROM pair p WHERE p.id = $1");
        let row = sqlx::query(sql).bind(id.to_string()).fetch_optional(&self.readers).await?;
        let mut found = row.as_ref().map(read).transpose()?.ok_or_else(|| unknown(id))?.pair;
        found.expire(self.now());
        if let Some(viewer) = viewer {
            found.check_party(viewer)?;
        }
        Ok(found)
    }

    /// The pairs that fit and that the viewer is in: the newest page, newest last.
    pub async fn pairs(
        &self,
        query: &query::Pairs,
        viewer: Option<&AgentId>,
    ) -> Result<Page<Pair>, StoreError> {
        let limit = query.limit.map_or(query::DEFAULT_LIMIT, |limit| limit.0) as usize;
        let now = self.now();
        let sql = concat!(
            "SELECT ",
            pair_columns!(),
            " FROM pair p WHERE ($1 IS NULL OR lower(p.initiator) = $1 OR lower(p.partner) = $1) \
             AND ($2 IS NULL OR lower(p.initiator) = $2 OR lower(p.partner) = $2) \
             AND ($3 IS NULL OR $3 = CASE WHEN p.status = 'pending' AND p.created_at <= $6 \
                  THEN 'expired' ELSE p.status END) \
             AND ($4 IS NULL OR p.seq < (SELECT b.seq FROM pair b WHERE b.id = $4)) \
             ORDER BY p.seq DESC LIMIT $5"
        );
        let rows = sqlx::query(sql)
            .bind(query.agent.as_ref().map(AgentId::folded))
            .bind(viewer.map(AgentId::folded))
            .bind(query.status.map(pair::Status::as_str))
            .bind(query.before.as_ref().map(ToString::to_string))
            .bind(limit as i64 + 1)
            .bind(now.minus(INVITATION).0)
            .fetch_all(&self.readers)
            .await?;
        let more = rows.len() > limit;
        let as_now = |row| {
            let mut pair = read(row)?.pair;
            pair.expire(now);
            Ok(pair)
        };
        let mut items: Vec<Pair> =
            rows.iter().take(limit).map(as_now).collect::<Result<_, StoreError>>()?;
        items.reverse();
        Ok(Page { items, more })
    }

    /// Ends every invitation that nobody answered in time. Returns how many.
    pub async fn expire_pairs(&self) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM pair WHERE ended_at IS NULL AND status = 'pending' AND created_at <= $1";
        let count: (i64,) = sqlx::query_as(sql)
            .bind(self.now().minus(INVITATION).0)
            .fetch_one(&self.readers)
            .await?;
        if count.0 == 0 { Ok(0) } else { self.queue.run(Expire).await }
    }

    pub(crate) async fn count_pairs(&self) -> Result<PairCounts, StoreError> {
        let sql = "SELECT status, count(*) AS n FROM pair WHERE ended_at IS NULL GROUP BY status";
        let mut counts = PairCounts::default();
        for row in sqlx::query(sql).fetch_all(&self.readers).await? {
            let n = row.try_get::<i64, _>("n")? as u64;
            match row.try_get::<String, _>("status")?.as_str() {
                "pending" => counts.pending = n,
                _ => counts.active = n,
            }
        }
        Ok(counts)
    }
}

/// A pair with the thread that carries it.
struct Stored {
    pair: Pair,
    /// The invitation's message.
    thread: MessageId,
}

fn read(row: &AnyRow) -> Result<Stored, StoreError> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let maybe = |column: &str| row.try_get::<Option<String>, _>(column);
    let time = |column: &str| row.try_get::<Option<i64>, _>(column).map(|at| at.map(Timestamp));
    let reason = maybe("end_reason")?.map(|word| serde_json::from_value(json!(word)));
    let pair = Pair {
        id: row::parsed(&text("id")?)?,
        initiator: row::parsed(&text("initiator")?)?,
        partner: row::parsed(&text("partner")?)?,
        objective: maybe("objective")?.map(|text| row::parsed(&text)).transpose()?,
        status: row::parsed(&text("status")?)?,
        created_at: Timestamp(row.try_get("created_at")?),
        accepted_at: time("accepted_at")?,
        ended_at: time("ended_at")?,
        end_reason: reason.transpose()?,
    };
    Ok(Stored { pair, thread: MessageId(row.try_get("thread_id")?) })
}

fn unknown(id: &PairId) -> Refused {
    Refused::not_found(format!("pair `{id}`"))
        .hint("list the pairs with `agent-relay pair status` or GET /api/pairs")
}
