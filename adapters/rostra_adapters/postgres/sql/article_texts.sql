-- The texts of articles' revisions, each once, apart from the log: rows may be deleted, and
-- what the log concluded from them stays. `hash` is the SHA-256 of the UTF-8.
create table if not exists public.rostra_article_texts (
    discussion uuid not null,
    hash bytea not null check (octet_length(hash) = 32),
    text text not null,
    kept_at timestamptz not null default clock_timestamp(),
    primary key (discussion, hash)
)
