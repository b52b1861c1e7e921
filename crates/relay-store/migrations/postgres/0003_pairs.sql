-- Pairs of agents. `seq` is the number of the invitation's event, in whose order they are listed;
-- `thread_id` is the invitation's message.

CREATE TABLE pair (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq         BIGINT NOT NULL,
    initiator   TEXT COLLATE "C" NOT NULL,
    partner     TEXT COLLATE "C" NOT NULL,
    objective   TEXT,
    status      TEXT COLLATE "C" NOT NULL,
    created_at  BIGINT NOT NULL,
    accepted_at BIGINT,
    ended_at    BIGINT,
    end_reason  TEXT,
    thread_id   BIGINT NOT NULL
);

CREATE INDEX pair_seq ON pair (seq);
CREATE INDEX pair_initiator ON pair (lower(initiator), seq);
CREATE INDEX pair_partner ON pair (lower(partner), seq);
CREATE INDEX pair_live ON pair (status, created_at) WHERE ended_at IS NULL;
CREATE INDEX pair_over ON pair (ended_at) WHERE ended_at IS NOT NULL;

-- Who is in a pair that is not over: one row an agent (its id without case), so that no two pairs
-- can have the same one.
CREATE TABLE paired (
    agent   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    pair_id TEXT COLLATE "C" NOT NULL
);

CREATE INDEX paired_pair ON paired (pair_id);
