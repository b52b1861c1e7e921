//! Pairs: inviting, answering, talking, ending.

use relay_core::{
    api::{
        query,
        reply::Sent,
        request::{ActOnPair, InvitePair, SayInPair},
        route::Route,
    },
    id::PairId,
    pair::Pair,
};

use crate::{
    call::Call,
    error::ClientError,
    http::{Page, Relay},
};

impl Relay {
    /// Invites an agent to a pair: an exclusive live chat of two.
    ///
    /// Refused with `target_not_found` or `ambiguous_target` where no one available agent is meant,
    /// with `busy` where one of the two is in a pair. Not repeated when the answer is lost, because
    /// the repeat would find its own pair in the way.
    pub async fn invite_pair(&self, request: &InvitePair) -> Result<Pair, ClientError> {
        self.call(Call::new(Route::InvitePair).body(request)).await
    }

    /// Lists pairs: the newest page, newest last.
    pub async fn pairs(&self, query: &query::Pairs) -> Result<Page<Pair>, ClientError> {
        self.list(Call::new(Route::ListPairs).query(query.write())).await
    }

    /// Lists pairs over all pages, oldest first.
    pub async fn all_pairs(&self, query: &query::Pairs) -> Result<Vec<Pair>, ClientError> {
        let page = self.pairs(query).await?;
        let mut all = self.rest(page).await?;
        all.sort_by_key(|pair| pair.created_at);
        Ok(all)
    }

    /// Shows one pair.
    pub async fn pair(&self, id: &PairId) -> Result<Pair, ClientError> {
        self.call(Call::new(Route::GetPair(id.clone()))).await
    }

    /// Accepts an invitation; accepting again changes nothing. Refused with `invalid_transition`
    /// when it is over or has expired.
    pub async fn accept_pair(&self, id: &PairId, by: &ActOnPair) -> Result<Pair, ClientError> {
        self.call(Call::new(Route::AcceptPair(id.clone())).body(by)).await
    }

    /// Declines an invitation; declining again changes nothing. Refused with `invalid_transition`
    /// when it was accepted, is over or has expired.
    pub async fn reject_pair(&self, id: &PairId, by: &ActOnPair) -> Result<Pair, ClientError> {
        self.call(Call::new(Route::RejectPair(id.clone())).body(by)).await
    }

    /// Says something to the other side of a pair. Refused with `not_active` before the invitation
    /// is accepted and after the end. Not repeated when the answer is lost: it could be said twice.
    pub async fn say_in_pair(&self, id: &PairId, request: &SayInPair) -> Result<Sent, ClientError> {
        self.call(Call::new(Route::SayInPair(id.clone())).body(request)).await
    }

    /// Ends a pair, or takes an invitation back; what is over stays as it is.
    pub async fn hang_up_pair(&self, id: &PairId, by: &ActOnPair) -> Result<Pair, ClientError> {
        self.call(Call::new(Route::HangUpPair(id.clone())).body(by)).await
    }
}
