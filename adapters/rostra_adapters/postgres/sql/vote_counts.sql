-- Number of votes of each person, counted from the log up to the checkpoint of the follower `votes`.
create table if not exists public.rostra_vote_counts (
    person uuid not null primary key,
    votes bigint not null
) with (fillfactor = 70)
