//! Offers: who comes to match waiting mail is told by an event of its own, so that a reader who only
//! follows the stream misses nothing.

use relay_core::{
    event::{Event, Name},
    id::AgentId,
    lease::State,
    target::Address,
};

use crate::{
    error::StoreError,
    row::{self, Stored, message_columns},
    tx::Tx,
};

/// Offers an agent what waits under addresses it has gained: unread mail of an id or a label, open
/// claimable mail of any address.
pub(crate) async fn waiting(
    tx: &mut Tx<'_>,
    id: &AgentId,
    gained: &[Address],
) -> Result<(), StoreError> {
    if gained.is_empty() {
        return Ok(());
    }
    tx.flush_events().await?;
    let keeping: Vec<&Address> = gained.iter().filter(|address| address.keeps_mail()).collect();
    let sql = tx.dialect.sql(concat!(
        "SELECT ",
        message_columns!(),
        " FROM message m WHERE m.address IN (EACH($1)) AND m.sender <> $3 AND m.deleted_at IS NULL \
         AND (m.expires_at IS NULL OR m.expires_at > $4) \
         AND (m.claim_state = 'open' OR (m.claim_state IS NULL AND m.address IN (EACH($2)) \
              AND NOT EXISTS (SELECT 1 FROM receipt r WHERE r.message_id = m.id AND r.read_at IS NOT NULL))) \
         AND NOT EXISTS (SELECT 1 FROM event e WHERE e.recipient = $3 AND e.message_id = m.id) \
         ORDER BY m.id"
    ));
    let query = sqlx::query(sql)
        .bind(serde_json::to_string(gained)?)
        .bind(serde_json::to_string(&keeping)?)
        .bind(id.to_string())
        .bind(tx.now().0);
    let rows = query.fetch_all(&mut *tx.connection).await?;
    for row in &rows {
        offer(tx, &row::message(row)?, id)?;
    }
    Ok(())
}

/// Offers a claim that opened again to those who match now but did not when it was sent.
pub(crate) async fn reopened(tx: &mut Tx<'_>, stored: &Stored) -> Result<(), StoreError> {
    let message = &stored.message;
    if message.is_over(tx.now()) || stored.lease.state != State::Open {
        return Ok(());
    }
    let address = message.to.address();
    let later: Vec<AgentId> = tx
        .directory
        .members(&address)
        .filter(|entry| entry.addresses.get(&address).is_some_and(|since| since.0 >= message.id.0))
        .filter(|entry| message.is_for(&entry.agent))
        .map(|entry| entry.agent.id.clone())
        .collect();
    for id in later {
        if !was_offered(tx, stored, &id).await? {
            offer(tx, stored, &id)?;
        }
    }
    Ok(())
}

/// True when the agent was given this message by name.
pub(crate) async fn was_offered(
    tx: &mut Tx<'_>,
    stored: &Stored,
    id: &AgentId,
) -> Result<bool, StoreError> {
    tx.flush_events().await?;
    let sql = "SELECT 1 FROM event WHERE recipient = $1 AND message_id = $2";
    let query = sqlx::query(sql).bind(id.to_string()).bind(stored.message.id.0);
    Ok(query.fetch_optional(&mut *tx.connection).await?.is_some())
}

fn offer(tx: &mut Tx<'_>, stored: &Stored, id: &AgentId) -> Result<(), StoreError> {
    let heard = tx
        .directory
        .get(id)
        .is_some_and(|entry| entry.agent.channels.hears(stored.message.channel.as_ref()));
    if !heard {
        return Ok(());
    }
    let seq = tx.next_seq();
    let event = Event {
        message: Some(stored.message.clone()),
        addressed_to: Some(id.clone()),
        ..Event::new(seq, Name::MessageNew, tx.now())
    };
    tx.append(event)
}
