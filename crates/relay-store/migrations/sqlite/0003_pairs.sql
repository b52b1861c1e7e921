-- Pairs of agents. `seq` is the number of the invitation's event, in whose order they are listed;
-- `thread_id` is the invitation's message.

CREATE TABLE pair (
    id          TEXT   NOT NULL PRIMARY KEY,
    seq         BIGINT NOT NULL,
    initiator   TEXT   NOT NULL,
    partner     TEXT   NOT NULL,
    objective   TEXT,
    status      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    accepted_at BIGINT,
    ended_at    BIGINT,
    end_reason  TEXT,
    thread_id   BIGINT NOT NULL
) WITHOUT ROWID;

CREATE INDEX pair_seq ON pair (seq);
CREATE INDEX pair_initiator ON pair (lower(initiator), seq);
CREATE INDEX pair_partner ON pair (lower(partner), seq);
CREATE INDEX pair_live ON pair (status, created_at) WHERE ended_at IS NULL;
CREATE INDEX pair_over ON pair (ended_at) WHERE ended_at IS NOT NULL;

-- Who is in a pair that is not over: one row an agent (its id without case), so that no two pairs
-- can have the same one.
CREATE TABLE paired (
    agent   TEXT NOT NULL PRIMARY KEY,
    pair_id TEXT NOT NULL
) WITHOUT ROWID;

CREATE INDEX paired_pair ON paired (pair_id);
