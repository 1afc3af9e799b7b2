-- Seconds for which the process uses its keys after its last look.
alter table rostra_keys.key_readers
    add column if not exists trusted_seconds double precision not null default 12
